import { assertEquals } from "@std/assert";
import { parseProfile, type Profile, withBase } from "../cost/profile.ts";
import type { Fit } from "./fit.ts";
import { renderFittedProfile } from "./fitted_profile.ts";
import { TEST_PRIOR } from "./testing.ts";
import { unknownsOf, withValues } from "./unknowns.ts";

/** A fit whose first two unknowns, tied, and whose third moved; the fourth was free and stayed. */
function fitOf(prior: Profile): Fit {
  const unknowns = unknownsOf(prior, [[0, 1]], (index) => [0, 2, 3].includes(index));
  const fitted = withValues(prior, unknowns, [2.5, 1111, prior.coefficients[3]!.value]);
  return { prior, fitted, rows: [], unknowns, left: [0.125, 0.9, 1] };
}

const TEXTS = { name: "mine", description: "my machine", fit: "to rows" };

Deno.test("renderFittedProfile() writes a profile that is read again with the fitted values and the published ranges", () => {
  const text = renderFittedProfile(fitOf(TEST_PRIOR), { ...TEXTS, base: undefined });
  const read = parseProfile(text, "mine.json");
  assertEquals([read.name, read.description, read.fit, read.base], ["mine", "my machine", "to rows", undefined]);
  assertEquals(read.clock_ghz, TEST_PRIOR.clock_ghz);
  const values = TEST_PRIOR.coefficients.map(({ value }, i) => [2.5, 2.5, 1111][i] ?? value);
  assertEquals(read.coefficients.map(({ value }) => value), values);
  assertEquals(read.coefficients.map(({ low, high, source }) => ({ low, high, source })), [
    ...TEST_PRIOR.coefficients.map(({ low, high, source }) => ({ low, high, source })),
  ]);
  assertEquals(read.coefficients.slice(0, 4).map(({ note }) => note), [
    "for tests; fitted: prior value 2, the rows leave 13 % of the range",
    "for tests; fitted: prior value 2, the rows leave 13 % of the range",
    "for tests; fitted: prior value 1300, the rows leave 90 % of the range",
    "for tests",
  ]);
});

Deno.test("renderFittedProfile() leaves to the base what is in it, and writes what the prior had of its own", () => {
  const own = { ...TEST_PRIOR.coefficients[9]!, value: 800, low: 700, high: 900 };
  const prior = withBase({ ...TEST_PRIOR, name: "prior", base: "test", coefficients: [own] }, SHIPPED, "prior");
  const unknowns = unknownsOf(prior, [], (index) => index === 1);
  const fitted = withValues(prior, unknowns, [2.25]);
  const text = renderFittedProfile({ prior, fitted, rows: [], unknowns, left: [0.5] }, { ...TEXTS, base: TEST_PRIOR });
  const read = parseProfile(text, "mine.json");
  assertEquals(read.base, "test");
  assertEquals(read.coefficients.map(({ value }) => value), [800, 2.25]);
  const complete = withBase(read, SHIPPED, "mine");
  const valuesOf = ({ coefficients }: Profile): number[] => coefficients.map(({ value }) => value).sort();
  assertEquals(valuesOf(complete), valuesOf(fitted));
});

const SHIPPED: ReadonlyMap<string, Profile> = new Map([["test", TEST_PRIOR]]);
