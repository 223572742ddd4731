/**
 * A limit that finds itself: as few bytes in a ring as keep the link busy (byte queue limits).
 *
 * lib/dynamic_queue_limits.c (dql_queued, dql_completed, dql_avail; 4.4 and 6.1, the same rule). What is queued may exceed the
 * limit by the last packet. Completions come in intervals. The limit rises when it starved the link: everything was completed
 * while more would have been queued had the limit let it. It falls by the slack, the bytes that stayed queued at the end of
 * every interval for one second: they were never needed.
 *
 * Departures: the second is one of virtual time, not counted in jiffies. Each time that the ring is advanced is one completion.
 *
 * ```ts
 * const limit = new DynamicQueueLimit();
 * limit.queue(1554);
 * limit.available; // -1554: nothing more until that has been sent
 * limit.complete(1554, nowNs);
 * ```
 *
 * @module
 */

import { NS_PER_MS } from "../ledger/units.ts";

/** How long slack must have been there before the limit falls (slack_hold_time of a TX queue, HZ). */
const SLACK_HOLD_NS = 1000 * NS_PER_MS;
/** Above any number of bytes (DQL_MAX_LIMIT). */
const LIMIT_MAX = 0x70000000;

/** Byte queue limits of one TX queue. Counts are bytes since the start. */
export class DynamicQueueLimit {
  /** Bytes that may be queued. */
  limitBytes = 0;

  #queued = 0;
  #completed = 0;
  /** `#queued` at the last completion. */
  #queuedBefore = 0;
  /** Bytes of the packet that was queued last, and that was at the last completion. */
  #last = 0;
  #lastBefore = 0;
  /** Bytes by which the queue was above its limit at the last completion. */
  #overLimitBefore = 0;
  /** Where the queue is full: the limit on top of what is completed. */
  #ceiling = 0;
  #lowestSlack = Infinity;
  #slackSinceNs = 0;

  /** Bytes that may still be queued; negative when the queue has to be stopped. */
  get available(): number {
    return this.#ceiling - this.#queued;
  }

  /** A packet of `bytes` bytes has been queued. */
  queue(bytes: number): void {
    this.#last = bytes;
    this.#queued += bytes;
  }

  /** `bytes` bytes, no more than are queued, have been sent by `nowNs`. */
  complete(bytes: number, nowNs: number): void {
    const completed = this.#completed + bytes;
    const overLimit = Math.max(0, this.#queued - this.#completed - this.limitBytes);
    const limit = Math.min(LIMIT_MAX, this.#adapted(completed, overLimit, nowNs));
    const isChanged = limit !== this.limitBytes;
    this.limitBytes = limit;
    this.#ceiling = limit + completed;
    this.#overLimitBefore = isChanged ? 0 : overLimit;
    this.#lastBefore = this.#last;
    this.#completed = completed;
    this.#queuedBefore = this.#queued;
  }

  #adapted(completed: number, overLimit: number, nowNs: number): number {
    const inProgress = this.#queued - completed;
    const isAllOfBeforeDone = completed >= this.#queuedBefore;
    const isStarved = (overLimit > 0 && inProgress === 0) || (this.#overLimitBefore > 0 && isAllOfBeforeDone);
    if (isStarved) {
      this.#forgetSlack(nowNs);
      return this.limitBytes + Math.max(0, completed - this.#queuedBefore) + this.#overLimitBefore;
    }
    const inProgressBefore = this.#queuedBefore - this.#completed;
    if (inProgress === 0 || inProgressBefore === 0 || isAllOfBeforeDone) return this.limitBytes;
    this.#lowestSlack = Math.min(this.#lowestSlack, this.#slack(completed));
    if (nowNs - this.#slackSinceNs <= SLACK_HOLD_NS) return this.limitBytes;
    const limit = Math.max(0, this.limitBytes - this.#lowestSlack);
    this.#forgetSlack(nowNs);
    return limit;
  }

  /** Twice what an interval sends would have been enough; a packet that went over the limit was not in the way of others. */
  #slack(completed: number): number {
    const unneeded = Math.max(0, this.limitBytes + this.#overLimitBefore - 2 * (completed - this.#completed));
    const ofLast = this.#overLimitBefore > 0 ? Math.max(0, this.#lastBefore - this.#overLimitBefore) : 0;
    return Math.max(unneeded, ofLast);
  }

  #forgetSlack(nowNs: number): void {
    this.#slackSinceNs = nowNs;
    this.#lowestSlack = Infinity;
  }
}
