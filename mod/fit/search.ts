/**
 * The search of a fit: rounds of playing all rows and of aiming at where an approximation of them is best.
 *
 * Events follow prices a little after all: how much is merged, say, when a CPU falls behind. So the way to a better point may
 * lead over a worse one, and a price may do more than take time of a CPU. Where the rows are not met, a search therefore
 * begins at other points than the prior too, and ends with slopes that are measured in the simulation, price by price.
 *
 * Departure: where the simulation jumps, the point that is found is a good one, not certainly the best.
 *
 * ```ts
 * const shares = await new Search(request, unknowns).run();
 * ```
 *
 * @module
 */

import type { Profile } from "../cost/profile.ts";
import type { CaptureInput } from "../replay/run.ts";
import type { Figures } from "../report/comparison.ts";
import { type Linearised, minimise, sumOfSquares } from "./bounded_least_squares.ts";
import { FitError } from "./errors.ts";
import type { FitRequest, FitRow } from "./fit.ts";
import { type Played, playRow } from "./play.ts";
import { type Compared, costOf, knownResiduals, rowResiduals, withPrior, withUnseen } from "./residuals.ts";
import { Surrogate } from "./surrogate.ts";
import { priorShares, profileAt, type Unknown } from "./unknowns.ts";

/** Points besides the prior at which a search begins, while rows are not met. */
const SCATTERED = 2;
/** Below this mean square of the residuals of rows they are met. */
const MET = 1;
/** Rounds without a gain after which a search ends. */
const IDLE_MAX = 3;
/** What lowers the sum of squares by a smaller share, or by less than this of a residual of 1, is no gain. */
const LEAST_GAIN = 1e-3;
/** How often slopes are measured. */
const SWEEPS_MAX = 2;
/** Over how much of a range they are measured, and hold. */
const REACH = 0.25;
/** Steps back, each half as long, where an aim is no better. */
const HALVINGS_MAX = 3;
/** Maxima become harder step by step: p = 4 to 64, as doublings. */
const DOUBLINGS = [2, 3, 4, 5, 6] as const;

/** A point, played. */
interface Point {
  readonly shares: Float64Array;
  readonly played: readonly Played[];
  readonly cost: number;
  /** The rows are as well met as they were measured. */
  readonly isMet: boolean;
}

/** What a step from a point may do. */
interface Leash {
  /** How far, as a share of each range. */
  readonly reach: number;
  /** For each residual what its slopes are more than those of the approximation. */
  readonly unseen: readonly Float64Array[];
}

const NO_LEASH: Leash = { reach: 1, unseen: [] };

/** The rounds of one fit. */
export class Search {
  readonly #prior: Float64Array;
  #rounds = 0;

  /** All rows of `request` are fitted to. */
  constructor(readonly request: FitRequest, readonly unknowns: readonly Unknown[]) {
    this.#prior = priorShares(unknowns);
  }

  /** The best point of all that were played, as shares of the ranges. */
  async run(): Promise<Float64Array> {
    let best = await this.#wander(this.#prior);
    for (let start = 1; start <= SCATTERED && !best.isMet; start++) {
      const other = await this.#wander(scattered(this.#prior.length, start));
      if (other.cost < best.cost) best = other;
    }
    for (let sweep = 0; sweep < SWEEPS_MAX && !best.isMet; sweep++) {
      const better = await this.#better(best);
      if (better === undefined) break;
      best = better;
    }
    return best.shares;
  }

