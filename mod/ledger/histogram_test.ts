import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Histogram } from "./histogram.ts";

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.add(value);
  return histogram;
}

Deno.test("Histogram keeps three significant digits: exact below 1000, cut off above", () => {
  const cases = [
    [0, 0],
    [1, 1],
    [999, 999],
    [1000, 1000],
    [1009, 1000],
    [1010, 1010],
    [9999, 9990],
    [10_000, 10_000],
    [12_345, 12_300],
    [999_999, 999_000],
    [1_000_000, 1_000_000],
    [Number.MAX_SAFE_INTEGER, 9_000_000_000_000_000],
  ];
  for (const [value, kept] of cases) assertEquals(histogramOf([value!]).percentile(50), kept!, `${value}`);
});

Deno.test("Histogram.percentile() is the smallest value that so many percent do not exceed", () => {
  const histogram = histogramOf([30, 10, 20, 40]);
  const percentiles = [0, 1, 25, 26, 50, 51, 75, 99, 100].map((percent) => histogram.percentile(percent));
  assertEquals(percentiles, [10, 10, 10, 20, 20, 30, 30, 40, 40]);
  assertEquals(histogram.total, 4);
});

Deno.test("Histogram.percentile() of nothing is undefined", () => {
  assertEquals(new Histogram().percentile(50), undefined);
});

Deno.test("Histogram.percentile() agrees with a sorted array within one bucket, in whatever order values came", () => {
  const values = fc.array(fc.maxSafeNat().chain((n) => fc.constantFrom(n, n % 100_000, n % 1500)), { minLength: 1 });
  fc.assert(fc.property(values, fc.nat(100), (counted, percent) => {
    const sorted = counted.toSorted((a, b) => a - b);
    const exact = sorted[Math.max(1, Math.ceil(sorted.length * percent / 100)) - 1]!;
    const found = histogramOf(counted).percentile(percent)!;
    assertEquals(found, histogramOf(sorted).percentile(percent));
    if (exact < 1000) return assertEquals(found, exact);
    assert(found <= exact && exact - found < exact / 100, `${found} for ${exact}`);
    assertEquals(String(found), String(exact).slice(0, 3) + "0".repeat(String(exact).length - 3));
  }));
});
