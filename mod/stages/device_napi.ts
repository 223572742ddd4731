/**
 * The poll of one queue of a NIC: frames leave its ring, become skbs, and go through GRO, whose hold ends with the poll or with
 * a timer.
 *
 * linux-datapath 5.2 (net/core/dev.c: napi_complete_done, napi_watchdog). The interrupt of the NIC is off from its first
 * frame until a poll has found the ring empty. With `gro_flush_us` a poll that had packets leaves in GRO what could still
 * grow, and starts a timer: it polls once more, and when that finds nothing all goes up.
 *
 * With `rx_usecs` the interrupt comes so long after the first frame (ethtool -C rx-usecs), together with what has arrived
 * meanwhile. A busy CPU has full polls without it: while it polls, the interrupt is off, and frames wait for their turn.
 *
 * Departures: an interrupt costs nothing, and one whose frames another poll has taken is not raised. No adaptive moderation,
 * and none by the number of frames (rx-frames).
 *
 * @module
 */

import { STAGE } from "../ledger/schema.ts";
import { NS_PER_US } from "../ledger/units.ts";
import type { Actor } from "../sim/engine.ts";
import { receiveFrame } from "./driver_rx.ts";
import { FlushTimer } from "./flush_timer.ts";
import type { Gro } from "./gro.ts";
import type { Host } from "./host.ts";
import type { Napi, NetRx } from "./net_rx.ts";
import type { RxRing } from "./rx_ring.ts";

/** One queue of a NIC, with the CPU of `netRx`. */
export class DeviceNapi implements Napi {
  readonly weight: number;
  readonly #timer: FlushTimer;
  readonly #delayNs: number;
  /** The engine will call at the end of the interrupt's delay. */
  #isDelayed = false;
  readonly #moderation: Actor = { wake: (nowNs) => this.#endDelay(nowNs) };
  /** The NIC's interrupt is off and the poll is on its way (NAPI_STATE_SCHED). */
  #isScheduled = false;
  /** That poll is the timer's. */
  #isTimers = false;

  constructor(readonly host: Host, readonly netRx: NetRx, readonly ring: RxRing, readonly gro: Gro) {
    const { napi_weight, gro_flush_us, rx_usecs } = host.config;
    this.weight = napi_weight;
    this.#timer = new FlushTimer(host, Math.round(gro_flush_us * NS_PER_US), (nowNs) => this.#watchdog(nowNs));
    this.#delayNs = Math.round(rx_usecs * NS_PER_US);
    ring.onArrival = this.#delayNs === 0 ? (nowNs) => this.#schedule(nowNs) : (nowNs) => this.#delay(nowNs);
  }

  takeOne(): boolean {
    const { ledger } = this.host;
    ledger.stage = STAGE["driver-rx"];
    const frame = this.ring.take(ledger.nowNs);
    if (frame === undefined) return false;
    this.gro.receive(receiveFrame(this.host, frame));
    return true;
  }

  endPoll(complete: boolean, work: number): boolean {
    const isTimers = this.#isTimers;
    this.#isTimers = false;
    if (complete) {
      this.#isScheduled = false;
      if (work === 0 && isTimers) this.gro.endTimerPoll();
      else if (work > 0 && this.#timer.timeoutNs > 0 && this.gro.isHolding) this.#hold();
      else this.gro.endPoll(true);
    } else {
      this.gro.endPoll(false);
    }
    return false;
  }

  #hold(): void {
    this.gro.endHoldingPoll();
    this.#timer.start();
  }

  /** The timer's interrupt handler (napi_watchdog). */
  #watchdog(nowNs: number): void {
    const isIdle = this.host.config.era === "4.4" && !this.gro.isHolding;
    if (isIdle || this.#isScheduled) return;
    this.#isTimers = true;
    this.#schedule(nowNs);
  }

  /** A frame has arrived: the interrupt follows, if it is on. */
  #delay(nowNs: number): void {
    if (this.#isScheduled || this.#isDelayed) return;
    this.#isDelayed = true;
    this.host.engine.schedule(nowNs + this.#delayNs, this.#moderation);
  }

  #endDelay(nowNs: number): void {
    this.#isDelayed = false;
    if (this.ring.length > 0) this.#schedule(nowNs);
  }

  /** The NIC's interrupt handler (napi_schedule). */
  #schedule(nowNs: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.netRx.schedule(this, nowNs);
  }
}
