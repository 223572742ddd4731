/**
 * What a fit makes small: how far a prediction is from what was measured, and values from where they were before.
 *
 * All in standard deviations. That of a row is its tolerance, 1 unless it says otherwise, in % of Gbit/s and in points of CPU; that
 * of a value is a quarter of its range, which is so four of them wide around the prior. What is made small is the sum of all squares:
 * the values that are likeliest after the rows have been seen, were all these normal distributions.
 *
 * Example: 2.6 predicted as 2.652 Gbit/s, and 71 % as 69 %, are residuals of 2 and -2 with a tolerance of 1.
 *
 * @module
 */

import { differences, type Figures } from "../report/comparison.ts";
import { type Linearised, sumOfSquares } from "./bounded_least_squares.ts";
import type { Sloped, SlopedFigures } from "./surrogate.ts";

/** Standard deviations from one end of a range to the other. */
export const DEVIATIONS_IN_RANGE = 4;

/** What was measured and what is predicted. */
export interface Compared {
  readonly measured: Figures;
  readonly predicted: Figures;
  /** Standard deviation of what was measured, in % of Gbit/s and in points of CPU; 1 unless given. */
  readonly tolerance?: number | undefined;
}

/** The sum of squares of a point: the measured figures of each row, what is predicted, and shares of ranges. */
export function costOf(
  rows: readonly Compared[],
  shares: ArrayLike<number>,
  prior: ArrayLike<number>,
): number {
  return sumOfSquares(knownResiduals(rows)) +
    sumOfSquares(Array.from(shares, (share, i) => priorResidual(share, prior[i]!)));
}

/** The residuals of all rows as far as they are known, in the order of `rowResiduals()`. */
export function knownResiduals(rows: readonly Compared[]): number[] {
  return rows.flatMap(({ measured, predicted, tolerance = 1 }) => {
    return differences(measured, predicted).flatMap((by) => by === undefined ? [] : [by / tolerance]);
  });
}

/** Residuals of rows with derivatives by the shares. */
export function rowResiduals(
  rows: readonly (Omit<Compared, "predicted"> & { readonly predicted: SlopedFigures })[],
): Linearised {
  const sloped = rows.flatMap(({ measured, predicted, tolerance = 1 }) => [
    ...residual(predicted.gbps, measured.gbps, 100 / (measured.gbps ?? 1) / tolerance),
    ...residual(predicted.cpuPercent, measured.cpuPercent, 1 / tolerance),
    ...residual(predicted.rxCpuPercent, measured.rxCpuPercent, 1 / tolerance),
  ]);
  return { residuals: sloped.map(({ value }) => value), jacobian: sloped.map(({ slopes }) => slopes) };
}

/** The residuals of a point together with those of its distance from the prior. */
export function withPrior(
  { residuals, jacobian }: Linearised,
  shares: ArrayLike<number>,
  prior: ArrayLike<number>,
): Linearised {
  const slope = priorResidual(1, 0);
  const ofPrior = Array.from(shares, (share, i) => priorResidual(share, prior[i]!));
  const slopes = ofPrior.map((_, i) => Float64Array.from(ofPrior, (_, j) => i === j ? slope : 0));
  return { residuals: [...Array.from(residuals), ...ofPrior], jacobian: [...jacobian, ...slopes] };
}

/** Residuals with slopes that an approximation does not see, which is exact `at` a point; none of them: as they are. */
export function withUnseen(
  { residuals, jacobian }: Linearised,
  unseen: readonly Float64Array[],
  shares: Float64Array,
  at: Float64Array,
): Linearised {
  if (unseen.length === 0) return { residuals, jacobian };
  return {
    residuals: Array.from(residuals, (residual, row) => {
      return unseen[row]!.reduce((sum, slope, i) => sum + slope * (shares[i]! - at[i]!), residual);
    }),
    jacobian: jacobian.map((slopes, row) => Float64Array.from(slopes, (slope, i) => slope + unseen[row]![i]!)),
  };
}

function priorResidual(share: number, prior: number): number {
  return DEVIATIONS_IN_RANGE * (share - prior);
}

function residual(predicted: Sloped | undefined, measured: number | undefined, per: number): Sloped[] {
  if (predicted === undefined || measured === undefined) return [];
  return [{ value: per * (predicted.value - measured), slopes: predicted.slopes.map((slope) => per * slope) }];
}

/** The largest errors of rows, in words: `up to 1.2 % of Gbps and 3.4 points of CPU`. */
export function worstErrors(rows: readonly Compared[]): string {
  const errors = rows.map(({ measured, predicted }) => differences(measured, predicted));
  const worst = (columns: readonly number[]): number => {
    return Math.max(0, ...errors.flatMap((row) => columns.map((column) => Math.abs(row[column] ?? 0))));
  };
  return `up to ${worst([0]).toFixed(1)} % of Gbps and ${worst([1, 2]).toFixed(1)} points of CPU`;
}
