/**
 * A list of buffers, first in, first out, linked through `next`; no event is written.
 *
 * ```ts
 * const fifo = new SkbFifo();
 * fifo.push(skb);
 * fifo.shift(); // skb
 * ```
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";

/** Buffers in a row (struct sk_buff_head, qdisc_skb_head). */
export class SkbFifo {
  /** Buffers in it. */
  length = 0;
  /** The next to go; null when there is none. */
  first: Skb | null = null;

  #last: Skb | null = null;

  /** Puts `skb` at the end. */
  push(skb: Skb): void {
    skb.next = null;
    if (this.#last === null) this.first = skb;
    else this.#last.next = skb;
    this.#last = skb;
    this.length += 1;
  }

  /** Takes the first; null when there is none. */
  shift(): Skb | null {
    const skb = this.first;
    if (skb === null) return null;
    this.first = skb.next;
    if (this.first === null) this.#last = null;
    skb.next = null;
    this.length -= 1;
    return skb;
  }
}
