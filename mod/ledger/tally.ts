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

/** Sums every column of the ledger by event, stage and reason. */
export class Tally implements Fold {
  readonly #rows = new Float64Array(CELLS);
  readonly #bytes = new Float64Array(CELLS);
  readonly #count = new Float64Array(CELLS);
  readonly #costPs = new Float64Array(CELLS);
  readonly #payloadBytes = new Float64Array(CELLS);
  readonly #steps = new Float64Array(CELLS);

  /** Adds the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      const cell = cellOf(block.event[row]!, block.stage[row]!, block.reason[row]!);
      this.#rows[cell]! += 1;
      this.#bytes[cell]! += block.bytes[row]!;
      this.#count[cell]! += block.count[row]!;
      this.#costPs[cell]! += block.costPs[row]!;
      this.#payloadBytes[cell]! += block.payloadBytes[row]!;
      this.#steps[cell]! += block.steps[row]!;
    }
  }

  /** Sums over all rows that fit. */
  sum(selection: Selection): Sums {
    const total = { rows: 0, bytes: 0, count: 0, costPs: 0, payloadBytes: 0, steps: 0 };
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

  /** Calls `visit` for each (stage, reason) of an event that happened, in the order of the schema. */
  forEach(event: number, visit: (stage: number, reason: number, sums: Sums) => void): void {
    for (let stage = 0; stage < STAGE_NAMES.length; stage++) {
      for (let reason = 0; reason < REASONS.length; reason++) {
        const cell = cellOf(event, stage, reason);
        if (this.#rows[cell] === 0) continue;
        visit(stage, reason, {
          rows: this.#rows[cell]!,
          bytes: this.#bytes[cell]!,
          count: this.#count[cell]!,
          costPs: this.#costPs[cell]!,
          payloadBytes: this.#payloadBytes[cell]!,
          steps: this.#steps[cell]!,
        });
      }
    }
  }

  /** Sum of all prices, in picoseconds. */
  get costPs(): number {
    let sum = 0;
    for (const cost of this.#costPs) sum += cost;
    return sum;
  }
}

function cellOf(event: number, stage: number, reason: number): number {
  return (event * STAGE_NAMES.length + stage) * REASONS.length + reason;
}
