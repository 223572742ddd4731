/**
 * The series: what happened in each interval of a run.
 *
 * The length of a run is not known before its end, so events are counted in bins of a power of ten of microseconds, and ten
 * bins become one when there are too many; at the end bins are put together to the interval that was asked for, or to about
 * a hundredth of the run rounded to 1, 2 or 5 times a power of ten. A cost that spans bins is split between them.
 *
 * ```ts
 * const series = new Series(undefined);
 * // ... a run ...
 * for (const interval of series.intervals(endNs)) interval.copiedBytes;
 * ```
 *
 * @module
 */

import type { EventBlock, Fold } from "./ledger.ts";
import { NS_PER_US, PS_PER_NS, wireBytes } from "./units.ts";
import { EVENT, REASON, STAGE } from "./schema.ts";

/** Sums over one interval. */
export interface SeriesInterval {
  /** Start and end, in ns since the first arrival. */
  readonly startNs: number;
  readonly endNs: number;
  /** Bytes on the wire that arrived and left, 24 bytes of overhead per frame included. */
  readonly arrivedWireBytes: number;
  readonly sentWireBytes: number;
  /** L4 payload bytes sent. */
  readonly sentPayloadBytes: number;
  readonly copies: number;
  readonly copiedBytes: number;
  readonly segments: number;
  readonly merges: number;
  readonly drops: number;
  readonly txBusy: number;
  readonly requeues: number;
  /** Packets in the qdisc at the end of the interval. */
  readonly qdiscPackets: number;
  /** Busy time of the networking CPUs, in ps. */
  readonly busyPs: number;
}

/** Bins before ten of them become one; enough for a hundred intervals of whole bins. */
const BINS_MAX = 20_000;
const INTERVALS_WANTED = 100;

/** Names of what is summed per bin, in the order of the columns of a bin. */
const SUMS = [
  "arrivedWireBytes",
  "sentWireBytes",
  "sentPayloadBytes",
  "copies",
  "copiedBytes",
  "segments",
  "merges",
  "drops",
  "txBusy",
  "requeues",
  "busyPs",
] as const;
type SumName = typeof SUMS[number];

/** Counts by time. */
export class Series implements Fold {
  #binNs: number;
  readonly #sums: Record<SumName, number[]>;
  /** Queue length after the last change within a bin; undefined where it did not change. */
  #queue: (number | undefined)[] = [];

  /** `intervalUs` is the length of an interval, undefined for about a hundredth of the run. */
  constructor(readonly intervalUs: number | undefined) {
    this.#binNs = (intervalUs ?? 1) * NS_PER_US;
    this.#sums = Object.fromEntries(SUMS.map((name) => [name, [] as number[]])) as Record<SumName, number[]>;
  }

