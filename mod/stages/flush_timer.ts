/**
 * The timer of a NAPI that leaves packets in GRO (struct napi_struct, timer).
 *
 * linux-datapath 5.2 (net/core/dev.c: napi_complete_done, napi_watchdog; the timer is an hrtimer, on time to the
 * nanosecond). Starting it again puts it off.
 *
 * Departure: its interrupt costs nothing.
 *
 * ```ts
 * const timer = new FlushTimer(host, 20_000, (nowNs) => netRx.schedule(napi, nowNs));
 * timer.start(); // At the end of a poll.
 * ```
 *
 * @module
 */

import type { Task } from "../sim/cpu.ts";
import type { Actor } from "../sim/engine.ts";
import type { Host } from "./host.ts";

/** A timer of one length. */
export class FlushTimer implements Actor, Task {
  #expiresNs = 0;
  /** The engine will wake it, at the time that it was started for or, where it was put off since, too early. */
  #isPending = false;

  constructor(
    readonly host: Host,
    readonly timeoutNs: number,
    /** Called when it expires, with the time. */
    readonly onExpiry: (nowNs: number) => void,
  ) {}

  /** Starts it, or puts it off, once what the running step hands on is done. */
  start(): void {
    this.host.cpu.begin(this);
  }

  /** hrtimer_start. */
  step(): boolean {
    this.#expiresNs = this.host.cpu.nowNs + this.timeoutNs;
    if (!this.#isPending) this.#schedule();
    return false;
  }

  wake(nowNs: number): void {
    if (nowNs < this.#expiresNs) return this.#schedule();
    this.#isPending = false;
    this.onExpiry(nowNs);
  }

  #schedule(): void {
    this.#isPending = true;
    this.host.engine.schedule(this.#expiresNs, this);
  }
}