  /** From aim to aim, whether it is better or not. */
  async #wander(start: Float64Array): Promise<Point> {
    let point = await this.#play(start);
    let best = point;
    for (let idle = 0; idle < (best.isMet ? 1 : IDLE_MAX);) {
      point = await this.#play(this.#aim(point, NO_LEASH));
      idle = isGain(best, point) ? 0 : idle + 1;
      if (point.cost < best.cost) best = point;
    }
    return best;
  }

  /** A point that measured slopes lead to; undefined where none is better. */
  async #better(best: Point): Promise<Point | undefined> {
    const aim = this.#aim(best, { reach: REACH, unseen: await this.#unseenSlopes(best) });
    for (let step = 1, halvings = 0; halvings <= HALVINGS_MAX; step /= 2, halvings++) {
      const point = await this.#play(best.shares.map((share, i) => share + step * (aim[i]! - share)));
      if (isGain(best, point)) return point;
    }
    return undefined;
  }

  /** For each residual and unknown what the simulation's slope is more than that of the approximation. */
  async #unseenSlopes(point: Point): Promise<Float64Array[]> {
    const { request: { rows, prior }, unknowns } = this;
    const surrogates = point.played.map((run) => new Surrogate(run, prior, unknowns, point.shares, DOUBLINGS.at(-1)!));
    const here = knownResiduals(comparedWith(rows, point.played));
    const unseen = here.map(() => new Float64Array(unknowns.length));
    for (const i of unknowns.keys()) {
      const step = point.shares[i]! < 0.5 ? REACH : -REACH;
      const shares = point.shares.with(i, point.shares[i]! + step);
      const there = knownResiduals(comparedWith(rows, (await this.#play(shares)).played));
      const said = residualsOf(rows, surrogates, shares).residuals;
      unseen.forEach((slopes, row) => slopes[i] = (there[row]! - said[row]!) / step);
    }
    return unseen;
  }

  /** Where the approximation of a point is best. */
  #aim({ shares: at, played }: Point, { reach, unseen }: Leash): Float64Array {
    const { request: { rows, prior }, unknowns } = this;
    let shares = at;
    for (const doublings of DOUBLINGS) {
      const surrogates = played.map((run) => new Surrogate(run, prior, unknowns, at, doublings));
      shares = minimise({
        start: shares,
        low: at.map((share) => Math.max(0, share - reach)),
        high: at.map((share) => Math.min(1, share + reach)),
        linearise: (point) => {
          const seen = residualsOf(rows, surrogates, point);
          return withPrior(withUnseen(seen, unseen, point, at), point, this.#prior);
        },
      });
    }
    return shares;
  }

  async #play(shares: Float64Array): Promise<Point> {
    const { request: { rows, input, prior, onRound }, unknowns } = this;
    const played = await playRows(rows, input, profileAt(prior, unknowns, shares));
    const compared = comparedWith(rows, played);
    const cost = costOf(compared, shares, this.#prior);
    const residuals = knownResiduals(compared);
    this.#rounds += 1;
    onRound?.(this.#rounds, cost);
    return { shares, played, cost, isMet: sumOfSquares(residuals) <= MET * residuals.length };
  }
}

/** Residuals and slopes of rows that were played at a point. */
export function residualsAt(
  { rows, prior }: FitRequest,
  unknowns: readonly Unknown[],
  shares: Float64Array,
  played: readonly Played[],
): Linearised {
  const surrogates = played.map((run) => new Surrogate(run, prior, unknowns, shares, DOUBLINGS.at(-1)!));
  return residualsOf(rows, surrogates, shares);
}

/** Plays rows one after the other. Throws FitError where something was measured that the model cannot say. */
export async function playRows(rows: readonly FitRow[], input: CaptureInput, profile: Profile): Promise<Played[]> {
  const played: Played[] = [];
  for (const { id, resolved, measured, cpuOf } of rows) {
    const run = await playRow({ input, resolved, profile, cpuOf });
    requireFigures(id, measured, run.figures);
    played.push(run);
  }
  return played;
}

/** What was measured must be something that the model can say. */
function requireFigures(id: string, measured: Figures, predicted: Figures): void {
  if (measured.gbps !== undefined && predicted.gbps === undefined) {
    throw new FitError(`Cannot fit to row ${id}: too little comes out of the capture for a rate`);
  }
  if (measured.rxCpuPercent !== undefined && predicted.rxCpuPercent === undefined) {
    throw new FitError(`Cannot fit to row ${id}: rx_cpu_percent is given, and its path has one host`);
  }
}

function isGain(before: Point, after: Point): boolean {
  return before.cost - after.cost > LEAST_GAIN * (1 + before.cost);
}

/** A generator of Lehmer's, and the remainder that it works in. */
const MULTIPLIER = 48_271;
const MODULUS = 2_147_483_647;

/** A point somewhere in the ranges, the same for the same number. */
function scattered(unknowns: number, number: number): Float64Array {
  let state = number;
  const shares = Float64Array.from({ length: 2 * unknowns }, () => (state = state * MULTIPLIER % MODULUS) / MODULUS);
  // The first numbers behind a small seed are small.
  return shares.subarray(unknowns);
}

function comparedWith(rows: readonly FitRow[], played: readonly Played[]): Compared[] {
  return rows.map((row, i) => ({ ...row, predicted: played[i]!.figures }));
}

function residualsOf(rows: readonly FitRow[], surrogates: readonly Surrogate[], shares: Float64Array): Linearised {
  return rowResiduals(rows.map((row, i) => ({ ...row, predicted: surrogates[i]!.predict(shares) })));
}
