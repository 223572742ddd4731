/**
 * The tally: how often each (event, stage, reason) happened, on which CPU, and the sums of its columns.
 *
 * Most outputs are sums over the ledger; they are all read off here, so that two of them cannot disagree.
 *
 * ```ts
 * tally.sum({ event: "copy" }).bytes; // all bytes copied
 * tally.sum({ event: "tail", reason: REASON.tailFragment }).rows;
 * tally.work().filter(({ cpu }) => cpu === 1); // what the second CPU did
 * ```
 *
 * @module
 */

import type { EventBlock, Fold } from "./ledger.ts";
import { EVENT, EVENT_NAMES, NONE, REASON, REASONS, STAGE_NAMES } from "./schema.ts";

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

/** One kind of event on one CPU. */
export interface WorkCell {
  /** Number of the CPU. */
  readonly cpu: number;
  /** Index into EVENT_NAMES. */
  readonly event: number;
  /** Index into STAGE_NAMES. */
  readonly stage: number;
  /** Index into REASONS. */
  readonly reason: number;
  /** How many. */
  readonly rows: number;
  /** Sum of `bytes`. */
  readonly bytes: number;
  /** Sum of `count`. */
  readonly count: number;
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

const PLACES = EVENT_NAMES.length * STAGE_NAMES.length;

/** Sums every column of the ledger by event, stage, reason and CPU. Few of these happen in a run: the others take no sums. */
export class Tally implements Fold {
  /** By (event, stage), where anything has happened: indices into `#sums` by reason, 0 for what has not. */
  readonly #indices = new Array<Uint16Array | undefined>(PLACES);
  /** By that index, then by CPU, devices (NONE) before the first; what a CPU has not done is a hole. */
  readonly #sums: (Sums | undefined)[][] = [[]];
  /** The cells that happened, in the order of the schema while `#isSorted`. */
  readonly #cells: number[] = [];
  #isSorted = true;

  /** Adds the rows of a block. */
  add(block: EventBlock): void {
    const { rows, cpu, event, stage, reason, bytes, count, costPs, payloadBytes, steps } = block;
    for (let row = 0; row < rows; row++) {
      const place = event[row]! * STAGE_NAMES.length + stage[row]!;
      const index = this.#indices[place]?.[reason[row]!] || this.#begin(place, reason[row]!);
      const sums = this.#sums[index]![cpu[row]! - NONE] ??= noSums();
      sums.rows += 1;
      sums.bytes += bytes[row]!;
      sums.count += count[row]!;
      sums.costPs += costPs[row]!;
      sums.payloadBytes += payloadBytes[row]!;
      sums.steps += steps[row]!;
    }
  }

  #begin(place: number, reason: number): number {
    const indices = this.#indices[place] ??= new Uint16Array(REASONS.length);
    indices[reason] = this.#sums.length;
    this.#cells.push(place * REASONS.length + reason);
    this.#isSorted = false;
    return this.#sums.push([]) - 1;
  }

  /** Sums over all rows that fit. */
  sum(selection: Selection): Sums {
    const total = noSums();
    this.forEach(EVENT[selection.event], (stage, reason, cell) => {
      if (selection.stage !== undefined && selection.stage !== stage) return;
      if (selection.reason !== undefined && selection.reason !== reason) return;
      addTo(total, cell);
    });
    return total;
  }

  /** Calls `visit` for each (stage, reason) of an event that happened, in the order of the schema, with the sums over all CPUs. */
  forEach(event: number, visit: (stage: number, reason: number, sums: Readonly<Sums>) => void): void {
    this.#forEachCell((ofEvent, stage, reason, byCpu) => {
      if (ofEvent !== event) return;
      const total = noSums();
      // Holes are passed over.
      byCpu.forEach((sums) => addTo(total, sums!));
      visit(stage, reason, total);
    });
  }

  /**
   * What each CPU did, in the order of the schema. What devices did is left out, and so are frames that found no room on a
   * receive ring: their rows say whose ring that was, and nobody worked.
   */
  work(): WorkCell[] {
    const work: WorkCell[] = [];
    this.#forEachCell((event, stage, reason, byCpu) => {
      if (reason === REASON.rxRingFull) return;
      byCpu.forEach((sums, slot) => {
        const cpu = slot + NONE;
        const { rows, bytes, count } = sums!;
        if (cpu !== NONE) work.push({ cpu, event, stage, reason, rows, bytes, count });
      });
    });
    return work;
  }

  /** Sum of all prices, in picoseconds. */
  get costPs(): number {
    return this.#sums.flat().reduce((sum, sums) => sum + sums!.costPs, 0);
  }

  #forEachCell(visit: (event: number, stage: number, reason: number, byCpu: (Sums | undefined)[]) => void): void {
    if (!this.#isSorted) this.#cells.sort((a, b) => a - b);
    this.#isSorted = true;
    for (const cell of this.#cells) {
      const place = Math.floor(cell / REASONS.length);
      const reason = cell % REASONS.length;
      const index = this.#indices[place]![reason]!;
      visit(Math.floor(place / STAGE_NAMES.length), place % STAGE_NAMES.length, reason, this.#sums[index]!);
    }
  }
}

function addTo(total: Sums, sums: Readonly<Sums>): void {
  total.rows += sums.rows;
  total.bytes += sums.bytes;
  total.count += sums.count;
  total.costPs += sums.costPs;
  total.payloadBytes += sums.payloadBytes;
  total.steps += sums.steps;
}

function noSums(): Sums {
  return { rows: 0, bytes: 0, count: 0, costPs: 0, payloadBytes: 0, steps: 0 };
}
