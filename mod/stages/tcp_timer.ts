/**
 * A timer of a TCP socket: for retransmissions, and for delayed acknowledgments (struct timer_list of a socket, 4.4 and 6.1).
 *
 * Starting it again puts it off or forward. It expires in a device's event, not in a step: who waits for it asks for a turn of
 * the CPU.
 *
 * Departures: it is on time to the nanosecond, where timers of Linux expire with the next jiffy; its interrupt costs nothing.
 *
 * ```ts
 * const timer = new TcpTimer(host.engine, (nowNs) => turns.add(socket));
 * timer.start(nowNs + 200_000_000);
 * ```
 *
 * @module
 */

import type { Actor, Engine } from "../sim/engine.ts";

/** One timer. */
export class TcpTimer implements Actor {
  #expiresNs = Infinity;
  /** When the engine is going to call, for a start that may have been put off since; Infinity when it is not. */
  #calledNs = Infinity;

  constructor(
    readonly engine: Engine,
    /** Called when it expires, with the time. */
    readonly onExpiry: (nowNs: number) => void,
  ) {}

  /** It is going to expire. */
  get isRunning(): boolean {
    return this.#expiresNs < Infinity;
  }

  /** It expires at `timeNs`, which is not before the present. */
  start(timeNs: number): void {
    this.#expiresNs = timeNs;
    if (timeNs >= this.#calledNs) return;
    this.#calledNs = timeNs;
    this.engine.schedule(timeNs, this);
  }

  /** It does not expire. */
  stop(): void {
    this.#expiresNs = Infinity;
  }

  wake(nowNs: number): void {
    // A later call has been asked for before this one was.
    if (nowNs < this.#calledNs) return;
    this.#calledNs = Infinity;
    if (this.#expiresNs > nowNs) {
      if (this.isRunning) this.start(this.#expiresNs);
      return;
    }
    this.stop();
    this.onExpiry(nowNs);
  }
}
