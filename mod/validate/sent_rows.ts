/**
 * `expected_tx.csv`, what drivers got (without ESP `expected.csv` is the same): which rows are frames of `output.pcap`, and what of
 * the others is known.
 *
 * The rows of the recorded device that the driver took are the frames of `output.pcap`, in order. Of what another device sent
 * (the other host's) the bytes were not recorded, but SPI and sequence number were.
 *
 * @module
 */

import type { Comparison } from "./comparison.ts";
import type { LeftOutReason } from "./left_out.ts";
import { reachOf } from "./path_reach.ts";
import type { Recording } from "./recording.ts";
import type { ResultRow } from "./skb_row.ts";
import type { TableRow } from "./table.ts";

/** Name of the table. */
export const TX = "expected_tx.csv";

/** A row, and its number in the table. */
export interface SentRow {
  readonly index: number;
  readonly row: TableRow;
}

/** The rows of the table, each to be compared or left out once. */
export class SentRows {
  /** What other devices sent and their drivers took. */
  readonly others: readonly SentRow[];
  readonly #own: SentRow[] = [];
  readonly #columns: readonly string[];
  /** All frames are played on the whole path. */
  readonly #isPlayed: boolean;

  /** Rows that a driver refused are left out at once. Throws RecordingError where the table has not the frames of `output.pcap`. */
  constructor(recording: Recording, readonly comparison: Comparison, readonly file: string = TX) {
    const { tables, scenario, output } = recording;
    const table = tables.get(file);
    this.#isPlayed = scenario.path === "forward" && reachOf(recording).station === "driver";
    this.#columns = table?.results("stage") ?? [];
    const others: SentRow[] = [];
    (table?.rows ?? []).forEach((row, index) => {
      if (row.integer("rc") !== 0) this.leaveOut({ index, row }, "refused");
      else (row.text("dev") === scenario.tx_device ? this.#own : others).push({ index, row });
    });
    this.others = others;
    if (table !== undefined && this.#own.length !== output.length) {
      const frames = `${this.#own.length} frames of the device where output.pcap has ${output.length}`;
      throw table.error(`it has ${frames}`, {});
    }
  }

  /** The row of a frame of `output.pcap`; undefined where there is no such table. */
  of(frame: number): SentRow | undefined {
    return this.#own[frame];
  }

  /** Leaves a row out; what the whole path is held against as well, it has compared there. */
  leaveOut(sent: SentRow | undefined, reason: LeftOutReason): void {
    if (sent === undefined) return;
    if (this.#isPlayed) this.comparison.elsewhere(this.file, this.#columns.length);
    else this.comparison.leaveOut(this.file, reason, this.#columns.length);
  }

  /** Leaves `frames` frames of `file` out, likewise. */
  leaveFramesOut(file: string, reason: LeftOutReason, frames: number): void {
    if (this.#isPlayed) this.comparison.elsewhere(file, frames);
    else this.comparison.leaveOut(file, reason, frames);
  }

  /** Compares a row. */
  compare(sent: SentRow | undefined, ours: ResultRow): void {
    if (sent === undefined) return;
    for (const column of this.#columns) {
      this.comparison.value(this.file, sent.index, column, ours[column]!, sent.row.text(column));
    }
  }
}

/** SPI and sequence number of a row that is of an ESP packet; undefined for any other, and for a fragment of one. */
export function espIdentOf(row: TableRow): { readonly spi: number; readonly sequence: number } | undefined {
  const [, spi, sequence] = /\bspi=(0x[0-9a-f]+) seq=(\d+)/.exec(row.text("ident")) ?? [];
  return spi === undefined ? undefined : { spi: Number(spi), sequence: Number(sequence) };
}
