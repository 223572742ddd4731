/**
 * A cost profile fitted to measured rows: coefficients move inside their ranges until the simulation says what was measured, as far
 * as they let it.
 *
 * The prediction of a row is the simulation itself. Its events hardly depend on prices, so each round plays the rows, finds the
 * best values of the smooth approximation that follows (`surrogate.ts`), and plays them again (`search.ts`). Rows of role
 * `predict` are played once, at the end.
 *
 * ```ts
 * const fit = await fitProfile({ input, rows, prior: PROFILES.get("published")!, ties: [] });
 * fit.rows[0].predicted.gbps;
 * ```
 *
 * @module
 */

import type { ResolvedConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import type { CaptureInput } from "../replay/run.ts";
import type { Figures } from "../report/comparison.ts";
import { FitError } from "./errors.ts";
import type { Tie } from "./labels.ts";
import { leftShares } from "./left.ts";
import type { CpuOf } from "./play.ts";
import { playRows, residualsAt, Search } from "./search.ts";
import { roundedValues, type Unknown, unknownsOf, withValues } from "./unknowns.ts";

/** What a row is for: coefficients are fitted to it, or it is only predicted. */
export const FIT_ROLES = ["fit", "predict"] as const;

/** A measurement and how it is played. */
export interface FitRow {
  /** Name of the row. */
  readonly id: string;
  /** What it is for. */
  readonly role: typeof FIT_ROLES[number];
  /** The configuration; its profile does not count. */
  readonly resolved: ResolvedConfig;
  /** What was measured. */
  readonly measured: Figures;
  /** Whose load the CPU figures are; the busiest CPU's unless given. */
  readonly cpuOf?: CpuOf;
  /** Standard deviation of what was measured, in % of Gbit/s and in points of CPU; 1 unless given. */
  readonly tolerance?: number | undefined;
}

/** What to fit to what. */
export interface FitRequest {
  /** Opened once for each pass of each run. */
  readonly input: CaptureInput;
  /** One at least is to be fitted to. */
  readonly rows: readonly FitRow[];
  /** Values before the fit, and ranges; complete, without a base. */
  readonly prior: Profile;
  /** Coefficients that have one value. */
  readonly ties: readonly Tie[];
  /** Is told how often all rows have been played, and how large the sum of squares of the last time is. */
  readonly onRound?: (round: number, cost: number) => void;
}

/** A row and what the simulation makes of it. */
export interface PredictedRow extends FitRow {
  /** What the simulation says under the fitted profile. */
  readonly predicted: Figures;
  /** What the user should know of that run. */
  readonly warnings: readonly string[];
}

/** What came out of a fit. */
export interface Fit {
  /** The values before. */
  readonly prior: Profile;
  /** The prior with fitted values, rounded as in a file. */
  readonly fitted: Profile;
  /** All rows, played under `fitted`. */
  readonly rows: readonly PredictedRow[];
  /** What was free to move. */
  readonly unknowns: readonly Unknown[];
  /** For each unknown the standard deviation that the rows leave, as a share of that before: 1 where they say nothing. */
  readonly left: readonly number[];
}

/** Fits. Throws FitError where there is nothing to fit, and what `replay()` throws. */
export async function fitProfile(request: FitRequest): Promise<Fit> {
  const { prior, ties } = request;
  const rows = request.rows.filter(({ role }) => role === "fit");
  if (rows.length === 0) throw new FitError("Cannot fit: no row has role fit");
  const first = await playRows(rows, request.input, prior);
  const isAsked = (index: number): boolean => {
    return first.some(({ quantities }) => quantities.some((quantity) => (quantity?.[index] ?? 0) > 0));
  };
  const unknowns = unknownsOf(prior, ties, isAsked);
  if (unknowns.length === 0) throw new FitError(`Cannot fit: no coefficient of profile ${prior.name} is free to move`);
  const shares = await new Search({ ...request, rows }, unknowns).run();
  const fitted = withValues(prior, unknowns, roundedValues(unknowns, shares));
  const played = await playRows(request.rows, request.input, fitted);
  const fittedTo = request.rows.flatMap(({ role }, i) => role === "fit" ? [played[i]!] : []);
  return {
    prior,
    fitted,
    rows: request.rows.map((row, i) => {
      const { figures: predicted, warnings } = played[i]!;
      return { ...row, predicted, warnings };
    }),
    unknowns,
    left: leftShares(residualsAt({ ...request, rows }, unknowns, shares, fittedTo), unknowns.length),
  };
}
