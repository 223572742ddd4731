/**
 * How much of the ranges the rows of a fit leave: the standard deviation of each value after it, as a share of that before.
 *
 * Before, a value has a quarter of its range as standard deviation; rows are known to their tolerances. After, it
 * follows from the covariance of the linearised problem, (JᵀJ + P)⁻¹. Values that only their sum pins are each left open.
 *
 * Departure: that a value cannot leave its range is not in it.
 *
 * @module
 */

import { type Linearised, normalMatrix } from "./bounded_least_squares.ts";
import { Cholesky } from "./cholesky.ts";
import { DEVIATIONS_IN_RANGE } from "./residuals.ts";

/** For each unknown the share that the residuals of the rows, with derivatives by shares of the ranges, leave: 1 for all of it. */
export function leftShares({ jacobian }: Linearised, unknowns: number): number[] {
  const precision = DEVIATIONS_IN_RANGE * DEVIATIONS_IN_RANGE;
  const matrix = normalMatrix(jacobian, unknowns);
  matrix.forEach((row, i) => row[i] = row[i]! + precision);
  return Array.from(new Cholesky(matrix).inverseDiagonal(), (variance) => Math.min(1, Math.sqrt(variance * precision)));
}