  /** Reads the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      this.#addRow(block, row);
      const costPs = block.costPs[row]!;
      if (costPs > 0) this.#spread(block.tNs[row]! * PS_PER_NS, costPs);
    }
  }

  /** The intervals from 0 to `endNs`, the last one perhaps shorter. */
  intervals(endNs: number): SeriesInterval[] {
    const intervalNs = this.intervalUs === undefined ? roundedInterval(endNs, this.#binNs) : this.#binNs;
    const perInterval = intervalNs / this.#binNs;
    const rows: SeriesInterval[] = [];
    let qdiscPackets = 0;
    for (let startNs = 0, bin = 0; startNs < endNs; startNs += intervalNs, bin += perInterval) {
      qdiscPackets = this.#queue.slice(bin, bin + perInterval).findLast((length) => length !== undefined) ??
        qdiscPackets;
      rows.push({
        ...this.#sumsOf(bin, perInterval),
        startNs,
        endNs: Math.min(startNs + intervalNs, endNs),
        qdiscPackets,
      });
    }
    return rows;
  }

  #sumsOf(bin: number, bins: number): Record<SumName, number> {
    const sums = SUMS.map((name) => {
      return [name, this.#sums[name].slice(bin, bin + bins).reduce((sum, value) => sum + (value ?? 0), 0)];
    });
    return Object.fromEntries(sums) as Record<SumName, number>;
  }

  #addRow(block: EventBlock, row: number): void {
    const tNs = block.tNs[row]!;
    switch (block.event[row]) {
      case EVENT.arrive:
        if (block.reason[row] === REASON.none) this.#count(tNs, "arrivedWireBytes", wireBytes(block.bytes[row]!));
        break;
      case EVENT.send:
        // A row without bytes is of one more packet that ended in the frame of the row before.
        if (block.bytes[row]! > 0) this.#count(tNs, "sentWireBytes", wireBytes(block.bytes[row]!));
        this.#count(tNs, "sentPayloadBytes", block.payloadBytes[row]!);
        break;
      case EVENT.copy:
        this.#count(tNs, "copies", 1);
        this.#count(tNs, "copiedBytes", block.bytes[row]!);
        break;
      case EVENT.segment:
        this.#count(tNs, "segments", 1);
        break;
      case EVENT.merge:
        this.#count(tNs, "merges", 1);
        break;
      case EVENT.drop:
        this.#count(tNs, "drops", block.count[row]!);
        break;
      case EVENT.busy:
        this.#count(tNs, "txBusy", 1);
        break;
      case EVENT.deliver:
        if (block.reason[row] === REASON.toSocket) this.#count(tNs, "sentPayloadBytes", block.payloadBytes[row]!);
        break;
      case EVENT.requeue:
        this.#count(tNs, "requeues", 1);
        this.#queue[this.#binOf(tNs)] = block.count[row]!;
        break;
      case EVENT.enqueue:
      case EVENT.dequeue:
        if (block.stage[row] === STAGE.qdisc) this.#queue[this.#binOf(tNs)] = block.count[row]!;
        break;
    }
  }

  #count(tNs: number, name: SumName, amount: number): void {
    const bin = this.#binOf(tNs);
    const sums = this.#sums[name];
    sums[bin] = (sums[bin] ?? 0) + amount;
  }

  /** Adds busy time from `startPs` on to the bins it falls into. */
  #spread(startPs: number, costPs: number): void {
    let at = startPs;
    let left = costPs;
    while (left > 0) {
      const tNs = Math.floor(at / PS_PER_NS);
      const bin = this.#binOf(tNs);
      const part = Math.min(left, (bin + 1) * this.#binNs * PS_PER_NS - at);
      this.#count(tNs, "busyPs", part);
      at += part;
      left -= part;
    }
  }

  #binOf(tNs: number): number {
    while (this.intervalUs === undefined && tNs >= BINS_MAX * this.#binNs) this.#coarsen();
    return Math.floor(tNs / this.#binNs);
  }

  /** Ten bins become one. */
  #coarsen(): void {
    for (const name of SUMS) {
      const sums = this.#sums[name];
      this.#sums[name] = [];
      sums.forEach((value, bin) => {
        const coarse = Math.floor(bin / 10);
        this.#sums[name][coarse] = (this.#sums[name][coarse] ?? 0) + value;
      });
    }
    const queue = this.#queue;
    this.#queue = [];
    queue.forEach((length, bin) => {
      if (length !== undefined) this.#queue[Math.floor(bin / 10)] = length;
    });
    this.#binNs *= 10;
  }
}

/** The step of 1, 2, 5, 10, ... bins that is nearest to a hundredth of the run by ratio. */
function roundedInterval(endNs: number, binNs: number): number {
  const wanted = endNs / INTERVALS_WANTED;
  for (let decade = binNs;; decade *= 10) {
    for (const [step, next] of [[1, 2], [2, 5], [5, 10]] as const) {
      if (wanted * wanted < step * decade * next * decade) return step * decade;
    }
  }
}
