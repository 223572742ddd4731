/**
 * The table of a calibration: one row for each kind of work, length and state of memory.
 *
 * @module
 */

import type { Measured } from "../machine/calibration.ts";
import { leastNs, lineErrorOf } from "../machine/fitted_work.ts";
import { spreadOf } from "../machine/statistics.ts";
import type { Column } from "../report/columns.ts";

/** One row of the table. */
export interface MeasuredRow extends Measured {
  /** Median of the runs. */
  readonly medianNs: number;
  /** From the lower to the upper quartile of the runs, in percent of the median. */
  readonly spreadPercent: number;
  /** What the work takes: the least of the runs. */
  readonly leastNs: number;
  /** In how far the line of the profile is longer than that; undefined of `line`, which is not on one. */
  readonly lineErrorPercent: number | undefined;
}

/** The rows, in the order of `measured`. */
export function measuredRows(measured: readonly Measured[]): MeasuredRow[] {
  return measured.map((row) => {
    const { median, spreadPercent } = spreadOf(row.nsPerCall);
    const error = lineErrorOf(row, measured);
    return {
      ...row,
      leastNs: leastNs(row),
      medianNs: median,
      spreadPercent,
      lineErrorPercent: error === undefined ? undefined : 100 * error,
    };
  });
}

/** The columns; of kind `line`, `size_bytes` is the memory that accesses are spread over, and a call is one access. */
export const MEASURED_COLUMNS: readonly Column<MeasuredRow>[] = [
  { name: "kind", value: ({ work }) => work },
  { name: "size_bytes", decimals: 0, value: ({ bytes }) => bytes },
  { name: "state", value: ({ state }) => state },
  { name: "ns_per_call", decimals: 1, value: ({ leastNs }) => leastNs },
  { name: "ns_per_byte", decimals: 4, value: (row) => row.work === "line" ? undefined : row.leastNs / row.bytes },
  { name: "median_ns_per_call", decimals: 1, value: ({ medianNs }) => medianNs },
  { name: "spread_percent", decimals: 1, value: ({ spreadPercent }) => spreadPercent },
  { name: "line_error_percent", decimals: 1, value: ({ lineErrorPercent }) => lineErrorPercent },
  { name: "runs", decimals: 0, value: ({ nsPerCall }) => nsPerCall.length },
  { name: "engine", value: ({ by }) => by },
];
