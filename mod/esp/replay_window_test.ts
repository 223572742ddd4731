import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ReplayWindow } from "./replay_window.ts";

Deno.test("ReplayWindow accepts each number once, in any order, and none behind the window", () => {
  const sequences = fc.array(fc.integer({ min: 0, max: 200 }), { maxLength: 300 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 70 }), sequences, (size, numbers) => {
    const window = new ReplayWindow(size);
    const seen = new Set<number>();
    let top = 0;
    for (const sequence of numbers) {
      const isNew = sequence !== 0 && !seen.has(sequence) && (sequence > top || top - sequence < size);
      assertEquals(window.accepts(sequence), isNew, `${sequence} after ${[...seen]}`);
      if (!isNew) continue;
      window.advance(sequence);
      seen.add(sequence);
      top = Math.max(top, sequence);
    }
  }));
});

Deno.test("ReplayWindow of 64: number 1 passes behind 64 and not behind 65", () => {
  const window = new ReplayWindow(64);
  window.advance(64);
  assertEquals(window.accepts(1), true);
  window.advance(65);
  assertEquals(window.accepts(1), false);
});

Deno.test("ReplayWindow forgets nothing at the last sequence number", () => {
  const window = new ReplayWindow(64);
  window.advance(0xffffffff);
  assertEquals(window.accepts(0xffffffff), false);
  assertEquals(window.accepts(0xffffffc0), true);
  assertEquals(window.accepts(0xffffffbf), false);
});

Deno.test("extended() guesses the upper half that puts the number into the window or next behind it", () => {
  const extended = (top: number, size: number, low: number) => {
    const window = new ReplayWindow(size);
    window.startAfter(top);
    return window.extended(low);
  };
  assertEquals(extended(0x7_00000004, 64, 5), 0x7_00000005);
  assertEquals(extended(0x7_00000004, 64, 0xffffffff), 0x6_ffffffff);
  assertEquals(extended(0x7_00000004, 64, 0xffffffc5), 0x6_ffffffc5);
  assertEquals(extended(0x7_00000004, 64, 0xffffffc4), 0x7_ffffffc4);
  assertEquals(extended(0xfffffff6, 64, 0xfffffff7), 0xfffffff7);
  assertEquals(extended(0xfffffff6, 64, 0), 0x1_00000000);
  assertEquals(extended(0xfffffff6, 64, 0xffffffb7), 0xffffffb7);
  assertEquals(extended(0xfffffff6, 64, 0xffffffb6), 0x1_ffffffb6);
  assertEquals(extended(0, 64, 1), 1);
  assertEquals(extended(0, 64, 0xffffffc0), 0xffffffc0);
  assertEquals(extended(0, 64, 0xffffffc1), -63);
});

Deno.test("extended() finds every number that is not behind the window and not 2^32 in front of it", () => {
  const tops = fc.integer({ min: 100, max: 2 ** 45 });
  fc.assert(fc.property(tops, fc.integer({ min: 1, max: 90 }), fc.nat(0xffffffff), (top, size, step) => {
    const window = new ReplayWindow(size);
    window.startAfter(top);
    const number = top - size + 1 + step;
    assertEquals(window.extended(number % 2 ** 32), number);
  }));
});

Deno.test("ReplayWindow of 0 numbers accepts everything again and again", () => {
  const window = new ReplayWindow(0);
  window.advance(5);
  assertEquals([0, 5, 5].map((sequence) => window.accepts(sequence)), [true, true, true]);
});
