/**
 * What is made of the measurements of one kind of work in one state of memory: a line over the lengths, and how far the
 * runs lie beside it.
 *
 * What the work takes at one length is the least of the runs: all else that a machine does can only make it longer. The range
 * of the line reaches from the least that lies lowest beside it up to the longest of three quarters of the runs, wherever
 * that lies highest: so it says how far the runs agreed, and how straight the line is.
 *
 * A length counts once, but that of a full packet as much as all others together: nearly all packets of a bulk transfer
 * have it, and ciphers are slower with it than with their neighbours: it is no multiple of what they take up at a time.
 *
 * ```ts
 * import { fittedWork } from "./fitted_work.ts";
 * const { line, low, high } = fittedWork(measured, "copy", "cold");
 * ```
 *
 * @module
 */

import {
  FULL_SEGMENT_BYTES,
  FULL_TEXT_BYTES,
  isLined,
  type LinedWork,
  type Measured,
  type MemoryState,
} from "./calibration.ts";
import { fitLine, type Line, onLine, worstResidual } from "./line_fit.ts";
import { quantileOf } from "./statistics.ts";

/** Lengths of full packets, and what they count as. */
const FULL_LENGTHS = [FULL_SEGMENT_BYTES, FULL_TEXT_BYTES];
const FULL_WEIGHT = 6;

/** The line of a work in one state. */
export interface FittedWork {
  /** Through the least of the runs of each length. */
  readonly line: Line;
  /** At no length the least is less than this share of what the line says; 1 at most. */
  readonly low: number;
  /** At every length three quarters of the runs are less than this multiple of what the line says; 1 at least. */
  readonly high: number;
  /** By which share of it the least that is worst off lies beside the line. */
  readonly residual: number;
  /** Measured lengths and runs. */
  readonly rows: readonly Measured[];
}

/** What the work of a row takes: the least of its runs, in ns. */
export function leastNs({ nsPerCall }: Measured): number {
  return Math.min(...nsPerCall);
}

/**
 * The line through what was measured of `work` in `state`.
 *
 * @throws {RangeError} if it was not measured with two lengths at least.
 */
export function fittedWork(measured: readonly Measured[], work: LinedWork, state: MemoryState): FittedWork {
  const rows = measured.filter((row) => row.work === work && row.state === state);
  const points = rows.map((row) => {
    const { bytes } = row;
    return { bytes, ns: leastNs(row), weight: FULL_LENGTHS.includes(bytes) ? FULL_WEIGHT : 1 };
  });
  const line = fitLine(points);
  const lows = points.map(({ bytes, ns }) => ns / onLine(line, bytes));
  const highs = rows.map(({ bytes, nsPerCall }) => quantileOf(nsPerCall, 0.75) / onLine(line, bytes));
  return {
    line,
    low: Math.min(1, ...lows),
    high: Math.max(1, ...highs),
    residual: worstResidual(line, points),
    rows,
  };
}

/** In how far the line is longer than the least of that row, as a share of it; undefined of a work without a line. */
export function lineErrorOf(row: Measured, measured: readonly Measured[]): number | undefined {
  const { work, state } = row;
  if (!isLined(work)) return undefined;
  const ns = leastNs(row);
  return (onLine(fittedWork(measured, work, state).line, row.bytes) - ns) / ns;
}
