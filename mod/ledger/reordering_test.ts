import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Reordering } from "./reordering.ts";

/** Depths of packets of one flow that leave in this order, having arrived in the order of their numbers. */
function depthsOf(order: readonly number[]): number[] {
  const reordering = new Reordering();
  for (let packet = 0; packet < order.length; packet++) reordering.arrive(packet, 0);
  return order.map((packet) => reordering.leave(packet, 0));
}

Deno.test("Reordering.leave() gives 0 in order, and else how far a packet is behind the latest that has left", () => {
  assertEquals(depthsOf([0, 1, 2, 3]), [0, 0, 0, 0]);
  assertEquals(depthsOf([1, 0, 2, 3]), [0, 1, 0, 0]);
  assertEquals(depthsOf([3, 0, 1, 2]), [0, 3, 2, 1]);
  assertEquals(depthsOf([1, 2, 3, 0]), [0, 0, 0, 3]);
});

Deno.test("Reordering counts places within each flow: packets of others in between are not overtaken", () => {
  const reordering = new Reordering();
  for (const [packet, flow] of [[0, 0], [1, 1], [2, 1], [3, 1], [4, 0]] as const) reordering.arrive(packet, flow);
  assertEquals([[4, 0], [1, 1], [0, 0], [3, 1], [2, 1]].map(([packet, flow]) => reordering.leave(packet!, flow!)), [
    0,
    0,
    1,
    0,
    1,
  ]);
  assertEquals([reordering.reordered, reordering.depthMax], [2, 1]);
});

Deno.test("Reordering counts a packet that was dropped among those that another is behind", () => {
  const reordering = new Reordering();
  for (const packet of [0, 1, 2]) reordering.arrive(packet, 0);
  reordering.forget(1);
  assertEquals([reordering.leave(2, 0), reordering.leave(0, 0)], [0, 2]);
});

Deno.test("Reordering.leave() gives 1 for a packet that is behind and never arrived", () => {
  const reordering = new Reordering();
  assertEquals([reordering.leave(7, 0), reordering.leave(3, 0), reordering.leave(7, 0)], [0, 1, 0]);
});

Deno.test("Reordering agrees with the definition for every order", () => {
  const orders = fc.integer({ min: 1, max: 40 }).chain((count) => {
    return fc.shuffledSubarray([...Array(count).keys()], { minLength: count });
  });
  fc.assert(fc.property(orders, (order) => {
    const expected = order.map((packet, i) => Math.max(...order.slice(0, i), packet) - packet);
    assertEquals(depthsOf(order), expected);
  }));
});
