/**
 * `copies.csv`: one row per place and reason of a copy, with the kernel function that it stands for.
 *
 * @module
 */

import { EVENT, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import type { Tally } from "../ledger/tally.ts";
import type { Column } from "./columns.ts";

/** The copies of one stage for one reason. */
export interface CopyRow {
  /** Where. */
  readonly stage: string;
  /** Why. */
  readonly reason: string;
  /** What Linux calls it. */
  readonly kernelFunction: string;
  /** How many copies. */
  readonly copies: number;
  /** Bytes moved. */
  readonly copiedBytes: number;
  /** Share of all copied bytes, 0 to 100; undefined where no copy has bytes. */
  readonly sharePercent: number | undefined;
}

/** All columns of `copies.csv`. */
export const COPIES_COLUMNS: readonly Column<CopyRow>[] = [
  { name: "stage", value: (row) => row.stage },
  { name: "reason", value: (row) => row.reason },
  { name: "kernel_function", value: (row) => row.kernelFunction },
  { name: "copies", decimals: 0, value: (row) => row.copies },
  { name: "copied_bytes", decimals: 0, value: (row) => row.copiedBytes },
  { name: "share_percent", decimals: 2, value: (row) => row.sharePercent },
];

/** The rows of a run, in the order of the packet's road. */
export function copyRows(tally: Tally): CopyRow[] {
  const total = tally.sum({ event: "copy" }).bytes;
  const rows: CopyRow[] = [];
  tally.forEach(EVENT.copy, (stage, reason, sums) => {
    rows.push({
      stage: STAGE_NAMES[stage]!,
      reason: REASONS[reason]!.name,
      kernelFunction: REASONS[reason]!.kernelFunction,
      copies: sums.rows,
      copiedBytes: sums.bytes,
      sharePercent: total === 0 ? undefined : 100 * sums.bytes / total,
    });
  });
  return rows;
}
