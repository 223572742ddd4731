/**
 * What a queue discipline decides: which packets wait, in which order they go, and which are dropped (struct Qdisc_ops).
 *
 * When a queue runs, and what becomes of what the driver refuses, is the same for all of them (`qdisc.ts`).
 *
 * ```ts
 * const kind: QdiscKind = new Pfifo(host, 2);
 * kind.enqueue(skb);
 * kind.dequeue(); // skb
 * ```
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";

/** A queue discipline. */
export interface QdiscKind {
  /** Packets that wait in it. */
  readonly length: number;
  /** Packets of the same queue that the driver refused, which wait outside. */
  requeued: number;
  /** Takes `skb` in, or drops it (`drop()`), or drops others that wait (`dropQueued()`); writes the events of that. */
  enqueue(skb: Skb): void;
  /** Takes out what goes next; null when nothing does, though something may have waited. The caller writes the event. */
  dequeue(): Skb | null;
  /** What the event of the packet dequeued last has for a reason. */
  readonly dequeueReason: number;
  /** What would go next if nothing were dropped; null when nothing waits. */
  peek(): Skb | null;
}

/**
 * Packets of a discipline as its limit counts them: what the driver refused is still part of the queue (dev_requeue_skb), in 4.4
 * as one packet, which the slot holds, in 6.1 each of what was refused.
 */
export function countedLength({ config }: Host, { length, requeued }: QdiscKind): number {
  return length + (config.era === "4.4" ? Math.min(1, requeued) : requeued);
}

/** `skb` waits in a queue of `length` packets now. */
export function noteEnqueue({ ledger }: Host, skb: Skb, length: number): void {
  ledger.stage = STAGE.qdisc;
  ledger.note(EVENT.enqueue, REASON.none, skb, skb.len, length);
}
