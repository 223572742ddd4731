/**
 * The queue in front of the driver: pfifo, tail drop, and a slot for what the driver refused.
 *
 * linux-datapath 7.5 (net/sched/sch_generic.c: __dev_xmit_skb, sch_direct_xmit, __qdisc_run, dev_requeue_skb; net/core/dev.c:
 * net_tx_action, validate_xmit_skb; 4.4 and 6.1). An empty queue is bypassed. A packet that wants ESP at layer 2 is validated
 * when it leaves the queue: an aggregate is cut, all its segments are encrypted, and only then is the first one handed to the
 * driver. What a driver refuses waits in `gso_skb` and goes before the queue next time: in 4.4 what was refused goes first,
 * in 6.1 it goes behind the others that were refused, which changes their order. A run ends after 64 packets, or at a
 * driver that is stopped; NET_TX takes it up again.
 *
 * Every attempt to hand a packet to a stopped or refusing driver is one `busy` event.
 *
 * Identity: enqueued + requeued = dequeued + queued; what is dropped at a full queue was never enqueued.
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, framesIn, type Host, type Stage, visit } from "./host.ts";
import type { TxNic } from "./tx_nic.ts";

/** Packets per run (dev_tx_weight, weight_p). */
const RUN_QUOTA = 64;

/** What packets still need between the queue and the driver (`validate_xmit.ts`). */
export interface TransmitValidator {
  /** Cuts an aggregate into the segments that the driver gets, and frees it; empty when `skb` is none. */
  segments(skb: Skb): readonly Skb[];
  /** Does what a packet that is no aggregate still needs. */
  finish(skb: Skb): void;
}

/** A pfifo with its driver. */
export class Qdisc implements Stage, Task {
  #first: Skb | null = null;
  #last: Skb | null = null;
  #length = 0;
  /** What the driver refused, in the order in which it goes next. */
  #requeued: Skb[] = [];
  #running = false;
  #quota = RUN_QUOTA;
  /** Segments of the aggregate on its way to the driver, and how many of them have been encrypted and sent. */
  #segments: readonly Skb[] = [];
  #encrypted = 0;
  #sent = 0;

  constructor(readonly host: Host, readonly nic: TxNic, readonly limit: number, readonly validate: TransmitValidator) {
    host.cpu.onSoftirq(SOFTIRQ.netTx, { step: () => this.#netTxAction() });
  }

  /** Packets that wait, requeued ones included (qdisc_qlen). */
  get length(): number {
    return this.#length + this.#requeued.length;
  }

  /** dev_queue_xmit. */
  process(skb: Skb): void {
    visit(this.host, "qdisc", skb);
    if (this.length === 0 && !this.#running) {
      this.#transmit(skb);
      if (this.#segments.length > 0) this.#run();
      return;
    }
    if (this.#length >= this.limit) return drop(this.host, skb, REASON.queueLimit);
    this.#enqueue(skb);
    this.#run();
  }

  /** One packet of a run (qdisc_restart); false when the run is over. */
  step(): boolean {
    const { ledger, cpu } = this.host;
    ledger.stage = STAGE.qdisc;
    this.#running = this.#segments.length > 0
      ? this.#stepSegments()
      : this.length > 0 && !this.#meetsStoppedDriver() && this.#transmit(this.#next());
    if (!this.#running) return false;
    if (this.#segments.length > 0) return true;
    this.#quota -= 1;
    if (this.#quota > 0) return true;
    this.#running = false;
    cpu.raise(SOFTIRQ.netTx, ledger.nowNs);
    return false;
  }

  #netTxAction(): boolean {
    this.host.ledger.stage = STAGE.qdisc;
    this.nic.advance(this.host.ledger.nowNs);
    if (this.length > 0) this.#run();
    return false;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    this.#quota = RUN_QUOTA;
    this.host.cpu.begin(this);
  }

  #meetsStoppedDriver(): boolean {
    const { ledger } = this.host;
    this.nic.advance(ledger.nowNs);
    if (!this.nic.isStopped) return false;
    const head = this.#requeued[0] ?? this.#first!;
    ledger.note(EVENT.busy, REASON.queueStopped, head, head.len);
    return true;
  }

  #enqueue(skb: Skb): void {
    skb.next = null;
    if (this.#last === null) this.#first = skb;
    else this.#last.next = skb;
    this.#last = skb;
    this.#length += 1;
    this.host.ledger.note(EVENT.enqueue, REASON.none, skb, skb.len, this.length);
  }

  #next(): Skb {
    const skb = this.#requeued.shift() ?? this.#removeFirst();
    this.host.ledger.note(EVENT.dequeue, REASON.none, skb, skb.len, this.length);
    return skb;
  }

  #removeFirst(): Skb {
    const skb = this.#first!;
    this.#first = skb.next;
    if (this.#first === null) this.#last = null;
    skb.next = null;
    this.#length -= 1;
    return skb;
  }

  /** sch_direct_xmit; false when the packet was refused and waits to go again. An aggregate only begins here. */
  #transmit(skb: Skb): boolean {
    this.#segments = this.validate.segments(skb);
    if (this.#segments.length > 0) return true;
    this.validate.finish(skb);
    if (this.#handOver(skb)) return true;
    this.#requeue([skb]);
    return false;
  }

  /** One segment is encrypted, or when all are, handed to the driver; false when the driver refused it. */
  #stepSegments(): boolean {
    const segments = this.#segments;
    if (this.#encrypted < segments.length) {
      this.validate.finish(segments[this.#encrypted++]!);
      return true;
    }
    const taken = this.#handOver(segments[this.#sent]!);
    if (taken) this.#sent += 1;
    if (taken && this.#sent < segments.length) return true;
    if (!taken) this.#requeue(segments.toSpliced(0, this.#sent));
    this.#segments = [];
    this.#encrypted = 0;
    this.#sent = 0;
    return taken;
  }

  #handOver(skb: Skb): boolean {
    const frames = framesIn(skb);
    if (!this.nic.transmit(skb)) return false;
    this.host.gate.leave(frames);
    return true;
  }

  /** dev_requeue_skb: in 4.4 the refused packets are the slot, in 6.1 they go behind those that are there. */
  #requeue(refused: readonly Skb[]): void {
    const { config, ledger } = this.host;
    ledger.stage = STAGE.qdisc;
    for (const skb of refused) ledger.note(EVENT.requeue, REASON.none, skb, skb.len, this.length + 1);
    this.#requeued = config.era === "4.4" ? [...refused, ...this.#requeued] : [...this.#requeued, ...refused];
  }
}
