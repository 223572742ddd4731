/**
 * Sentences about the queue in front of the driver: who waits, who goes, what the driver refuses.
 *
 * ```ts
 * TRANSMIT_SENTENCES["requeue"]!(row, scene); // "skb 3 is put back and goes first next time (dev_requeue_skb)."
 * ```
 *
 * @module
 */

import type { StoryRow } from "../replay/explain.ts";
import { by, dropOf, has, type Scene, type Sentence } from "./phrases.ts";

/** The kernel function that puts a packet into each discipline. */
const ENQUEUE: Readonly<Record<string, string>> = {
  pfifo: "pfifo_enqueue",
  pfifo_fast: "pfifo_fast_enqueue",
  fq_codel: "fq_codel_enqueue",
};

/** By "event reason", "event stage" or "event". */
export const TRANSMIT_SENTENCES: Readonly<Record<string, Sentence>> = {
  "visit qdisc": qdiscVisit,
  "enqueue qdisc": ({ count, skb }, { life }) =>
    `skb ${skb} waits in the queue, number ${count} of it (${ENQUEUE[life.run.resolved.config.qdisc] ?? "enqueue"}).`,
  "dequeue": ({ count, skb }) => `skb ${skb} leaves the queue, ${count} still wait (dequeue_skb).`,
  "dequeue codel-mark": ({ count, skb, reason }) =>
    `skb ${skb} leaves the queue, its outer header marked with CE, because packets of its flow have waited for 5 ms or more ` +
    `throughout 100 ms; ${count} still wait${by(reason)}.`,
  "dequeue codel": outOfQueue,
  "dequeue fattest-flow": outOfQueue,
  "busy": ({ reason, skb }) => `The driver refuses skb ${skb}: ${reason.meaning}${by(reason)}.`,
  "busy queue-stopped": waits,
  "busy byte-limit": waits,
  "requeue": ({ skb }) => `skb ${skb} is put back and goes first next time (dev_requeue_skb).`,
  "requeue behind-backlog": ({ skb, reason }) =>
    `skb ${skb} is put back, not encrypted yet: ${reason.meaning}${by(reason)}.`,
};

function qdiscVisit(_: StoryRow, { chapter, life }: Scene): string {
  if (life.run.resolved.config.qdisc === "noqueue") {
    return "The device has no queue: straight to the driver (__dev_queue_xmit).";
  }
  if (has(chapter, "enqueue")) return "Others wait or a run goes on: it has to queue (__dev_xmit_skb).";
  if (dropOf(chapter) !== undefined) return "Others wait or a run goes on (__dev_xmit_skb).";
  return "The queue is empty: bypassed, straight to the driver (__dev_xmit_skb).";
}

function outOfQueue({ count, skb, reason }: StoryRow): string {
  return `skb ${skb} is taken out of the queue to be dropped, ${count} still wait${by(reason)}.`;
}

function waits({ reason, skb }: StoryRow): string {
  return `skb ${skb} would go next and has to wait: ${reason.meaning}${by(reason)}.`;
}
