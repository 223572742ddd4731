/** Quantiles, spreads, and the interval of a ratio against counting. */

import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { leftOutOf, medianOf, pairedRatio, quantileOf, spreadOf } from "./statistics.ts";

Deno.test("medianOf() takes the middle, or the mean of the two in the middle, in whatever order they come", () => {
  assertEquals(medianOf([9, 1, 5]), 5);
  assertEquals(medianOf([9, 1, 5, 7]), 6);
  assertEquals(medianOf([3]), 3);
});

Deno.test("quantileOf() lies on the line between neighbours, and at the ends", () => {
  assertEquals([0, 0.25, 0.5, 1].map((share) => quantileOf([40, 10, 30, 20], share)), [10, 17.5, 25, 40]);
});

Deno.test("medianOf(), quantileOf() and spreadOf() refuse no values", () => {
  for (const call of [medianOf, spreadOf, (none: number[]) => quantileOf(none, 0.5)]) {
    assertThrows(() => call([]), RangeError, "Cannot find a quantile: there are no values");
  }
});

Deno.test("spreadOf() says where half of the values lie, in percent of the median", () => {
  assertEquals(spreadOf([100, 104, 96, 200, 98]), { median: 100, low: 96, high: 200, spreadPercent: 6 });
  assertEquals(spreadOf([0, 0]), { median: 0, low: 0, high: 0, spreadPercent: 0 });
});

Deno.test("pairedRatio() divides pair by pair: what both runs of a pair suffer does not count", () => {
  const first = [10, 100, 20, 10, 40, 10];
  const { ratio, low, high } = pairedRatio(first, first.map((time) => 2 * time));
  assertEquals([ratio, low, high], [2, 2, 2]);
});

Deno.test("pairedRatio() leaves out the outermost pairs, and cannot say with fewer than 6", () => {
  const ones = Array.from({ length: 11 }, () => 1);
  const { ratio, low, high } = pairedRatio(ones, ones.map((_, i) => i + 1));
  assertEquals([ratio, low, high], [6, 2, 10]);
  assertEquals(pairedRatio([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]), { ratio: 3, low: undefined, high: undefined });
});

Deno.test("pairedRatio() refuses runs without partners", () => {
  assertThrows(() => pairedRatio([1, 2], [1]), RangeError, "Cannot pair 2 runs with 1: the numbers differ");
});

/** Chance that at most `most` of `count` coins show heads, by counting. */
function chanceOf(count: number, most: number): number {
  let ways = 1n;
  let sum = 0n;
  for (let heads = 0; heads <= most; heads++) {
    sum += ways;
    ways = ways * BigInt(count - heads) / BigInt(heads + 1);
  }
  return Number(sum) / 2 ** count;
}

Deno.test("leftOutOf() leaves out as many as 5 percent allow, and no more", () => {
  for (let count = 1; count <= 60; count++) {
    const leftOut = leftOutOf(count);
    if (leftOut === undefined) assertEquals(2 * chanceOf(count, 0) > 0.05, true, `${count}`);
    else {
      assertEquals(2 * chanceOf(count, leftOut) <= 0.05, true, `${count}`);
      assertEquals(2 * chanceOf(count, leftOut + 1) > 0.05, true, `${count}`);
    }
  }
});

Deno.test("spreadOf() and quantileOf() do not depend on the order", () => {
  const values = fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(values, (list) => {
    assertEquals(spreadOf(list), spreadOf(list.toReversed()));
    assertAlmostEquals(quantileOf(list, 0.3), quantileOf(list.toSorted(), 0.3));
  }));
});
