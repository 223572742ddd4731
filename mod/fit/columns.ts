/**
 * The two tables of a fit: rows with their residuals, and coefficients with what the rows say of them.
 *
 * ```ts
 * renderCsv(FIT_ROW_COLUMNS, fit.rows);
 * renderCsv(FITTED_COLUMNS, fittedCoefficients(fit)); // what the rows say most about first
 * ```
 *
 * @module
 */

import type { Column } from "../report/columns.ts";
import { comparisonColumns } from "../report/comparison.ts";
import type { Fit, PredictedRow } from "./fit.ts";
import { labelOf } from "./labels.ts";

/** Rows of a fit. */
export const FIT_ROW_COLUMNS: readonly Column<PredictedRow>[] = [
  { name: "id", value: ({ id }) => id },
  { name: "role", value: ({ role }) => role },
  ...comparisonColumns<PredictedRow>((row) => row, 2),
];

/** A coefficient that was free. */
export interface FittedCoefficient {
  /** `event[@stage][ reason] unit`. */
  readonly label: string;
  /** The first coefficient that it is tied to; empty where it moved alone. */
  readonly tiedTo: string;
  /** Value before, as it stands in the prior. */
  readonly prior: number;
  /** Value after. */
  readonly value: number;
  /** Least value that was allowed, of tied ones to all of them. */
  readonly low: number;
  /** Greatest value that was allowed. */
  readonly high: number;
  /** Which end of the range it is at; empty inside. */
  readonly at: "low" | "high" | "";
  /** Share of the range that the rows leave, in %; 100 where they say nothing. */
  readonly leftPercent: number;
  /** The range that is left: two standard deviations about the value, inside the range. */
  readonly leftLow: number;
  /** Its upper end. */
  readonly leftHigh: number;
}

/** Coefficients, one row each. */
export const FITTED_COLUMNS: readonly Column<FittedCoefficient>[] = [
  { name: "coefficient", value: ({ label }) => label },
  { name: "prior", decimals: 4, value: ({ prior }) => prior },
  { name: "fitted", decimals: 4, value: ({ value }) => value },
  { name: "low", decimals: 4, value: ({ low }) => low },
  { name: "high", decimals: 4, value: ({ high }) => high },
  { name: "at", value: ({ at }) => at },
  { name: "left_percent", decimals: 1, value: ({ leftPercent }) => leftPercent },
  { name: "left_low", decimals: 4, value: ({ leftLow }) => leftLow },
  { name: "left_high", decimals: 4, value: ({ leftHigh }) => leftHigh },
  { name: "tied_to", value: ({ tiedTo }) => tiedTo },
];

/** What lies nearer to an end than this share of the range is at it: digits of a file. */
const AT_END = 1e-3;

/** The coefficients that were free, those first of which the rows leave least; of equals in the order of the profile. */
export function fittedCoefficients({ prior, fitted, unknowns, left }: Fit): FittedCoefficient[] {
  const rows = unknowns.flatMap(({ members, low, high }, i) => {
    return members.map((index): FittedCoefficient => {
      const { value } = fitted.coefficients[index]!;
      const halfLeft = left[i]! * (high - low) / 2;
      return {
        label: labelOf(prior.coefficients[index]!),
        tiedTo: index === members[0] ? "" : labelOf(prior.coefficients[members[0]!]!),
        prior: prior.coefficients[index]!.value,
        value,
        low,
        high,
        at: value - low < AT_END * (high - low) ? "low" : high - value < AT_END * (high - low) ? "high" : "",
        leftPercent: 100 * left[i]!,
        leftLow: Math.max(low, value - halfLeft),
        leftHigh: Math.min(high, value + halfLeft),
      };
    });
  });
  return rows.sort((a, b) => a.leftPercent - b.leftPercent);
}
