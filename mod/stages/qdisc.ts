/**
 * The queue in front of the driver: when it runs, how long, and what becomes of what the driver refused.
 *
 * linux-datapath 7.5 (net/core/dev.c: __dev_xmit_skb, net_tx_action; net/sched/sch_generic.c: dequeue_skb, sch_direct_xmit,
 * __qdisc_run, dev_requeue_skb; 4.4 and 6.1). Which packets wait and in which order is up to the discipline (`qdisc_kind.ts`);
 * an empty queue is bypassed. A packet that wants ESP at layer 2 is validated when it leaves the queue (`transmit_list.ts`): an
 * aggregate is cut, all its segments are encrypted, and only then is the first one handed to the driver. With byte queue limits
 * as many packets leave together as those still have room for. What a driver refuses waits in `gso_skb` and goes before the
 * queue next time: in 4.4 what was refused goes first, in 6.1 it goes behind the others that were refused, which changes their
 * order. A run ends after 64 packets, or at a driver that is stopped or refuses; NET_TX takes it up again.
 *
 * One CPU runs the queue at a time, from the packet that bypasses it on: others only put packets into it (root lock,
 * __QDISC_STATE_RUNNING). Their local times may differ by less than a step.
 *
 * Departures: the device has one TX queue, however many CPUs there are. A run that meets a stopped driver ends without asking
 * for another: the driver's interrupt does. What a validator makes wait is not tried again before that may have changed.
 *
 * Identity: enqueued + requeued = dequeued + queued; what is dropped at a full queue was never enqueued, and what is dropped out
 * of it has been dequeued. Who sends learns of what the discipline drops then (NET_XMIT_DROP, NET_XMIT_CN); a packet that
 * bypasses the queue counts as sent.
 *
 * ```ts
 * const qdisc = new Qdisc(host, nic, new Pfifo(host, 1000), validate);
 * qdisc.process(skb); // dev_queue_xmit
 * ```
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import type { Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { type Host, type Stage, visit } from "./host.ts";
import type { NetTxWork } from "./net_tx.ts";
import type { QdiscKind } from "./qdisc_kind.ts";
import { refusalOf, restoreRefusal } from "./refusal.ts";
import { noteStopped, PROGRESS, TransmitList, type TransmitValidator } from "./transmit_list.ts";
import type { TxNic } from "./tx_nic.ts";

/** Packets per run (dev_tx_weight, weight_p). */
const RUN_QUOTA = 64;

/** What stands in front of a driver: a queue, or none. */
export interface EgressQueue extends Stage {
  readonly nic: TxNic;
  /** Makes packets fit for the driver. */
  readonly validate: TransmitValidator;
  /** Packets that wait. */
  readonly length: number;
}

/** A queue discipline with its driver. */
export class Qdisc implements EgressQueue, Task, NetTxWork {
  /** What the driver refused, in the order in which it goes next (`gso_skb`). */
  #requeued: Skb[] = [];
  #running = false;
  #quota = RUN_QUOTA;
  /** What has left the queue and is on its way to the driver, and how many packets of the quota that are. */
  readonly #list: TransmitList;
  #listPackets = 1;
  /** There are other CPUs, which may send while one does. */
  readonly #hasOthers: boolean;

  constructor(
    readonly host: Host,
    readonly nic: TxNic,
    readonly kind: QdiscKind,
    readonly validate: TransmitValidator,
  ) {
    this.#list = new TransmitList(host, nic, validate, this);
    this.#hasOthers = host.cpus.all.length > 1;
    nic.queue = this;
  }

  /** Packets that wait, requeued ones included (qdisc_qlen). */
  get length(): number {
    return this.kind.length + this.#requeued.length;
  }

