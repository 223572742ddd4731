/**
 * The tally: how often each (event, stage, reason) happened, and the sums of its columns.
 *
 * Most outputs are sums over the ledger; they are all read off here, so that two of them cannot disagree.
 *
 * ```ts
 * tally.sum({ event: "copy" }).bytes; // all bytes copied
 * tally.sum({ event: "tail", reason: REASON.tailFragment }).rows;
 * ```
 *
 * @module
 */

import type { EventBlock, Fold } from "./ledger.ts";
import { EVENT, EVENT_NAMES, REASONS, STAGE_NAMES } from "./schema.ts";

/** Sums over the rows of one kind. */
export interface Sums {
  /** How many rows. */
  rows: number;
  /** Sum of `bytes`. */
  bytes: number;
  /** Sum of `count`. */
  count: number;
  /** Sum of the prices in picoseconds. */
  costPs: number;
  /** Sum of `payload_bytes`. */
  payloadBytes: number;
  /** Sum of `steps`. */
  steps: number;
}

/** Which rows to sum over; what is left out is not asked for. */
export interface Selection {
  /** Kind of event. */
  readonly event: typeof EVENT_NAMES[number];
  /** Index into STAGE_NAMES. */
  readonly stage?: number;
  /** Index into REASONS. */
  readonly reason?: number;
}

const CELLS = EVENT_NAMES.length * STAGE_NAMES.length * REASONS.length;
const CELLS_PER_EVENT = STAGE_NAMES.length * REASONS.length;

/** Sums every column of the ledger by event, stage and reason. Few of these happen in a run: the others take no sums. */
export class Tally implements Fold {
  /** Index into `#sums` by cell; 0 for what has not happened. */
  readonly #indices = new Uint16Array(CELLS);
  readonly #sums: Sums[] = [noSums()];
  /** The cells that happened, in the order of the schema while `#isSorted`. */
  readonly #cells: number[] = [];
  #isSorted = true;

  /** Adds the rows of a block. */
  add(block: EventBlock): void {
    const { rows, event, stage, reason, bytes, count, costPs, payloadBytes, steps } = block;
    for (let row = 0; row < rows; row++) {
      const cell = cellOf(event[row]!, stage[row]!, reason[row]!);
      const sums = this.#sums[this.#indices[cell] || this.#begin(cell)]!;
      sums.rows += 1;
      sums.bytes += bytes[row]!;
      sums.count += count[row]!;
      sums.costPs += costPs[row]!;
      sums.payloadBytes += payloadBytes[row]!;
      sums.steps += steps[row]!;
    }
  }

  #begin(cell: number): number {
    this.#indices[cell] = this.#sums.length;
    this.#cells.push(cell);
    this.#isSorted = false;
    return this.#sums.push(noSums()) - 1;
  }

  /** Sums over all rows that fit. */
  sum(selection: Selection): Sums {
    const total = noSums();
    this.forEach(EVENT[selection.event], (stage, reason, cell) => {
      if (selection.stage !== undefined && selection.stage !== stage) return;
      if (selection.reason !== undefined && selection.reason !== reason) return;
      total.rows += cell.rows;
      total.bytes += cell.bytes;
      total.count += cell.count;
      total.costPs += cell.costPs;
      total.payloadBytes += cell.payloadBytes;
      total.steps += cell.steps;
    });
    return total;
  }

  /** Calls `visit` for each (stage, reason) of an event that happened, in the order of the schema. The sums are the tally's. */
  forEach(event: number, visit: (stage: number, reason: number, sums: Readonly<Sums>) => void): void {
    if (!this.#isSorted) this.#cells.sort((a, b) => a - b);
    this.#isSorted = true;
    for (const cell of this.#cells) {
      if (Math.floor(cell / CELLS_PER_EVENT) !== event) continue;
      const stage = Math.floor(cell % CELLS_PER_EVENT / REASONS.length);
      visit(stage, cell % REASONS.length, this.#sums[this.#indices[cell]!]!);
    }
  }

  /** Sum of all prices, in picoseconds. */
  get costPs(): number {
    return this.#sums.reduce((sum, { costPs }) => sum + costPs, 0);
  }
}

function noSums(): Sums {
  return { rows: 0, bytes: 0, count: 0, costPs: 0, payloadBytes: 0, steps: 0 };
}

function cellOf(event: number, stage: number, reason: number): number {
  return (event * STAGE_NAMES.length + stage) * REASONS.length + reason;
}
