/**
 * pfifo: one list, tail drop at a limit in packets.
 *
 * net/sched/sch_fifo.c: pfifo_enqueue; 4.4 and 6.1. What the driver refused still is part of the queue and counts against the
 * limit (dev_requeue_skb).
 *
 * ```ts
 * const pfifo = new Pfifo(host, 1);
 * pfifo.enqueue(first);
 * pfifo.enqueue(second); // dropped
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, type Host } from "./host.ts";
import { countedLength, noteEnqueue, type QdiscKind } from "./qdisc_kind.ts";
import { SkbFifo } from "./skb_fifo.ts";

/** First in, first out. */
export class Pfifo implements QdiscKind {
  requeued = 0;
  readonly dequeueReason: number = REASON.none;
  readonly #fifo = new SkbFifo();

  constructor(readonly host: Host, readonly limit: number) {}

  get length(): number {
    return this.#fifo.length;
  }

  enqueue(skb: Skb): void {
    if (countedLength(this.host, this) >= this.limit) return drop(this.host, skb, REASON.queueLimit);
    this.#fifo.push(skb);
    noteEnqueue(this.host, skb, this.length + this.requeued);
  }

  dequeue(): Skb | null {
    return this.#fifo.shift();
  }

  peek(): Skb | null {
    return this.#fifo.first;
  }
}
