/**
 * From measurements to amounts of ns with their ranges: for each call and each byte of a work, and for each entry of a request
 * to a cipher.
 *
 * What one more entry takes is what a full packet in pieces takes longer than in one, shared among the pieces behind the
 * first. An event pays for all its entries, the first included; so that is taken off its price per call, and a request
 * of one entry costs what was measured.
 *
 * ```ts
 * import { lineAmount } from "./calibrate_amounts.ts";
 * lineAmount(charge, measured, "cold", ({ nsPerByte }) => nsPerByte).value; // ns for each byte
 * ```
 *
 * @module
 */

import type { Charge } from "./calibrate_charges.ts";
import {
  type CipherEvent,
  FULL_TEXT_BYTES,
  type Measured,
  type MemoryState,
  PIECES,
  type PiecesWork,
  type Work,
} from "./calibration.ts";
import { fittedWork, leastNs } from "./fitted_work.ts";
import type { Line } from "./line_fit.ts";
import { quantileOf } from "./statistics.ts";

/** Value and range, in ns. */
export interface Amount {
  /** Best estimate. */
  readonly value: number;
  /** Lower end of the range. */
  readonly low: number;
  /** Upper end of the range. */
  readonly high: number;
}

/** The value of `likely`, and a range that holds that of `other` too. */
export function reaching(likely: Amount, other: Amount): Amount {
  return {
    value: likely.value,
    low: Math.min(likely.low, other.low, likely.value),
    high: Math.max(likely.high, other.high, likely.value),
  };
}

/** An amount of which `paidNs` is paid otherwise. */
export function less({ value, low, high }: Amount, paidNs: number): Amount {
  const rest = (ns: number): number => Math.max(0, ns - paidNs);
  return { value: rest(value), low: rest(low), high: rest(high) };
}

/**
 * One part of the line of a charge.
 *
 * @throws {RangeError} if its work was not measured with two lengths at least.
 */
export function lineAmount(
  { work, besides }: Charge,
  measured: readonly Measured[],
  state: MemoryState,
  part: (line: Line) => number,
): Amount {
  const { line, low, high } = fittedWork(measured, work, state);
  const paid = besides === undefined ? 0 : part(fittedWork(measured, besides, state).line);
  return less({ value: part(line), low: part(line) * low, high: part(line) * high }, paid);
}

/**
 * What each entry behind the first takes, in one piece and in several the least of the runs. The range holds half of the
 * runs, in each of which one is compared to the other: what disturbs a run makes both longer by about the same factor.
 *
 * @throws {RangeError} if a full packet was not measured in one piece and in several.
 */
export function entryAmount(work: PiecesWork, measured: readonly Measured[], state: MemoryState): Amount {
  const [event, reason] = work.split(" ") as [CipherEvent, string];
  const one = fullPacket(measured, `${event} ${reason}` as Work, state);
  const pieces = fullPacket(measured, work, state);
  const oneNs = leastNs(one);
  const perEntry = (piecesNs: number): number => Math.max(0, piecesNs - oneNs) / (PIECES[event].length - 1);
  const ratios = pieces.nsPerCall.map((ns, run) => ns / one.nsPerCall[run]!);
  const value = perEntry(leastNs(pieces));
  return {
    value,
    low: Math.min(value, perEntry(oneNs * quantileOf(ratios, 0.25))),
    high: Math.max(value, perEntry(oneNs * quantileOf(ratios, 0.75))),
  };
}

function fullPacket(measured: readonly Measured[], work: Work, state: MemoryState): Measured {
  const row = measured.find((each) => each.work === work && each.state === state && each.bytes === FULL_TEXT_BYTES);
  if (row === undefined) throw new RangeError(`Cannot price entries: ${work} was not measured with full packets`);
  return row;
}
