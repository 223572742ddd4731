/**
 * What has come to a socket and waits for the process to read it (sk_receive_queue).
 *
 * Departure: what waits is not merged (tcp_try_coalesce).
 *
 * ```ts
 * const queue = new ReceiveQueue();
 * queue.put(skb, end, bytes, nowNs);
 * queue.take().bytes;
 * ```
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";

/** A buffer that waits. */
export class Unread {
  /** The one behind it; null for the last. */
  next: Unread | null = null;

  constructor(
    readonly skb: Skb,
    /** Number behind its last byte, where it is of a stream. */
    readonly end: number,
    /** How many of its bytes are to be read. */
    readonly bytes: number,
    /** When it came. */
    readonly sinceNs: number,
  ) {}
}

/** The queue of one socket. */
export class ReceiveQueue {
  /** Bytes that wait. */
  bytes = 0;
  /** The buffer that is read next; null when there is none. */
  first: Unread | null = null;

  #last: Unread | null = null;

  /** Puts a buffer at the end; for its columns see {@linkcode Unread}. */
  put(skb: Skb, end: number, bytes: number, nowNs: number): void {
    const unread = new Unread(skb, end, bytes, nowNs);
    if (this.#last === null) this.first = unread;
    else this.#last.next = unread;
    this.#last = unread;
    this.bytes += bytes;
  }

  /** Takes the first buffer, which there is. */
  take(): Unread {
    const unread = this.first!;
    this.first = unread.next;
    if (this.first === null) this.#last = null;
    this.bytes -= unread.bytes;
    return unread;
  }
}
