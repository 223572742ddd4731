/**
 * NET_RX: polls of the NIC's ring, up to 64 frames each, and GRO's flush at the end of each.
 *
 * linux-datapath 5.2 (net/core/dev.c: net_rx_action, napi_poll, napi_complete_done). A poll that uses its whole budget is
 * followed by another; after 300 packets other softirqs get their turn. One frame is one step.
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import { receiveFrame } from "./driver_rx.ts";
import type { Gro } from "./gro.ts";
import type { Host } from "./host.ts";
import type { RxRing } from "./rx_ring.ts";

/** Packets per run of NET_RX before it yields (net.core.netdev_budget). */
const NETDEV_BUDGET = 300;

/** The NET_RX softirq of one CPU with one NIC. */
export class NetRx implements Task {
  /** The NIC's interrupt is off and the poll is on its way (NAPI_STATE_SCHED). */
  #scheduled = false;
  #pollWork = 0;
  #softirqWork = 0;

  constructor(readonly host: Host, readonly ring: RxRing, readonly gro: Gro) {
    host.cpu.onSoftirq(SOFTIRQ.netRx, this);
    ring.onArrival = (nowNs) => this.schedule(nowNs);
  }

  /** The NIC's interrupt handler (napi_schedule). */
  schedule(nowNs: number): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.host.cpu.raise(SOFTIRQ.netRx, nowNs);
  }

  step(): boolean {
    const { ledger, config } = this.host;
    ledger.stage = STAGE["driver-rx"];
    if (this.#pollWork < config.napi_weight) {
      const frame = this.ring.take(ledger.nowNs);
      if (frame !== undefined) {
        this.#pollWork += 1;
        this.gro.receive(receiveFrame(this.host, frame));
        return true;
      }
    }
    return this.#endPoll();
  }

  #endPoll(): boolean {
    const { ledger, config, cpu } = this.host;
    const work = this.#pollWork;
    const complete = work < config.napi_weight;
    ledger.stage = STAGE.napi;
    ledger.write(EVENT.poll, complete ? REASON.pollEnd : REASON.budget, NONE, NONE, NONE, 0, work, 0);
    this.gro.endPoll(complete);
    this.#pollWork = 0;
    this.#softirqWork += work;
    if (!complete && this.#softirqWork < NETDEV_BUDGET) return true;
    this.#softirqWork = 0;
    if (complete) this.#scheduled = false;
    else cpu.raise(SOFTIRQ.netRx, ledger.nowNs);
    return false;
  }
}
