/**
 * Which runs of one capture cannot be told apart by their goodput: column `alike`.
 *
 * Two configurations on one machine pay the same prices, so a price that is off moves both: what decides is not whether their
 * ranges overlap (they nearly always do) but whether the range of the *ratio* of their goodputs holds 1, which is whether the range of
 * the difference of their times per bit holds 0. That difference is looked at because it is a sum over the prices, and because
 * it does not matter which of the two is called the first. Each source of the profile is put at its low and at its high end
 * (`cost_shifts.ts`), in both runs at once; the differences from that combine by the root of the sum of their squares, those that
 * favour one run and those that favour the other apart.
 *
 * Where the profiles differ nobody knows what their prices have in common: runs are alike when the ranges of their goodputs
 * (`goodput_range.ts`) touch. Goodputs within `RESOLUTION` of each other are alike in any case: so much depends on how a run begins
 * and ends. A run without a goodput is like no other.
 *
 * Departure: alike is what the ranges of the prices do not tell apart. That the model is wrong is not in it.
 *
 * ```ts
 * alikeRuns([baseline, nocopy, callback]); // [[], [2], [1]]: the last two may be equally fast
 * ```
 *
 * @module
 */

import type { Profile } from "../cost/profile.ts";
import type { Run } from "../replay/run.ts";
import { type BusyTimes, busyTimesOf, stretchOf } from "./bottleneck.ts";
import { shifted, shiftsOf } from "./cost_shifts.ts";
import { type GoodputRange, goodputRange, rootOfSquares } from "./goodput_range.ts";
import { goodputGbps } from "./rates.ts";

/** Differences up to this share of a goodput say nothing: a link that is full gives them to runs that differ in their latency. */
const RESOLUTION = 0.002;

/** Time that a run takes for one bit of payload with other prices, in ns. */
interface BitTimes {
  readonly low: number;
  readonly high: number;
}

/** What two runs are compared by. */
interface Outlook {
  readonly profile: Profile;
  /** In Gbit/s. */
  readonly goodput: number;
  /** Time for one bit of payload, in ns. */
  readonly bitNs: number;
  /** The same with the prices of one source at their ends; a source without effect is absent. */
  readonly bySource: ReadonlyMap<string, BitTimes>;
  readonly range: GoodputRange;
}

/** For each of several runs of one capture, the indices of the others that it is like. */
export function alikeRuns(runs: readonly Run[]): number[][] {
  const outlooks = runs.map(outlookOf);
  return outlooks.map((one, i) => {
    return [...outlooks.keys()].filter((other) => other !== i && isAlike(one, outlooks[other]));
  });
}

function outlookOf(run: Run): Outlook | undefined {
  const goodput = goodputGbps(run);
  const range = goodputRange(run);
  if (goodput === undefined || range === undefined) return undefined;
  const busy = busyTimesOf(run);
  const bitNsWith = (shift: BusyTimes): number => stretchOf(run, shifted(busy, shift))! / goodput;
  const bySource = new Map<string, BitTimes>();
  for (const [source, { low, high }] of shiftsOf(run)) {
    bySource.set(source, { low: bitNsWith(low), high: bitNsWith(high) });
  }
  return { profile: run.profile, goodput, bitNs: 1 / goodput, bySource, range };
}

function isAlike(one: Outlook | undefined, other: Outlook | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  if (one.goodput === 0 || other.goodput === 0) return one.goodput === other.goodput;
  const difference = one.bitNs - other.bitNs;
  if (Math.abs(difference) <= RESOLUTION * Math.min(one.bitNs, other.bitNs)) return true;
  if (!isSameProfile(one.profile, other.profile)) return touches(one.range, other.range);
  const sources = new Set([...one.bySource.keys(), ...other.bySource.keys()]);
  return rootOfSquares([...sources].map((source) => approach(one, other, source))) >= Math.abs(difference);
}

/** How much nearer to each other the prices of one source bring two runs at most: only that can make them equal. */
function approach(one: Outlook, other: Outlook, source: string): number {
  const difference = one.bitNs - other.bitNs;
  const approaches = (["low", "high"] as const).map((end) => {
    const after = (one.bySource.get(source)?.[end] ?? one.bitNs) - (other.bySource.get(source)?.[end] ?? other.bitNs);
    return Math.sign(difference) * (difference - after);
  });
  return Math.max(0, ...approaches);
}

function touches(one: GoodputRange, other: GoodputRange): boolean {
  return one.low <= (other.high ?? Infinity) && other.low <= (one.high ?? Infinity);
}

/** A file is read once for each configuration that names it. */
function isSameProfile(one: Profile, other: Profile): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
