/**
 * The file of a fitted profile: the prior with what moved, and with what it was fitted to.
 *
 * Ranges stay as published, since a fit says what suits its rows, not what is known of a coefficient. What neither the fit nor the
 * prior itself has changed stays in the base and is not written.
 *
 * ```ts
 * renderFittedProfile(fit, { name: "mine", description: "my machine", how: "rows.csv", base });
 * ```
 *
 * @module
 */

import type { Coefficient, Profile } from "../cost/profile.ts";
import { fittedCoefficients } from "./columns.ts";
import type { Fit } from "./fit.ts";
import { labelOf } from "./labels.ts";

/** What a file says besides its prices. */
export interface ProfileTexts {
  /** Name in results. */
  readonly name: string;
  /** Which machine, how found. */
  readonly description: string;
  /** What it was fitted to, and how. */
  readonly fit: string;
  /** A shipped profile whose prices hold where this has none; undefined: all prices are written. */
  readonly base: Profile | undefined;
}

/** The profile as JSON text, which `parseProfile()` reads. */
export function renderFittedProfile(fit: Fit, { name, description, fit: how, base }: ProfileTexts): string {
  const profile: Profile = {
    name,
    description,
    ...(base === undefined ? {} : { base: base.name }),
    fit: how,
    clock_ghz: fit.fitted.clock_ghz,
    coefficients: notedCoefficients(fit).filter((coefficient) => !isIn(base, coefficient)),
  };
  return JSON.stringify(profile, null, 2) + "\n";
}

/** All coefficients; the notes of those that moved say so. */
function notedCoefficients(fit: Fit): Coefficient[] {
  const left = new Map(fittedCoefficients(fit).map(({ label, leftPercent }) => [label, leftPercent]));
  return fit.fitted.coefficients.map((coefficient, index) => {
    const before = fit.prior.coefficients[index]!.value;
    if (coefficient.value === before) return coefficient;
    const percent = left.get(labelOf(coefficient))!.toFixed(0);
    const fitted = `fitted: prior value ${before}, the rows leave ${percent} % of the range`;
    return { ...coefficient, note: `${coefficient.note}; ${fitted}` };
  });
}

/** Whether the base has this very coefficient. */
function isIn(base: Profile | undefined, coefficient: Coefficient): boolean {
  const same = base?.coefficients.find((other) => labelOf(other) === labelOf(coefficient));
  return same !== undefined && same.value === coefficient.value && same.low === coefficient.low &&
    same.high === coefficient.high && same.source === coefficient.source && same.note === coefficient.note;
}
