import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { EventHeap } from "./heap.ts";

Deno.test("EventHeap.pop() gives entries by time, first in first out among equals", () => {
  const heap = new EventHeap<string>();
  for (const [timeNs, item] of [[20, "c"], [10, "a"], [20, "d"], [10, "b"], [20, "e"]] as const) {
    heap.push(timeNs, item);
  }
  assertEquals(Array.from({ length: 5 }, () => heap.pop()), ["a", "b", "c", "d", "e"]);
});

Deno.test("EventHeap of nothing has no first time and gives nothing", () => {
  const heap = new EventHeap<number>();
  assertEquals([heap.length, heap.firstTimeNs, heap.pop()], [0, Infinity, undefined]);
  heap.push(5, 1);
  assertEquals([heap.length, heap.firstTimeNs, heap.pop()], [1, 5, 1]);
  assertEquals([heap.length, heap.firstTimeNs, heap.pop()], [0, Infinity, undefined]);
});

Deno.test("EventHeap agrees with a stable sort, however pushes and pops are mixed", () => {
  // A small range of times makes many equals; undefined stands for a pop.
  const script = fc.array(fc.option(fc.nat(20), { nil: undefined, freq: 3 }), { maxLength: 200, size: "max" });
  fc.assert(fc.property(script, (steps) => {
    const heap = new EventHeap<number>();
    let model: { timeNs: number; order: number }[] = [];
    steps.forEach((timeNs, order) => {
      if (timeNs !== undefined) {
        heap.push(timeNs, order);
        model.push({ timeNs, order });
        model = model.toSorted((a, b) => a.timeNs - b.timeNs || a.order - b.order);
      } else {
        assertEquals(heap.pop(), model.shift()?.order);
      }
      assertEquals([heap.length, heap.firstTimeNs], [model.length, model[0]?.timeNs ?? Infinity]);
    });
    for (const { order } of model) assertEquals(heap.pop(), order);
  }));
});

Deno.test("EventHeap sorts 10 000 entries with times up to 2^53", () => {
  const heap = new EventHeap<number>();
  const times = Array.from({ length: 10_000 }, (_, i) => (i * 7_919_000_000_007) % 9_007_199_254_740_991);
  for (const timeNs of times) heap.push(timeNs, timeNs);
  const sorted = times.toSorted((a, b) => a - b);
  assertEquals(sorted.every((timeNs) => heap.pop() === timeNs), true);
});
