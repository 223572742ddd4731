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
  /** Crypto requests that were not called back at the end of the interval; undefined where none was ever made. */
  readonly cryptoQueuePackets: number | undefined;
  /** Busy time of all CPUs, in ps. */
  readonly busyPs: number;
  /** Busy time of the busiest CPU for networking, of the busiest for crypto, and of the busiest reader (0: there is none), in ps. */
  readonly netBusyPs: number;
  readonly cryptoBusyPs: number;
  readonly readerBusyPs: number;
  /** There are CPUs set apart for crypto. */
  readonly hasCryptoCpus: boolean;
  /** There are CPUs on which processes read and nothing else runs. */
  readonly hasReaderCpus: boolean;
}

/**
 * CPUs of each host: those for networking come first, then those for crypto, then those of the next host. Those on which
 * processes read are of the second host and come last.
 */
export interface CpuRoles {
  readonly netCpus: number;
  readonly cryptoCpus: number;
  /** None if absent. */
  readonly readerCpus?: number;
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
] as const;
type SumName = typeof SUMS[number];

/** Counts by time. */
export class Series implements Fold {
  #binNs: number;
  readonly #sums: Record<SumName, number[]>;
  /** Busy time of each CPU in each bin. */
  readonly #busyPs: number[][] = [];
  /** Packets in the qdisc, and crypto requests, of all engines together. */
  readonly #qdisc = new Level();
  readonly #requests = new Level();
  #inFlight = 0;
  /** The local times of CPUs differ by less than a step: a change does not count as earlier than the one before. */
  #changeNs = 0;
  /** When something was counted last. */
  #lastNs = 0;

  /** `intervalUs` is the length of an interval, undefined for about a hundredth of the run. */
  constructor(
    readonly intervalUs: number | undefined,
    readonly roles: CpuRoles = { netCpus: 1, cryptoCpus: 0 },
  ) {
    this.#binNs = (intervalUs ?? 1) * NS_PER_US;
    this.#sums = Object.fromEntries(SUMS.map((name) => [name, [] as number[]])) as Record<SumName, number[]>;
  }

