/**
 * What a CPU sends together: packets that left a queue at one time, or the segments of one.
 *
 * linux-datapath 6.1, 6.5, 7.5 (net/sched/sch_generic.c: sch_direct_xmit; net/core/dev.c: validate_xmit_skb_list,
 * dev_hard_start_xmit; net/xfrm/xfrm_device.c: validate_xmit_xfrm; 4.4 and 6.1). First all of them are made fit for the driver,
 * one segment per step, then they are handed over one by one, until the driver refuses one or has stopped its queue. What
 * asynchronous crypto takes is off the list; what it refuses is dropped with the segments of its aggregate that are left.
 *
 * Every attempt to hand a packet to a stopped or refusing driver is one `busy` event.
 *
 * ```ts
 * const list = new TransmitList(host, nic, validate, qdisc);
 * let progress = list.begin(skb);
 * while (progress === PROGRESS.more) progress = list.step(); // each a step of the CPU
 * if (progress === PROGRESS.busy) requeue(list.takeRest());
 * ```
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, framesIn, type Host } from "./host.ts";
import type { NetTxWork } from "./net_tx.ts";
import type { TxNic } from "./tx_nic.ts";

/** What became of a packet that was to be finished. */
export const FINISH = {
  /** It is ready for the driver. */
  ready: 0,
  /** Crypto has it now: it comes back by itself. */
  taken: 1,
  /** It has been dropped. */
  refused: 2,
} as const;

/** What packets still need between the queue and the driver (`validate_xmit.ts`). */
export interface TransmitValidator {
  /** Cuts an aggregate into the segments that the driver gets, and frees it; empty when `skb` is none. */
  segments(skb: Skb): readonly Skb[];
  /**
   * Whether `skb`, or the segment that it is the first of, must wait for others of this CPU (`again` of validate_xmit_skb). The
   * validator then has `queue` taken up again once that may have changed.
   */
  refuses(skb: Skb, queue: NetTxWork): boolean;
  /** Does what a packet that is no aggregate still needs; one of {@linkcode FINISH}. */
  finish(skb: Skb): number;
}

/** How far a list is after a step. */
export const PROGRESS = {
  /** More steps are needed. */
  more: 0,
  /** Nothing is left of it. */
  done: 1,
  /** The driver has not taken all of it. */
  busy: 2,
  /** It must wait behind other packets of its CPU. */
  again: 3,
  /** Nothing is left of it, and the driver got nothing: crypto has it, or it was dropped. */
  gone: 4,
} as const;

const NO_SEGMENTS: readonly Skb[] = [];

/** Hands `skb` to the driver of `nic`, which owns it then; false when that refuses it. */
export function handOver(host: Host, nic: TxNic, skb: Skb): boolean {
  const frames = framesIn(skb);
  if (!nic.transmit(skb)) return false;
  host.gate.leave(frames);
  return true;
}

/** Packets on their way from a queue to the driver; empty between two of them. */
export class TransmitList {
  /** Packets that are not cut yet. */
  #uncut: Skb[] = [];
  /** The segments of one of them, or itself, and how many have been finished. */
  #segments: readonly Skb[] = NO_SEGMENTS;
  #finished = 0;
  /** What is ready, from where on it is of the same aggregate as `#segments`, and how many have been sent. */
  #ready: Skb[] = [];
  #ownReady = 0;
  #sent = 0;
  #isAgain = false;

  constructor(
    readonly host: Host,
    readonly nic: TxNic,
    readonly validate: TransmitValidator,
    /** Who is taken up again when the validator says so. */
    readonly queue: NetTxWork,
  ) {}

  /** Something is on its way. */
  get isActive(): boolean {
    return this.#segments.length > 0 || this.#ready.length > 0 || this.#uncut.length > 0;
  }

  /** Begins with one packet: a single one is sent at once, an aggregate is cut; one of {@linkcode PROGRESS}. */
  begin(skb: Skb): number {
    const segments = this.validate.segments(skb);
    if (segments.length === 0) return this.#sendOne(skb);
    this.#startSegments(segments);
    return this.#isAgain ? PROGRESS.again : PROGRESS.more;
  }

