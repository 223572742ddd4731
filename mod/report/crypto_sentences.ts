/**
 * Sentences about asynchronous crypto, and about what waits for it or comes back from it.
 *
 * @module
 */

import type { StoryRow } from "../replay/explain.ts";
import { by, plural, type Sentence } from "./phrases.ts";

/** Who calls back, by the engine's name in rows. */
const CALLBACKS: Readonly<Record<string, string>> = {
  cryptd: "from the worker (cryptd_aead_crypt)",
  pcrypt: "in order of submission, from the serial worker (padata_serial_worker)",
  accel: "from the tasklet of the CPU that submitted it",
};

/** By "event reason" or "event stage". */
export const CRYPTO_SENTENCES: Readonly<Record<string, Sentence>> = {
  "submit cryptd": ({ count, reason }) =>
    `It waits for the crypto worker of its CPU, ${requests(count)} in the queues of cryptd${by(reason)}.`,
  "submit pcrypt": ({ count, reason }) => `padata deals it out to a CPU, ${requests(count)} in flight${by(reason)}.`,
  "submit accel": ({ count }) => `The look-aside engine takes it, ${requests(count)} in flight.`,
  "visit cryptd": () => "The worker's turn: one request (cryptd_queue_worker).",
  "visit pcrypt": () => "A parallel worker takes it (padata_parallel_worker).",
  "complete": ({ count, reason }) =>
    `The callback goes on with it, ${CALLBACKS[reason.name] ?? "later"}; ${requests(count)} still on their way.`,
  "idle head-of-line": ({ count, skb }) =>
    `skb ${skb} is ready, the first of the queue is not: ${plural(count, "encrypted packet")} must wait behind it.`,

  "busy resume-stopped": ({ count, reason }) =>
    count === 1
      ? `The driver's queue is stopped: nobody asks the driver${by(reason)}.`
      : `The driver's queue is stopped: ${count} attempts in vain, of all that wait with it${by(reason)}.`,
  "enqueue xfrm-backlog": ({ count, skb }) =>
    `skb ${skb} waits in the backlog of the CPU, number ${count} of it; NET_TX tries it again (xfrm_dev_resume).`,
  "dequeue xfrm-backlog": ({ count, skb }) => `skb ${skb} leaves the backlog, ${count} still wait (xfrm_dev_backlog).`,
  "enqueue crypto": ({ count, skb }) =>
    `skb ${skb}, a whole ESP packet but for its ciphertext, waits in front of crypto, number ${count} of the queue.`,
  "dequeue crypto": ({ count, skb }) => `skb ${skb} goes to crypto, ${count} still wait in front of it.`,
};

/** "1 request", "2 requests". */
function requests(count: StoryRow["count"]): string {
  return plural(count, "request");
}