  /** dev_queue_xmit. */
  process(skb: Skb): void {
    visit(this.host, "qdisc", skb);
    if (this.length === 0 && !this.#running) {
      const before = refusalOf(this.host);
      const progress = this.#list.begin(skb);
      restoreRefusal(this.host, before);
      const goesOn = progress === PROGRESS.more || this.#end(progress);
      // What others put in during this step is found behind it (__qdisc_run).
      if (progress === PROGRESS.more || (goesOn && this.#hasOthers)) this.#run();
      return;
    }
    this.kind.enqueue(skb);
    this.#run();
  }

  /** NET_TX takes it up (qdisc_run). */
  runFromNetTx(): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.qdisc;
    this.nic.advance(ledger.nowNs);
    if (this.length > 0) this.#run();
  }

  /** One packet of a run (qdisc_restart); false when the run is over. */
  step(): boolean {
    this.host.ledger.stage = STAGE.qdisc;
    const before = refusalOf(this.host);
    const progress = this.#list.isActive ? this.#list.step() : this.#startNext();
    restoreRefusal(this.host, before);
    if (progress === PROGRESS.more) return true;
    this.#running = this.#end(progress);
    if (!this.#running) return false;
    this.#quota -= this.#listPackets;
    this.#listPackets = 1;
    if (this.#quota > 0) return true;
    this.#running = false;
    this.#schedule();
    return false;
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    this.#quota = RUN_QUOTA;
    this.host.cpu.begin(this);
  }

  #schedule(): void {
    this.nic.netTx.current.schedule(this, this.host.ledger.nowNs);
  }

  /** Takes what goes next out of the queue; NOTHING when the run is over. */
  #startNext(): number {
    if (this.length === 0 || this.#meetsStoppedDriver()) return NOTHING;
    const requeued = this.#requeued.shift();
    this.kind.requeued = this.#requeued.length;
    if (requeued !== undefined) {
      this.#noteDequeue(requeued, REASON.none);
      return this.#list.beginAgain(requeued);
    }
    const skb = this.kind.dequeue();
    if (skb === null) return NOTHING;
    this.#noteDequeue(skb, this.kind.dequeueReason);
    let bytesLeft = this.nic.bulkBytes - skb.len;
    if (bytesLeft <= 0) return this.#list.begin(skb);
    const skbs = [skb];
    for (let next = this.kind.dequeue(); next !== null; next = bytesLeft > 0 ? this.kind.dequeue() : null) {
      this.#noteDequeue(next, this.kind.dequeueReason);
      skbs.push(next);
      bytesLeft -= next.len;
    }
    this.#listPackets = skbs.length;
    if (skbs.length === 1) return this.#list.begin(skb);
    this.#list.beginAll(skbs);
    return PROGRESS.more;
  }

  #noteDequeue(skb: Skb, reason: number): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.qdisc;
    ledger.note(EVENT.dequeue, reason, skb, skb.len, this.length);
  }

  #meetsStoppedDriver(): boolean {
    const { ledger } = this.host;
    this.nic.advance(ledger.nowNs);
    if (!this.nic.isStopped) return false;
    noteStopped(this.host, this.nic, this.#requeued[0] ?? this.kind.peek()!);
    return true;
  }

  /** What follows from the end of a list; false when the run ends with it. */
  #end(progress: number): boolean {
    if (progress === PROGRESS.done || progress === PROGRESS.gone) return true;
    if (progress === PROGRESS.busy) {
      this.#requeue(REASON.none);
      if (!this.nic.isStopped) this.#schedule();
    } else if (progress === PROGRESS.again) {
      this.#requeue(REASON.behindBacklog);
    }
    return false;
  }

  /** dev_requeue_skb: in 4.4 the refused packets are the slot, in 6.1 they go behind those that are there. */
  #requeue(reason: number): void {
    const { config, ledger } = this.host;
    const refused = this.#list.takeRest();
    ledger.stage = STAGE.qdisc;
    for (const skb of refused) ledger.note(EVENT.requeue, reason, skb, skb.len, this.length + 1);
    this.#requeued = config.era === "4.4" ? [...refused, ...this.#requeued] : [...this.#requeued, ...refused];
    this.kind.requeued = this.#requeued.length;
  }
}

/** There is nothing to send, or nobody who takes it; beside {@linkcode PROGRESS}. */
const NOTHING = -1;