  /** Reads the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      this.#addRow(block, row);
      const costPs = block.costPs[row]!;
      if (costPs > 0) this.#spread(block.cpu[row]!, block.tNs[row]! * PS_PER_NS, costPs);
    }
  }

  /**
   * The intervals from 0 to the end of the run, which is `runNs` or when the last event was counted (a device may drop what
   * arrives when all else is over). The last one is perhaps shorter, and what happens at its very end belongs to it.
   */
  intervals(runNs: number): SeriesInterval[] {
    const endNs = this.endNs(runNs);
    const intervalNs = this.intervalUs === undefined ? roundedInterval(endNs, this.#binNs) : this.#binNs;
    const perInterval = intervalNs / this.#binNs;
    const rows: SeriesInterval[] = [];
    let qdiscPackets = 0;
    let cryptoQueuePackets = this.#requests.isKnown ? 0 : undefined;
    for (let startNs = 0, bin = 0; startNs < endNs || startNs === 0; startNs += intervalNs, bin += perInterval) {
      const bins = startNs + intervalNs === endNs ? perInterval + 1 : perInterval;
      qdiscPackets = this.#qdisc.lastOf(bin, bins) ?? qdiscPackets;
      cryptoQueuePackets = this.#requests.lastOf(bin, bins) ?? cryptoQueuePackets;
      rows.push({
        ...this.#sumsOf(bin, bins),
        ...this.#busyOf(bin, bins),
        startNs,
        endNs: Math.min(startNs + intervalNs, endNs),
        qdiscPackets,
        cryptoQueuePackets,
        hasCryptoCpus: this.roles.cryptoCpus > 0,
        hasReaderCpus: (this.roles.readerCpus ?? 0) > 0,
      });
    }
    return rows;
  }

  /** The end of the last interval of a run of `runNs`. */
  endNs(runNs: number): number {
    return Math.max(runNs, this.#lastNs);
  }

  #sumsOf(bin: number, bins: number): Record<SumName, number> {
    const sums = SUMS.map((name) => {
      return [name, this.#sums[name].slice(bin, bin + bins).reduce((sum, value) => sum + (value ?? 0), 0)];
    });
    return Object.fromEntries(sums) as Record<SumName, number>;
  }

  #busyOf(bin: number, bins: number): Pick<SeriesInterval, "busyPs" | "netBusyPs" | "cryptoBusyPs" | "readerBusyPs"> {
    const busy = { busyPs: 0, netBusyPs: 0, cryptoBusyPs: 0, readerBusyPs: 0 };
    this.#busyPs.forEach((ofCpu, cpu) => {
      const ps = ofCpu.slice(bin, bin + bins).reduce((sum, value) => sum + (value ?? 0), 0);
      busy.busyPs += ps;
      const role = this.#roleOf(cpu);
      busy[role] = Math.max(busy[role], ps);
    });
    return busy;
  }

  #roleOf(cpu: number): "netBusyPs" | "cryptoBusyPs" | "readerBusyPs" {
    const { netCpus, cryptoCpus, readerCpus = 0 } = this.roles;
    const stackCpus = netCpus + cryptoCpus;
    if (readerCpus > 0 && cpu >= 2 * stackCpus) return "readerBusyPs";
    return cpu % stackCpus < netCpus ? "netBusyPs" : "cryptoBusyPs";
  }

  #addRow(block: EventBlock, row: number): void {
    const tNs = block.tNs[row]!;
    switch (block.event[row]) {
      case EVENT.arrive:
        if (block.reason[row] === REASON.none) this.#count(tNs, "arrivedWireBytes", wireBytes(block.bytes[row]!));
        break;
      case EVENT.send:
        // A row without bytes is of one more packet that ended in the frame of the row before; acknowledgments go back.
        if (block.bytes[row]! > 0 && block.reason[row] !== REASON.toSender) {
          this.#count(tNs, "sentWireBytes", wireBytes(block.bytes[row]!));
        }
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
        this.#count(tNs, "txBusy", block.count[row]!);
        break;
      case EVENT.deliver:
        if (block.reason[row] === REASON.toSocket) this.#count(tNs, "sentPayloadBytes", block.payloadBytes[row]!);
        break;
      case EVENT.requeue:
        this.#count(tNs, "requeues", 1);
        this.#qdisc.note(this.#binOfChange(tNs), block.count[row]!);
        break;
      case EVENT.enqueue:
      case EVENT.dequeue:
        if (block.stage[row] === STAGE.qdisc) this.#qdisc.note(this.#binOfChange(tNs), block.count[row]!);
        break;
      case EVENT.submit:
        this.#requests.note(this.#binOfChange(tNs), ++this.#inFlight);
        break;
      case EVENT.complete:
        this.#requests.note(this.#binOfChange(tNs), --this.#inFlight);
        break;
    }
  }

  #binOfChange(tNs: number): number {
    this.#changeNs = Math.max(this.#changeNs, tNs);
    return this.#binOf(this.#changeNs);
  }

  #count(tNs: number, name: SumName, amount: number): void {
    this.#lastNs = Math.max(this.#lastNs, tNs);
    const bin = this.#binOf(tNs);
    const sums = this.#sums[name];
    sums[bin] = (sums[bin] ?? 0) + amount;
  }

  /** Adds busy time of a CPU from `startPs` on to the bins it falls into. */
  #spread(cpu: number, startPs: number, costPs: number): void {
    let at = startPs;
    let left = costPs;
    while (left > 0) {
      const tNs = Math.floor(at / PS_PER_NS);
      const bin = this.#binOf(tNs);
      const part = Math.min(left, (bin + 1) * this.#binNs * PS_PER_NS - at);
      const busyPs = this.#busyPs[cpu] ??= [];
      busyPs[bin] = (busyPs[bin] ?? 0) + part;
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
    for (const name of SUMS) this.#sums[name] = tenInOne(this.#sums[name]);
    this.#busyPs.forEach((busyPs, cpu) => this.#busyPs[cpu] = tenInOne(busyPs));
    this.#qdisc.coarsen();
    this.#requests.coarsen();
    this.#binNs *= 10;
  }
}

/** A length after its last change within each bin. */
class Level {
  /** Undefined where it did not change. */
  #lengths: (number | undefined)[] = [];

  /** It has changed at all. */
  get isKnown(): boolean {
    return this.#lengths.length > 0;
  }

  note(bin: number, length: number): void {
    this.#lengths[bin] = length;
  }

  /** After the last change within `bins` bins from `bin` on; undefined when there was none. */
  lastOf(bin: number, bins: number): number | undefined {
    return this.#lengths.slice(bin, bin + bins).findLast((length) => length !== undefined);
  }

  /** Ten bins become one. */
  coarsen(): void {
    const lengths = this.#lengths;
    this.#lengths = [];
    lengths.forEach((length, bin) => {
      if (length !== undefined) this.#lengths[Math.floor(bin / 10)] = length;
    });
  }
}

function tenInOne(bins: readonly number[]): number[] {
  const coarse: number[] = [];
  bins.forEach((value, bin) => {
    const at = Math.floor(bin / 10);
    coarse[at] = (coarse[at] ?? 0) + value;
  });
  return coarse;
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
