/**
 * A queue of packets between two stages of one CPU, first in, first out.
 *
 * Whoever owns it says in which stage its `enqueue` and `dequeue` rows are written.
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { type Host, packetsIn } from "./host.ts";

/** Packets that a queue of the CPU takes (net.core.netdev_max_backlog). */
export const NETDEV_MAX_BACKLOG = 1000;

/** Packets that wait, linked through `next`. */
export class PacketQueue {
  /** Packets that wait. */
  length = 0;

  #first: Skb | null = null;
  #last: Skb | null = null;

  constructor(readonly host: Host, readonly stage: keyof typeof STAGE) {}

  /** Captured packets that end in the buffers that wait. */
  get heldPackets(): number {
    let packets = 0;
    for (let skb = this.#first; skb !== null; skb = skb.next) packets += packetsIn(skb);
    return packets;
  }

  /** Puts `skb` at the end. */
  put(skb: Skb): void {
    const { ledger } = this.host;
    skb.next = null;
    if (this.#last === null) this.#first = skb;
    else this.#last.next = skb;
    this.#last = skb;
    this.length += 1;
    ledger.stage = STAGE[this.stage];
    ledger.note(EVENT.enqueue, REASON.none, skb, skb.len, this.length);
  }

  /** Takes the first packet; null when none waits. */
  take(): Skb | null {
    const { ledger } = this.host;
    const skb = this.#first;
    if (skb === null) return null;
    this.#first = skb.next;
    if (this.#first === null) this.#last = null;
    skb.next = null;
    this.length -= 1;
    ledger.stage = STAGE[this.stage];
    ledger.note(EVENT.dequeue, REASON.none, skb, skb.len, this.length);
    return skb;
  }
}
