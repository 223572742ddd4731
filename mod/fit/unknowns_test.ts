import { assertEquals, assertThrows } from "@std/assert";
import { FitError } from "./errors.ts";
import type { Tie } from "./labels.ts";
import { TEST_PRIOR } from "./testing.ts";
import { priorShares, profileAt, roundedValues, unknownsOf } from "./unknowns.ts";

const SEAL = 0;
const OPEN = 1;
const COPY = 3;
const USER_COPY = 4;
const FIXED = 9;

Deno.test("unknownsOf() has what has a range and is asked for, in the order of the profile", () => {
  const unknowns = unknownsOf(TEST_PRIOR, [], (index) => [COPY, SEAL, FIXED].includes(index));
  assertEquals(unknowns, [
    { members: [SEAL], low: 1, high: 3, prior: 2 },
    { members: [COPY], low: 0.1, high: 0.5, prior: 0.2 },
  ]);
});

Deno.test("unknownsOf() makes one of what is tied, also over a third, though only one is asked for", () => {
  const coefficients = TEST_PRIOR.coefficients.with(OPEN, { ...TEST_PRIOR.coefficients[OPEN]!, value: 1.5, high: 2.5 });
  const prior = { ...TEST_PRIOR, coefficients };
  assertEquals(unknownsOf(prior, [[OPEN, SEAL]], (index) => index === OPEN), [
    { members: [SEAL, OPEN], low: 1, high: 2.5, prior: 1.75 },
  ]);
  const ties: readonly Tie[] = [[COPY, USER_COPY], [SEAL, OPEN], [USER_COPY, SEAL]];
  const wide = {
    ...TEST_PRIOR,
    coefficients: TEST_PRIOR.coefficients.map((c) => ({ ...c, low: 0, high: 9, value: 4 })),
  };
  assertEquals(unknownsOf(wide, ties, (index) => index === SEAL).map(({ members }) => members), [
    [SEAL, OPEN, COPY, USER_COPY],
  ]);
});

Deno.test("unknownsOf() refuses a tie of ranges that have no more than a point in common", () => {
  const message = "Cannot tie seal aes-gcm cycles/byte to copy ns/byte: their ranges do not overlap";
  assertEquals(assertThrows(() => unknownsOf(TEST_PRIOR, [[SEAL, COPY]], () => true), FitError).message, message);
});

Deno.test("profileAt() sets every member of an unknown and nothing else, inside its range", () => {
  const unknowns = unknownsOf(TEST_PRIOR, [[SEAL, OPEN]], (index) => index < COPY);
  assertEquals([...priorShares(unknowns)], [0.5, 1100 / 1800]);
  const values = profileAt(TEST_PRIOR, unknowns, [0.25, 1.5]).coefficients.map(({ value }) => value);
  assertEquals(values, TEST_PRIOR.coefficients.map(({ value }, i) => [1.5, 1.5, 2000][i] ?? value));
});

Deno.test("roundedValues() keeps 4 digits, all digits of a prior that did not move, and the range", () => {
  const coefficients = [{ low: 1.00004, high: 2, value: 1.5 }, { low: 0, high: 1, value: 1 / 3 }].map((range, i) => {
    return { ...TEST_PRIOR.coefficients[i]!, ...range };
  });
  const unknowns = unknownsOf({ ...TEST_PRIOR, coefficients }, [], () => true);
  assertEquals(roundedValues(unknowns, [0.234567, 1 / 3]), [1.235, 1 / 3]);
  assertEquals(roundedValues(unknowns, [0, 0.66666666]), [1.00004, 0.6667]);
});
