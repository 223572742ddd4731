import { assertAlmostEquals, assertEquals } from "@std/assert";
import { leftShares } from "./left.ts";

const DEVIATIONS = 4;

Deno.test("leftShares() leaves all of a range on which no residual depends, and little where one depends much", () => {
  // A whole range is 40 residuals, a standard deviation before 10: 1 / sqrt(1 + 10²) is left.
  const [pinned, open] = leftShares({ residuals: [0], jacobian: [[10 * DEVIATIONS, 0]] }, 2);
  assertAlmostEquals(pinned!, 1 / Math.sqrt(101), 1e-12);
  assertAlmostEquals(open!, 1, 1e-12);
});

Deno.test("leftShares() says that a sum leaves each of its terms open", () => {
  // Half of the variance is that of the difference, of which the rows say nothing.
  const [a, b] = leftShares({ residuals: [0], jacobian: [[1e5, 1e5]] }, 2);
  assertAlmostEquals(a!, Math.SQRT1_2, 1e-4);
  assertAlmostEquals(b!, Math.SQRT1_2, 1e-4);
});

Deno.test("leftShares() of rows that say nothing is 1", () => {
  assertEquals(leftShares({ residuals: [], jacobian: [] }, 2), [1, 1]);
});
