import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { type BoundedProblem, minimise, normalMatrix, sumOfSquares } from "./bounded_least_squares.ts";

/** Rows times the unknowns less the right side. */
function linear(rows: readonly (readonly number[])[], right: readonly number[]): BoundedProblem["linearise"] {
  return (at) => ({
    residuals: rows.map((row, i) => row.reduce((sum, slope, j) => sum + slope * at[j]!, -right[i]!)),
    jacobian: rows,
  });
}

function assertNear(found: ArrayLike<number>, wanted: readonly number[], tolerance = 1e-7): void {
  wanted.forEach((value, i) => assertAlmostEquals(found[i]!, value, tolerance));
}

Deno.test("minimise() finds the solution of normal equations where no bound is in its way", () => {
  // The line through (0, 1), (1, 3), (2, 4) nearest in squares: 7/6 + 3/2 x.
  const linearise = linear([[1, 0], [1, 1], [1, 2]], [1, 3, 4]);
  assertNear(minimise({ start: [9, 9], low: [-10, -10], high: [10, 10], linearise }), [7 / 6, 3 / 2]);
});

Deno.test("minimise() ends at a bound and solves the rest again", () => {
  // The same line with a slope of 1 at most: its level is then the mean of 1, 2, 2.
  const linearise = linear([[1, 0], [1, 1], [1, 2]], [1, 3, 4]);
  const found = minimise({ start: [0, 0], low: [-10, -10], high: [10, 1], linearise });
  assertNear(found, [5 / 3, 1]);
  assertEquals(found[1], 1);
});

Deno.test("minimise() leaves a bound on which it began, and one that it met on its way", () => {
  const linearise = linear([[1, 0], [1, 1], [1, 2]], [1, 3, 4]);
  assertNear(minimise({ start: [-10, 10], low: [-10, -10], high: [10, 10], linearise }), [7 / 6, 3 / 2]);
  // From a corner of the box, with a start outside.
  assertNear(minimise({ start: [50, -50], low: [0, 0], high: [10, 10], linearise }), [7 / 6, 3 / 2]);
});

Deno.test("minimise() ends in a corner where everything pushes there", () => {
  const linearise = linear([[1, 0], [0, 1]], [3, -4]);
  assertEquals([...minimise({ start: [0.5, 0.5], low: [0, 0], high: [1, 1], linearise })], [1, 0]);
});

Deno.test("minimise() does not move an unknown on which nothing depends, nor one without a range", () => {
  const linearise = linear([[1, 0, 1]], [3]);
  const found = minimise({ start: [0, 0.25, 1], low: [0, 0, 1], high: [9, 1, 1], linearise });
  assertNear(found, [2, 0.25, 1]);
  assertEquals([found[1], found[2]], [0.25, 1]);
});

Deno.test("minimise() meets a sum that two unknowns share, inside their ranges", () => {
  const linearise = linear([[1, 1]], [1.5]);
  const found = minimise({ start: [0, 0], low: [0, 0], high: [1, 1], linearise });
  assertAlmostEquals(found[0]! + found[1]!, 1.5, 1e-7);
  assert(found.every((value) => value >= 0 && value <= 1));
});

/** Rosenbrock's valley, whose bottom is at (1, 1). */
const VALLEY: BoundedProblem["linearise"] = ([x, y]) => ({
  residuals: [10 * (y! - x! * x!), 1 - x!],
  jacobian: [[-20 * x!, 10], [-1, 0]],
});

Deno.test("minimise() follows a bent valley to its bottom, and to where a bound cuts it", () => {
  assertNear(minimise({ start: [-1.2, 1], low: [-2, -2], high: [2, 2], linearise: VALLEY }), [1, 1]);
  // With x at most 1/2 the bottom is at y = x².
  assertNear(minimise({ start: [-1.2, 1], low: [-2, -2], high: [0.5, 2], linearise: VALLEY }), [0.5, 0.25]);
});

Deno.test("minimise() of linear problems ends where no move inside the box helps", () => {
  const numbers = (count: number) => fc.array(fc.integer({ min: -9, max: 9 }), { minLength: count, maxLength: count });
  const problems = fc.record({
    rows: fc.array(numbers(3), { minLength: 1, maxLength: 5 }),
    right: numbers(5),
    start: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 3 }),
  });
  fc.assert(
    fc.property(problems, ({ rows, right, start }) => {
      const linearise = linear(rows, right);
      const found = minimise({ start, low: [0, 0, 0], high: [1, 1, 1], linearise });
      const { residuals } = linearise(found);
      found.forEach((value, i) => {
        const slope = rows.reduce((sum, row, r) => sum + row[i]! * residuals[r]!, 0);
        assert(value >= 0 && value <= 1);
        if (value > 1e-8) assert(slope < 1e-4, `down from ${value}`);
        if (value < 1 - 1e-8) assert(slope > -1e-4, `up from ${value}`);
      });
    }),
    { numRuns: 1000 },
  );
});

Deno.test("normalMatrix() and sumOfSquares() are sums of products", () => {
  assertEquals(normalMatrix([[1, 2], [3, 4]], 2).map((row) => [...row]), [[10, 14], [14, 20]]);
  assertEquals(sumOfSquares([3, 4]), 25);
});
