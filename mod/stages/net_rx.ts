/**
 * NET_RX: polls everything that has packets to hand up, in the order of a list.
 *
 * linux-datapath 5.2, 15.14 (net/core/dev.c: net_rx_action, napi_poll, napi_complete_done). Who is polled, a NIC's ring or a
 * queue of the CPU, hands up as many packets as its weight; when it had fewer it leaves the list, else it is polled again
 * behind those that have come meanwhile. After 300 packets other softirqs get their turn. One packet is one step.
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";

/** Packets per run of NET_RX before it yields (net.core.netdev_budget). */
const NETDEV_BUDGET = 300;

/** Something that is polled (struct napi_struct). */
export interface Napi {
  /** Packets of one poll at most. */
  readonly weight: number;
  /** Hands one packet up; false when there is none. */
  takeOne(): boolean;
  /**
   * A poll of `work` packets is over; `complete` when it found fewer than its weight. True when it has to be polled again all
   * the same, because it was scheduled meanwhile (NAPI_STATE_MISSED, 4.11 and later).
   */
  endPoll(complete: boolean, work: number): boolean;
}

/** The NET_RX softirq of one CPU. */
export class NetRx implements Task {
  /** Who is polled in this round, the next one first. */
  #list: Napi[] = [];
  /** Who was scheduled during this round, and who used up its weight in it (poll_list, repoll). */
  #scheduled: Napi[] = [];
  #repoll: Napi[] = [];
  #pollWork = 0;
  #softirqWork = 0;

  /** That of `cpu`; unless given, of the only one. */
  constructor(readonly host: Host, readonly cpu: Cpu<Skb> = host.cpu) {
    cpu.onSoftirq(SOFTIRQ.netRx, this);
  }

  /** `napi`, which is not on the list, has packets (____napi_schedule). */
  schedule(napi: Napi, nowNs: number): void {
    this.#scheduled.push(napi);
    this.cpu.raise(SOFTIRQ.netRx, nowNs);
  }

  step(): boolean {
    const napi = this.#first();
    if (napi === undefined) return false;
    if (this.#pollWork < napi.weight && napi.takeOne()) {
      this.#pollWork += 1;
      return true;
    }
    return this.#endPoll(napi);
  }

  /** Who is polled now; a round that is over is followed by the next. */
  #first(): Napi | undefined {
    if (this.#list.length === 0) {
      this.#list = [...this.#scheduled, ...this.#repoll];
      this.#scheduled = [];
      this.#repoll = [];
    }
    return this.#list[0];
  }

  #endPoll(napi: Napi): boolean {
    const { ledger } = this.host;
    const work = this.#pollWork;
    const complete = work < napi.weight;
    ledger.stage = STAGE.napi;
    ledger.write(EVENT.poll, complete ? REASON.pollEnd : REASON.budget, NONE, NONE, NONE, 0, work, 0);
    const goesOn = napi.endPoll(complete, work);
    this.#list.shift();
    if (!complete) this.#repoll.push(napi);
    else if (goesOn) this.#scheduled.push(napi);
    this.#pollWork = 0;
    this.#softirqWork += work;
    return this.#goesOn();
  }

  /** Whether this run of the softirq goes on; one that has used up its budget is followed by another. */
  #goesOn(): boolean {
    const isWorkLeft = this.#list.length + this.#scheduled.length + this.#repoll.length > 0;
    if (isWorkLeft && this.#softirqWork < NETDEV_BUDGET) return true;
    this.#softirqWork = 0;
    if (isWorkLeft) this.cpu.raise(SOFTIRQ.netRx, this.host.ledger.nowNs);
    return false;
  }
}
