/**
 * What many runs of the same work say: the middle, how far they spread, and the ratio of two kinds of work with the interval
 * that it lies in.
 *
 * Times on a machine that does other things as well have no bell curve: some runs are interrupted and much longer. So nothing
 * here is a mean. The interval of a ratio comes from the signs of paired runs (the sign test turned round): of n pairs, as many of
 * the smallest and of the largest ratios are left out as chance alone leaves on one side of the true median in fewer than 2.5
 * of 100 cases. That is exact for any distribution, and draws no random numbers.
 *
 * ```ts
 * spreadOf([10, 12, 11, 30, 11]); // { median: 11, low: 10, high: 30, spreadPercent: 9.09 }
 * pairedRatio([4, 4, 4, 4, 4, 4], [2, 2, 3, 2, 2, 2]); // { ratio: 0.5, low: 0.5, high: 0.75 }
 * ```
 *
 * @module
 */

/** What the sign test may be wrong in, on both sides together. */
const ERROR_SHARE = 0.05;

/** Where the times of several runs lie; in the unit of the times. */
export interface Spread {
  readonly median: number;
  /** The least. */
  readonly low: number;
  /** The most. */
  readonly high: number;
  /** From the lower to the upper quartile, in percent of the median: half of the runs lie in there. 0 of a median of 0. */
  readonly spreadPercent: number;
}

/** A ratio, and where it lies with 95 percent confidence. */
export interface PairedRatio {
  /** Median of the ratios of pairs. */
  readonly ratio: number;
  /** Lower end; undefined with fewer than 6 pairs, which cannot say. */
  readonly low: number | undefined;
  /** Upper end. */
  readonly high: number | undefined;
}

/** The middle of some numbers, the mean of the two in the middle of an even number of them. Throws RangeError if there are none. */
export function medianOf(values: readonly number[]): number {
  return quantileOf(values, 0.5);
}

/**
 * The value below which a `share` of some numbers lies, from 0 to 1, in between two of them on the straight line. Throws
 * RangeError if there are none.
 */
export function quantileOf(values: readonly number[], share: number): number {
  if (values.length === 0) throw new RangeError("Cannot find a quantile: there are no values");
  const sorted = sortedOf(values);
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const lower = sorted[below]!;
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return lower + (place - below) * (upper - lower);
}

/** Where some numbers lie. Throws RangeError if there are none. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = sortedOf(values);
  const median = medianOf(sorted);
  const quartiles = quantileOf(sorted, 0.75) - quantileOf(sorted, 0.25);
  const spreadPercent = median === 0 ? 0 : 100 * quartiles / median;
  return { median, low: sorted[0]!, high: sorted.at(-1)!, spreadPercent };
}

/**
 * How many times as long the second work takes as the first. `first[i]` and `second[i]` are times of runs that followed each
 * other, above 0. Throws RangeError if there are no pairs, or one of a pair is missing.
 */
export function pairedRatio(first: readonly number[], second: readonly number[]): PairedRatio {
  if (first.length !== second.length) {
    throw new RangeError(`Cannot pair ${first.length} runs with ${second.length}: the numbers differ`);
  }
  const ratios = sortedOf(second.map((time, i) => time / first[i]!));
  const leftOut = leftOutOf(ratios.length);
  const ratio = medianOf(ratios);
  if (leftOut === undefined) return { ratio, low: undefined, high: undefined };
  return { ratio, low: ratios[leftOut], high: ratios[ratios.length - 1 - leftOut] };
}

/**
 * How many of the smallest, and of the largest, of `count` values lie outside the interval of their median; undefined where
 * even all of them are too few to say.
 */
export function leftOutOf(count: number): number | undefined {
  let share = 2 ** -count;
  let tail = share;
  let leftOut: number | undefined;
  for (let below = 0; 2 * tail <= ERROR_SHARE && 2 * below < count; below++) {
    leftOut = below;
    share *= (count - below) / (below + 1);
    tail += share;
  }
  return leftOut;
}

function sortedOf(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b);
}
