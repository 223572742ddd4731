/** Which fragments a queue takes (inet_frag_queue_insert), and when it has all. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Skb } from "../skb/skb.ts";
import { FIT, FragmentQueue } from "./fragment_queue.ts";

/** Only the length of a buffer matters here. */
function add(queue: FragmentQueue, offset: number, bytes: number, isLast: boolean, ecn = 2): void {
  queue.add({ skb: { len: bytes } as unknown as Skb, offset }, isLast, ecn);
}

Deno.test("FragmentQueue is complete when the last fragment and all bytes in front of it are there, in any order", () => {
  const parts = [[0, 800], [800, 16], [816, 8], [824, 1]] as const;
  fc.assert(fc.property(fc.shuffledSubarray([...parts], { minLength: 4 }), (order) => {
    const queue = new FragmentQueue(0);
    order.forEach(([offset, bytes], i) => {
      assertEquals(queue.fit(offset, offset + bytes, offset === 824), FIT.fits);
      assertEquals(queue.isComplete, false);
      add(queue, offset, bytes, offset === 824);
      assertEquals(queue.isComplete, i === 3);
    });
    assertEquals(queue.fragments.map(({ offset }) => offset), [0, 800, 816, 824]);
    assertEquals(queue.bytes, 825);
  }));
});

Deno.test("FragmentQueue knows a duplicate, also over several fragments in a row, from a conflict", () => {
  const queue = new FragmentQueue(0);
  for (const [offset, bytes] of [[0, 800], [800, 800], [2400, 80]] as const) add(queue, offset, bytes, false);
  const fit = (offset: number, end: number) => queue.fit(offset, end, false);
  for (const [offset, end] of [[0, 800], [8, 16], [792, 808], [0, 1600], [2400, 2480]] as const) {
    assertEquals(fit(offset, end), FIT.duplicate, `${offset} to ${end}`);
  }
  for (const [offset, end] of [[1592, 1608], [2392, 2408], [1600, 2408], [2472, 2488], [0, 2480], [80, 80]] as const) {
    assertEquals(fit(offset, end), FIT.conflicts, `${offset} to ${end}`);
  }
  for (const [offset, end] of [[1600, 2400], [1608, 2392], [2480, 4000]] as const) {
    assertEquals(fit(offset, end), FIT.fits, `${offset} to ${end}`);
  }
});

Deno.test("FragmentQueue refuses two ends, and data behind the end", () => {
  const queue = new FragmentQueue(0);
  add(queue, 800, 100, true);
  assertEquals(queue.fit(1000, 1008, false), FIT.conflicts);
  assertEquals(queue.fit(808, 816, true), FIT.conflicts);
  assertEquals(queue.fit(1000, 1100, true), FIT.conflicts);
  assertEquals(queue.fit(800, 900, true), FIT.duplicate);
  assertEquals(queue.fit(0, 800, false), FIT.fits);
});

Deno.test("FragmentQueue says what ECN the fragments had: congested, or not to be mixed", () => {
  const marks = (...fields: number[]): [boolean, boolean] => {
    const queue = new FragmentQueue(0);
    fields.forEach((ecn, i) => add(queue, i * 8, 8, false, ecn));
    return [queue.isCongested, queue.isMixed];
  };
  assertEquals([marks(0, 0), marks(2, 2), marks(1, 2)], [[false, false], [false, false], [false, false]]);
  assertEquals([marks(2, 3), marks(3), marks(1, 2, 3)], [[true, false], [true, false], [true, false]]);
  assertEquals([marks(0, 2), marks(0, 3), marks(1, 0)].map(([, isMixed]) => isMixed), [true, true, true]);
});
