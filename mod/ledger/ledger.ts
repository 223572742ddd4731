/**
 * The ledger: one row per event, in columns, handed to folds block by block.
 *
 * Whatever the model does is written here and nowhere else; every output is a fold over these rows. Each row is priced as
 * it is written, and the price is added to the work of the step that a CPU is running: no event, no cost; no cost, no
 * time. Rows are kept in typed columns of one block; when the block is full the folds read it and it is used again, so the
 * memory of a run does not grow with the length of a capture.
 *
 * ```ts
 * const ledger = new Ledger(price, [new Totals()]);
 * ledger.beginStep(0, nowNs, 0);
 * ledger.write(EVENT.copy, REASON.pullTail, packet, skb.id, NONE, 1460, 1, 0);
 * const costPs = ledger.endStep();
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "./schema.ts";
import { PS_PER_NS } from "./units.ts";

/** Rows per block: few enough for a core's cache, and for runs of few packets. */
const BLOCK_ROWS = 1024;

/** What an event costs the CPU it runs on, in whole picoseconds. */
export type Price = (event: number, stage: number, reason: number, bytes: number, count: number) => number;

/** The columns of one block of rows; the first `rows` entries of each are valid while a fold reads them. */
export class EventBlock {
  /** Rows in use. */
  rows = 0;
  /** Time of the event in ns since the first arrival. */
  readonly tNs: Float64Array = new Float64Array(BLOCK_ROWS);
  /** CPU, NONE for a device; of a frame that a full receive ring has no room for, the CPU that the ring belongs to. */
  readonly cpu: Int16Array = new Int16Array(BLOCK_ROWS);
  /** Index into STAGE_NAMES. */
  readonly stage: Uint8Array = new Uint8Array(BLOCK_ROWS);
  /** Index into EVENT_NAMES. */
  readonly event: Uint8Array = new Uint8Array(BLOCK_ROWS);
  /** Index into REASONS. */
  readonly reason: Uint8Array = new Uint8Array(BLOCK_ROWS);
  /** Captured packet, NONE on an aggregate. */
  readonly packet: Float64Array = new Float64Array(BLOCK_ROWS);
  /** Buffer, NONE where there is none. */
  readonly skb: Float64Array = new Float64Array(BLOCK_ROWS);
  /** Buffer merged into, cloned to or segmented from, NONE otherwise. */
  readonly into: Float64Array = new Float64Array(BLOCK_ROWS);
  /** Bytes, as the event kind means them. */
  readonly bytes: Float64Array = new Float64Array(BLOCK_ROWS);
  /** Count, as the event kind means it. */
  readonly count: Float64Array = new Float64Array(BLOCK_ROWS);
  /** Price in picoseconds. */
  readonly costPs: Float64Array = new Float64Array(BLOCK_ROWS);
  /** L4 payload bytes that the buffer carries. */
  readonly payloadBytes: Float64Array = new Float64Array(BLOCK_ROWS);
  /** Number of the L4 flow, NONE where it is not known. */
  readonly flow: Int32Array = new Int32Array(BLOCK_ROWS);
  /** Steps in which a cipher walks over a request (`seal`, `open`); else 0. */
  readonly steps: Int32Array = new Int32Array(BLOCK_ROWS);
}

/** Reads rows in the order they were written; `add` must not keep the block. */
export interface Fold {
  /** Reads the rows of one block. */
  add(block: EventBlock): void;
}

/** What an event is about: a buffer, by its number and that of the captured packet it carries. */
export interface Subject {
  /** Number of the buffer. */
  readonly id: number;
  /** Number of the captured packet, NONE on an aggregate. */
  readonly packet: number;
}

/** The event table of one run. */
export class Ledger {
  /** The stage that works now; written into every row. */
  stage: number = STAGE["rx-ring"];
  /** Rows written since the start of the run. */
  rowCount = 0;

  readonly #price: Price;
  readonly #folds: readonly Fold[];
  readonly #block = new EventBlock();
  #cpu = NONE;
  #stepStartNs = 0;
  #stepPs = 0;
  /** Cipher steps of the row that comes next. */
  #cipherSteps = 0;

  /** A ledger that prices with `price` and hands its rows to `folds`. */
  constructor(price: Price, folds: readonly Fold[]) {
    this.#price = price;
    this.#folds = folds;
  }

  /** A CPU starts a step at `startNs` plus `remainderPs`; the costs of the rows that follow are its work. */
  beginStep(cpu: number, startNs: number, remainderPs: number): void {
    this.#cpu = cpu;
    this.#stepStartNs = startNs;
    this.#stepPs = remainderPs;
  }

