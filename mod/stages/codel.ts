/**
 * CoDel: drops packets of a flow when even the shortest wait in it is too long for too long, and oftener the longer that lasts.
 *
 * RFC 8289; include/net/codel.h, codel_impl.h (codel_should_drop, codel_dequeue, codel_control_law, codel_Newton_step; 4.4 and
 * 6.1, the same rule). Time is counted in units of 1024 ns. While every packet waits for `TARGET` or more throughout `INTERVAL`,
 * packets are dropped, the n-th after another INTERVAL / sqrt(n); 1 / sqrt(n) is a fraction of 16 bits, which takes one step of
 * Newton's method for each drop.
 *
 * Departures: no ce_threshold, which is off by default; the unit of time does not wrap.
 *
 * ```ts
 * const codel = new Codel();
 * codel.isTooLate(skb.queuedNs, nowNs, false); // true: drop it, then codel.start(nowNs)
 * ```
 *
 * @module
 */

import { NS_PER_MS } from "../ledger/units.ts";

/** Bits of a nanosecond count that time leaves out (CODEL_SHIFT). */
const NS_PER_UNIT = 1024;
/** What a packet may wait (5 ms), and how long it may wait for more than that (100 ms), in units. */
const TARGET = Math.floor(5 * NS_PER_MS / NS_PER_UNIT);
const INTERVAL = Math.floor(100 * NS_PER_MS / NS_PER_UNIT);
/** 1 as a fraction of 16 bits, as nearly as they can say it. */
const ALMOST_ONE = 0xffff;
/** Intervals after which the rate of drops of last time is no longer a good start. */
const MEMORY_INTERVALS = 16;

/** Nanoseconds in units of CoDel. */
export function codelTime(ns: number): number {
  return Math.floor(ns / NS_PER_UNIT);
}

/** One step of Newton's method towards 1 / sqrt(`count`), from and to fractions of 16 bits, in the 64-bit arithmetic of Linux. */
export function newtonStep(count: number, inverseRoot: number): number {
  const root = BigInt(inverseRoot);
  const difference = BigInt.asUintN(64, (3n << 32n) - BigInt(count) * root * root) >> 2n;
  return Number(BigInt.asUintN(16, BigInt.asUintN(64, difference * (root << 16n)) >> 47n));
}

/** The state of one flow (struct codel_vars). */
export class Codel {
  /** Packets are being dropped, unless waits get shorter. */
  isDropping = false;
  /** Drops since dropping began, and so how often. */
  count = 0;

  #lastCount = 0;
  #inverseRoot = 0;
  /** When waits will have been too long for an interval; 0 while they are not. */
  #firstAbove = 0;
  #dropNext = 0;

  /** The flow has nothing to send. */
  empty(): void {
    this.#firstAbove = 0;
  }

  /** Whether a packet that waited from `queuedNs` to `nowNs` is one too many; `isSmall`: no more than an MTU waits behind it. */
  isTooLate(queuedNs: number, nowNs: number, isSmall: boolean): boolean {
    const now = codelTime(nowNs);
    if (now - codelTime(queuedNs) < TARGET || isSmall) {
      this.#firstAbove = 0;
      return false;
    }
    if (this.#firstAbove === 0) {
      this.#firstAbove = now + INTERVAL;
      return false;
    }
    return now > this.#firstAbove;
  }

  /** While packets are dropped: the time of the next drop has come. */
  isDue(nowNs: number): boolean {
    return this.isDropping && codelTime(nowNs) >= this.#dropNext;
  }

  /** One more is dropped, or marked. */
  countDrop(): void {
    this.count += 1;
    this.#inverseRoot = newtonStep(this.count, this.#inverseRoot);
  }

  /** The next drop follows the last one. */
  scheduleNext(): void {
    this.#dropNext += this.#gap();
  }

  /** Dropping begins, with the rate of last time if that is not long ago. */
  start(nowNs: number): void {
    const now = codelTime(nowNs);
    const drops = this.count - this.#lastCount;
    this.isDropping = true;
    if (drops > 1 && now - this.#dropNext < MEMORY_INTERVALS * INTERVAL) {
      this.count = drops;
      this.#inverseRoot = newtonStep(this.count, this.#inverseRoot);
    } else {
      this.count = 1;
      this.#inverseRoot = ALMOST_ONE;
    }
    this.#lastCount = this.count;
    this.#dropNext = now + this.#gap();
  }

  /** INTERVAL / sqrt(count). */
  #gap(): number {
    return Math.floor(INTERVAL * this.#inverseRoot / 0x10000);
  }
}
