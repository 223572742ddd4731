import { assertAlmostEquals, assertEquals } from "@std/assert";
import { differences } from "../report/comparison.ts";
import { costOf, knownResiduals, withPrior, withUnseen, worstErrors } from "./residuals.ts";

const MEASURED = { gbps: 2.6, cpuPercent: 71, rxCpuPercent: undefined };
const PREDICTED = { gbps: 2.652, cpuPercent: 69, rxCpuPercent: 99 };

Deno.test("differences() are % of Gbit/s and points of CPU, where both figures are known", () => {
  const [percent, points, rxPoints] = differences(MEASURED, PREDICTED);
  assertAlmostEquals(percent!, 2, 1e-9);
  assertEquals([points, rxPoints], [-2, undefined]);
  assertEquals(knownResiduals([{ measured: MEASURED, predicted: PREDICTED }]).length, 2);
});

Deno.test("costOf() counts measured figures in their tolerances and the distance from the prior in quarters of ranges", () => {
  const rows = [{ measured: MEASURED, predicted: PREDICTED }];
  assertAlmostEquals(costOf(rows, [0.5], [0.5]), 8, 1e-9);
  // Half a range is two standard deviations.
  assertAlmostEquals(costOf(rows, [1], [0.5]) - 8, 4, 1e-9);
});

Deno.test("withPrior() adds a residual for each unknown, of the same square as in costOf()", () => {
  const { residuals, jacobian } = withPrior({ residuals: [7], jacobian: [[1, 2]] }, [0.5, 1], [0.5, 0.5]);
  assertEquals([residuals.length, residuals[0], residuals[1]], [3, 7, 0]);
  assertAlmostEquals(residuals[2]! * residuals[2]!, costOf([], [0.5, 1], [0.5, 0.5]), 1e-12);
  assertAlmostEquals(jacobian[2]![1]! * 0.5, residuals[2]!, 1e-12);
  assertEquals([jacobian[1]![1], jacobian[2]![0]], [0, 0]);
});

Deno.test("withUnseen() adds slopes, and what they make of the way from where the approximation is exact", () => {
  const seen = { residuals: [1, 2], jacobian: [[2, 0], [0, 1]] };
  const { residuals, jacobian } = withUnseen(seen, [f64(3, 0), f64(0, -4)], f64(0.5, 1), f64(0.25, 0.5));
  assertEquals(Array.from(residuals), [1.75, 0]);
  assertEquals(jacobian.map((row) => Array.from(row)), [[5, 0], [0, -3]]);
  assertEquals(withUnseen(seen, [], f64(1, 1), f64(0, 0)), seen);
});

function f64(...values: number[]): Float64Array {
  return Float64Array.from(values);
}

Deno.test("worstErrors() names the largest of each kind", () => {
  const rows = [{ measured: MEASURED, predicted: PREDICTED }, {
    measured: MEASURED,
    predicted: { ...MEASURED, gbps: 2.5 },
  }];
  assertEquals(worstErrors(rows), "up to 3.8 % of Gbps and 2.0 points of CPU");
});