  /** Begins with a packet that has been here before: it is finished only if its ESP still is to be done. */
  beginAgain(skb: Skb): number {
    if (skb.espProtocol !== 0) return this.#sendOne(skb);
    return this.#handOver(skb, true) ? PROGRESS.done : this.#keep(skb, PROGRESS.busy);
  }

  /** Begins with several packets. */
  beginAll(skbs: Skb[]): void {
    this.#uncut = skbs;
  }

  /** One segment is finished, or when all are, one is handed to the driver; one of {@linkcode PROGRESS}. */
  step(): number {
    if (this.#finished < this.#segments.length) this.#finishNext();
    else if (this.#uncut.length > 0) this.#cutNext();
    else return this.#sendNext();
    if (this.#finished < this.#segments.length || this.#uncut.length > 0 || this.#ready.length > 0) {
      return PROGRESS.more;
    }
    this.#clear();
    return PROGRESS.gone;
  }

  /** Gives up what has not been sent, in order. */
  takeRest(): Skb[] {
    const rest = this.#ready.toSpliced(0, this.#sent);
    this.#clear();
    return rest;
  }

  #sendOne(skb: Skb): number {
    if (this.validate.refuses(skb, this.queue)) return this.#keep(skb, PROGRESS.again);
    if (this.validate.finish(skb) !== FINISH.ready) return PROGRESS.gone;
    return this.#handOver(skb, true) ? PROGRESS.done : this.#keep(skb, PROGRESS.busy);
  }

  #keep(skb: Skb, progress: number): number {
    this.#ready.push(skb);
    return progress;
  }

  #cutNext(): void {
    const skb = this.#uncut.shift()!;
    const segments = this.validate.segments(skb);
    this.#startSegments(segments.length > 0 ? segments : [skb]);
  }

  /** What must wait goes on the list as it is. */
  #startSegments(segments: readonly Skb[]): void {
    this.#finished = 0;
    this.#ownReady = this.#ready.length;
    if (this.validate.refuses(segments[0]!, this.queue)) {
      this.#isAgain = true;
      this.#ready.push(...segments);
      this.#segments = NO_SEGMENTS;
    } else {
      this.#segments = segments;
    }
  }

  #finishNext(): void {
    const segment = this.#segments[this.#finished++]!;
    const result = this.validate.finish(segment);
    if (result === FINISH.ready) this.#ready.push(segment);
    else if (result === FINISH.refused) this.#dropAggregate();
  }

  /** kfree_skb_list: the rest of the aggregate goes with the segment that was refused, and what was ready of it. */
  #dropAggregate(): void {
    const rest = [...this.#ready.splice(this.#ownReady), ...this.#segments.toSpliced(0, this.#finished)];
    this.#finished = this.#segments.length;
    for (const segment of rest) drop(this.host, segment, REASON.burstRefused);
  }

  #sendNext(): number {
    if (this.#isAgain) return PROGRESS.again;
    if (!this.#handOver(this.#ready[this.#sent]!, this.#sent === 0)) return PROGRESS.busy;
    this.#sent += 1;
    if (this.#sent < this.#ready.length) return PROGRESS.more;
    this.#clear();
    return PROGRESS.done;
  }

  /** A queue that its driver has stopped takes nothing; one that BQL has stopped still takes the rest of a list. */
  #handOver(skb: Skb, isFirst: boolean): boolean {
    const { host, nic } = this;
    if (isFirst ? nic.isStopped : nic.isDriverStopped) {
      nic.advance(host.ledger.nowNs);
      if (isFirst ? nic.isStopped : nic.isDriverStopped) {
        noteStopped(host, nic, skb);
        return false;
      }
    }
    return handOver(host, nic, skb);
  }

  #clear(): void {
    this.#segments = NO_SEGMENTS;
    this.#finished = 0;
    this.#ready = [];
    this.#sent = 0;
    this.#isAgain = false;
  }
}

/** `skb` would go next, and the queue of `nic` is stopped. */
export function noteStopped({ ledger }: Host, nic: TxNic, skb: Skb): void {
  ledger.stage = STAGE.qdisc;
  ledger.note(EVENT.busy, nic.isDriverStopped ? REASON.queueStopped : REASON.byteLimit, skb, skb.len);
}
