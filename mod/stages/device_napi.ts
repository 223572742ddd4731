/**
 * The poll of a NIC: frames leave its ring, become skbs, and go through GRO, whose hold ends with the poll.
 *
 * linux-datapath 5.2. The interrupt of the NIC is off from its first frame until a poll has found the ring empty.
 *
 * @module
 */

import { STAGE } from "../ledger/schema.ts";
import { receiveFrame } from "./driver_rx.ts";
import type { Gro } from "./gro.ts";
import type { Host } from "./host.ts";
import type { Napi, NetRx } from "./net_rx.ts";
import type { RxRing } from "./rx_ring.ts";

/** One NIC with one queue. */
export class DeviceNapi implements Napi {
  readonly weight: number;
  /** The NIC's interrupt is off and the poll is on its way (NAPI_STATE_SCHED). */
  #isScheduled = false;

  constructor(readonly host: Host, readonly netRx: NetRx, readonly ring: RxRing, readonly gro: Gro) {
    this.weight = host.config.napi_weight;
    ring.onArrival = (nowNs) => this.#interrupt(nowNs);
  }

  takeOne(): boolean {
    const { ledger } = this.host;
    ledger.stage = STAGE["driver-rx"];
    const frame = this.ring.take(ledger.nowNs);
    if (frame === undefined) return false;
    this.gro.receive(receiveFrame(this.host, frame));
    return true;
  }

  endPoll(complete: boolean): boolean {
    this.gro.endPoll(complete);
    if (complete) this.#isScheduled = false;
    return false;
  }

  /** The NIC's interrupt handler (napi_schedule). */
  #interrupt(nowNs: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.netRx.schedule(this, nowNs);
  }
}