  /** Ends the step; returns the remainder it began with plus the cost of its rows, in picoseconds. */
  endStep(): number {
    this.#cpu = NONE;
    return this.#stepPs;
  }

  /** The local time of the step that runs, in whole nanoseconds. */
  get nowNs(): number {
    return this.#stepStartNs + Math.floor(this.#stepPs / PS_PER_NS);
  }

  /** What an event would cost in the stage that works now, in picoseconds. */
  priceOf(event: number, reason: number, bytes: number, count: number): number {
    return this.#price(event, this.stage, reason, bytes, count);
  }

  /** An skb enters a stage: its fixed work is priced here, and the rows that follow belong to that stage. */
  visit(stage: number, packet: number, skb: number, bytes: number, count: number): void {
    this.stage = stage;
    this.write(EVENT.visit, REASON.none, packet, skb, NONE, bytes, count, 0);
  }

  /** Writes one event of a buffer that carries no payload count: what most operations and stages do. */
  note(event: number, reason: number, skb: Subject, bytes: number, count: number = 1, into: number = NONE): void {
    this.write(event, reason, skb.packet, skb.id, into, bytes, count, 0);
  }

  /** Writes one crypto request: `seal` or `open` of `bytes` bytes in `entries` scatterlist entries, walked in `steps`. */
  request(event: number, reason: number, skb: Subject, bytes: number, entries: number, steps: number): void {
    this.#cipherSteps = steps;
    this.note(event, reason, skb, bytes, entries);
  }

  /** Writes one event of the running step at its local time and adds its price to the step; `flow` where somebody asks for it. */
  write(
    event: number,
    reason: number,
    packet: number,
    skb: number,
    into: number,
    bytes: number,
    count: number,
    payloadBytes: number,
    flow: number = NONE,
  ): void {
    const costPs = this.#price(event, this.stage, reason, bytes, count);
    const block = this.#block;
    const row = this.#begin(this.nowNs, this.#cpu, this.stage, event, reason, packet, skb, bytes, count, payloadBytes);
    block.into[row] = into;
    block.costPs[row] = costPs;
    block.flow[row] = flow;
    this.#stepPs += costPs;
    this.#end();
  }

  /** Writes one event of a device, which costs no CPU, at the time it happened; `cpu` where the device has a queue for each. */
  writeDevice(
    tNs: number,
    stage: number,
    event: number,
    reason: number,
    packet: number,
    skb: number,
    bytes: number,
    count: number,
    payloadBytes: number,
    flow: number,
    cpu: number = NONE,
  ): void {
    const block = this.#block;
    const row = this.#begin(tNs, cpu, stage, event, reason, packet, skb, bytes, count, payloadBytes);
    block.into[row] = NONE;
    block.costPs[row] = 0;
    block.flow[row] = flow;
    this.#end();
  }

  /** Writes one crypto request that a device was through with at `tNs`, which costs no CPU. */
  deviceRequest(
    tNs: number,
    stage: number,
    event: number,
    reason: number,
    skb: Subject,
    bytes: number,
    entries: number,
    steps: number,
  ): void {
    this.#cipherSteps = steps;
    this.writeDevice(tNs, stage, event, reason, skb.packet, skb.id, bytes, entries, 0, NONE);
  }

  /** Hands the rows not yet read to the folds; call once after the last event. */
  finish(): void {
    this.#drain();
  }

  #begin(
    tNs: number,
    cpu: number,
    stage: number,
    event: number,
    reason: number,
    packet: number,
    skb: number,
    bytes: number,
    count: number,
    payloadBytes: number,
  ): number {
    const block = this.#block;
    const row = block.rows;
    block.tNs[row] = tNs;
    block.cpu[row] = cpu;
    block.stage[row] = stage;
    block.event[row] = event;
    block.reason[row] = reason;
    block.packet[row] = packet;
    block.skb[row] = skb;
    block.bytes[row] = bytes;
    block.count[row] = count;
    block.payloadBytes[row] = payloadBytes;
    block.steps[row] = this.#cipherSteps;
    this.#cipherSteps = 0;
    return row;
  }

  #end(): void {
    this.rowCount += 1;
    this.#block.rows += 1;
    if (this.#block.rows === BLOCK_ROWS) this.#drain();
  }

  #drain(): void {
    for (const fold of this.#folds) fold.add(this.#block);
    this.#block.rows = 0;
  }
}
