/**
 * Within what range the goodput of a run lies, given the ranges of the prices: columns `goodput_gbps_low`, `goodput_gbps_high`.
 *
 * Each source of the profile shifts the busy time of each CPU down or up (`cost_shifts.ts`). Sources are independent, so the
 * shifts of one CPU combine by the root of the sum of their squares, those down and those up apart, because a range need not lie
 * evenly around its value. The goodput follows from the busy times as `next_gbps` does (`bottleneck.ts`): where a resource
 * sets the pace, it is the goodput of the run times the utilisation of the busiest resource before, by that after; where traffic
 * does, it stays as it is until a CPU would be too busy for it. Where a window does, each round trip takes longer or shorter by what
 * the busiest CPU does for it: too wide a range where packets are under way while that CPU works on others of the same window. A link that is full is an upper end: no price makes it
 * faster. Times are combined, not goodputs: a busy time is a sum over the prices, its reciprocal is not, and would go below zero.
 *
 * Departures: counts stay as they are (see `cost_shifts.ts`). Ranges are taken for what they say, an interval with the value
 * somewhere inside, and not as a multiple of a standard deviation: the result is as wide as the ranges mean to be.
 *
 * ```ts
 * const { low, high } = goodputRange(run)!; // low <= goodputGbps(run) <= high
 * ```
 *
 * @module
 */

import type { Run } from "../replay/run.ts";
import { type BusyTimes, busyTimesOf, stretchOf } from "./bottleneck.ts";
import { shifted, shiftsOf } from "./cost_shifts.ts";
import { goodputGbps } from "./rates.ts";

/** Lower and upper end of a goodput, in Gbit/s. */
export interface GoodputRange {
  /** With prices that are too low. */
  readonly low: number;
  /** With prices that are too high; undefined where nothing would limit the run. */
  readonly high: number | undefined;
}

/** The range of a run's goodput; undefined where there is no goodput. */
export function goodputRange(run: Run): GoodputRange | undefined {
  const goodput = goodputGbps(run);
  const busy = busyTimesOf(run);
  const shifts = [...shiftsOf(run).values()];
  const up = combined(busy, shifts.map(({ high }) => high), 1);
  const down = combined(busy, shifts.map(({ low }) => low), -1);
  const longest = stretchOf(run, shifted(busy, up));
  const shortest = stretchOf(run, shifted(busy, down));
  if (goodput === undefined || longest === undefined || shortest === undefined) return undefined;
  return { low: goodput / longest, high: shortest > 0 ? goodput / shortest : undefined };
}

/** Independent shifts taken together: the root of the sum of squares, with a sign. */
function combined({ cpusNs }: BusyTimes, shifts: readonly BusyTimes[], sign: 1 | -1): BusyTimes {
  return {
    cpusNs: cpusNs.map((_, cpu) => sign * rootOfSquares(shifts.map((shift) => shift.cpusNs[cpu]!))),
    queueNs: sign * rootOfSquares(shifts.map((shift) => shift.queueNs)),
  };
}

/** Root of the sum of squares. */
export function rootOfSquares(numbers: readonly number[]): number {
  return Math.sqrt(numbers.reduce((sum, number) => sum + number * number, 0));
}
