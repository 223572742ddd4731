/** When CoDel drops. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Codel, codelTime, newtonStep } from "./codel.ts";

const NS_PER_MS = 1e6;

Deno.test("newtonStep() from almost one gives 1, 0.5, 0.5625 for 1, 2, 3, as Linux computes it", () => {
  assertEquals(newtonStep(1, 0xffff), 65535);
  assertEquals(newtonStep(2, 0xffff), 32769);
  assertEquals(newtonStep(3, 32768), 36864);
});

Deno.test("newtonStep(), one for each drop, stays within 2 % of 1 / sqrt(n) from the fifth on", () => {
  let inverseRoot = 0xffff;
  for (let n = 2; n <= 2000; n++) {
    inverseRoot = newtonStep(n, inverseRoot);
    if (n >= 5) assert(Math.abs(inverseRoot / 65536 * Math.sqrt(n) - 1) < 0.02, `${n}: ${inverseRoot}`);
  }
});

Deno.test("newtonStep() gives a fraction of 16 bits for any count and start", () => {
  fc.assert(fc.property(fc.nat(0xffffffff), fc.nat(0xffff), (count, inverseRoot) => {
    const next = newtonStep(count, inverseRoot);
    assert(Number.isInteger(next) && next >= 0 && next <= 0xffff);
  }));
});

Deno.test("Codel finds a packet too late when waits were 5 ms or more for more than 100 ms, and a short one starts anew", () => {
  const codel = new Codel();
  const waits = (waitMs: number, nowMs: number, isSmall = false): boolean => {
    return codel.isTooLate((nowMs - waitMs) * NS_PER_MS, nowMs * NS_PER_MS, isSmall);
  };
  assertEquals([waits(6, 10), waits(6, 60), waits(6, 109), waits(6, 111)], [false, false, false, true]);
  assertEquals(waits(4, 112), false);
  assertEquals([waits(6, 113), waits(6, 212), waits(6, 214)], [false, false, true]);
  assertEquals(waits(50, 215, true), false);
  assertEquals(waits(6, 216), false);
});

Deno.test("Codel that starts again soon after it has stopped goes on with the rate that it had", () => {
  const codel = new Codel();
  codel.start(0);
  for (let drop = 0; drop < 9; drop++) {
    codel.countDrop();
    codel.scheduleNext();
  }
  assertEquals(codel.count, 10);
  codel.isDropping = false;
  codel.start(500 * NS_PER_MS);
  assertEquals(codel.count, 9);
  const late = new Codel();
  late.start(0);
  for (let drop = 0; drop < 9; drop++) {
    late.countDrop();
    late.scheduleNext();
  }
  late.start(5000 * NS_PER_MS);
  assertEquals(late.count, 1);
});

Deno.test("codelTime() counts units of 1024 ns", () => {
  assertEquals([codelTime(0), codelTime(1023), codelTime(1024), codelTime(5_000_000)], [0, 0, 1, 4882]);
});
