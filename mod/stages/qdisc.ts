/**
 * The queue in front of the driver: pfifo, tail drop, one requeue slot.
 *
 * linux-datapath 7.5 (net/sched/sch_generic.c: __dev_xmit_skb, sch_direct_xmit, __qdisc_run, dev_requeue_skb; net/core/dev.c:
 * net_tx_action; 4.4 and 6.1). An empty queue is bypassed. What a driver refuses waits in the slot `gso_skb` and goes first
 * next time. A run ends after 64 packets, or at a driver that is stopped; NET_TX takes it up again.
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
import { drop, type Host, packetsIn, type Stage, visit } from "./host.ts";
import type { TxNic } from "./tx_nic.ts";

/** Packets per run (dev_tx_weight, weight_p). */
const RUN_QUOTA = 64;

/** A pfifo with its driver. */
export class Qdisc implements Stage, Task {
  #first: Skb | null = null;
  #last: Skb | null = null;
  #length = 0;
  #requeued: Skb | null = null;
  #running = false;
  #quota = RUN_QUOTA;

  constructor(readonly host: Host, readonly nic: TxNic, readonly limit: number) {
    host.cpu.onSoftirq(SOFTIRQ.netTx, { step: () => this.#netTxAction() });
  }

  /** Packets that wait, the requeued one included (qdisc_qlen). */
  get length(): number {
    return this.#length + (this.#requeued === null ? 0 : 1);
  }

  /** dev_queue_xmit. */
  process(skb: Skb): void {
    visit(this.host, "qdisc", skb);
    if (this.length === 0 && !this.#running) {
      this.#transmit(skb);
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
    this.#running = this.length > 0 && !this.#meetsStoppedDriver() && this.#transmit(this.#next());
    if (!this.#running) return false;
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
    const head = this.#requeued ?? this.#first!;
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
    const skb = this.#requeued ?? this.#first!;
    if (this.#requeued === null) this.#removeFirst(skb);
    else this.#requeued = null;
    this.host.ledger.note(EVENT.dequeue, REASON.none, skb, skb.len, this.length);
    return skb;
  }

  #removeFirst(skb: Skb): void {
    this.#first = skb.next;
    if (this.#first === null) this.#last = null;
    skb.next = null;
    this.#length -= 1;
  }

  /** Hands a packet to the driver; false when it was refused and waits in the slot (sch_direct_xmit). */
  #transmit(skb: Skb): boolean {
    const packets = packetsIn(skb);
    if (this.nic.transmit(skb)) {
      this.host.gate.leave(packets);
      return true;
    }
    this.host.ledger.stage = STAGE.qdisc;
    this.#requeued = skb;
    this.host.ledger.note(EVENT.requeue, REASON.none, skb, skb.len, this.length);
    return false;
  }
}
