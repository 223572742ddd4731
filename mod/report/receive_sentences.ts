/**
 * Sentences about what only a receiver does (`path=receive`): IP input, ESP input, queues on the way up, sockets, taps.
 *
 * @module
 */

import type { StoryRow } from "../replay/explain.ts";
import { decryptedByNic, isDecapsulatedByNic } from "./offload_sentences.ts";
import { by, capital, dropOf, has, hostOf, plural, rows, saOf, type Scene, type Sentence } from "./phrases.ts";

/** Drops before the bytes of a packet are looked at. */
const BEFORE_DECRYPTION: ReadonlySet<string> = new Set(["no-state", "replay", "esp-short"]);

/** By "event reason" or "event stage". */
export const RECEIVE_SENTENCES: Readonly<Record<string, Sentence>> = {
  "visit ip-input": (_, scene) => {
    if (dropOf(scene.chapter) !== undefined) return "IP input looks at it (ip_rcv).";
    return isClear(scene)
      ? `The ${scene.life.run.sa === undefined ? "" : "clear "}packet is for our host (ip_rcv, ip_local_deliver).`
      : "It is for our host, and is ESP (ip_rcv, ip_local_deliver).";
  },
  "visit esp-input": espInputVisit,
  "visit gro-cells": () => "GRO gets it once more, now in the clear (napi_gro_receive).",
  "visit backlog": () => "It goes up the stack once more, now in the clear (__netif_receive_skb).",
  "visit trans-queue": () => "It goes on to IP input, now in the clear (dst_input).",
  "visit local-in": () => "Its protocol looks up its socket (tcp_v4_rcv, udp_rcv).",

  "enqueue gro-cells": ({ count, skb }) =>
    `skb ${skb} waits for the poll of a GRO cell, number ${count} of its queue (gro_cells_receive).`,
  "dequeue gro-cells": ({ count, skb }) => `skb ${skb} leaves the queue, ${count} still wait (gro_cell_poll).`,
  "enqueue backlog": ({ count, skb }) =>
    `skb ${skb} waits in the backlog of the CPU, number ${count} of it (netif_rx, enqueue_to_backlog).`,
  "dequeue backlog": ({ count, skb }) => `skb ${skb} leaves the backlog, ${count} still wait (process_backlog).`,
  "enqueue trans-queue": ({ count, skb }) =>
    `skb ${skb} waits until the CPU is out of NET_RX, number ${count} of the queue (xfrm_trans_queue_net).`,
  "dequeue trans-queue": ({ count, skb }) => `skb ${skb} leaves the queue, ${count} still wait (xfrm_trans_reinject).`,

  "tail rx-cow-always": writable,
  "tail rx-cow-cloned": writable,
  "tail rx-cow-frag-list": writable,
  "tail rx-cow-shared-frag": writable,
  "open": ({ bytes, count, reason }, { chapter }) => {
    const isBounced = rows(chapter).some(({ event, reason: { name } }) =>
      event === "copy" && name.startsWith("bounce")
    );
    const where = isBounced ? "in a buffer of its own" : "where they lie";
    return `${bytes} bytes ${OPENED[reason.name] ?? "are verified and decrypted"} ${where}: ` +
      `${plural(count, "scatterlist entry")} (crypto_aead_decrypt).`;
  },
  "reject": ({ reason }) => `Rejected: ${reason.meaning}${by(reason)}.`,
  "tap": (row, { life }) => {
    const isClear = life.run.sa === undefined ? "" : ", in the clear";
    const what = row.reason.name === "esp" ? ", as ESP" : isClear;
    return life.run.resolved.config.tap === "none"
      ? `Nobody listens; a packet tap would see it here${what}${by(row.reason)}.`
      : `A packet tap sees it${what}: ${plural(row.bytes, "byte")}${by(row.reason)}.`;
  },
  "user-copy user-read": ({ bytes, skb, reason }) =>
    `${capital(reason.meaning)}: ${plural(bytes, "byte")} from skb ${skb}${by(reason)}.`,
};

/** What GRO does with a packet of ESP; undefined where `scene` is of another, or of what was in it. */
export function espInGro(scene: Scene): string | undefined {
  const { chapters, run, record } = scene.life;
  const { path } = run.resolved.config;
  const hasEspInput = path === "receive" || path === "host-to-host";
  if (!hasEspInput || record.outcome === "bypass" || isClear(scene)) return undefined;
  const next = chapters[chapters.indexOf(scene.chapter) + 1];
  return next?.stage === "esp-input"
    ? "GRO has a handler for ESP, which decrypts it in this poll (esp4_gro_receive, esp6_gro_receive)."
    : saOf(run).encapsulation === null
    ? "GRO passes it on at once: it is ESP (dev_gro_receive)."
    : "GRO has no handler for ESP in UDP (udp_gro_receive).";
}

/** What opening does to bytes, by reason, where nothing is decrypted. */
const OPENED: Readonly<Record<string, string>> = {
  "null": "pass the null cipher",
  "null-sha1": "are authenticated with HMAC-SHA1-96 and pass the null cipher",
  "null-sha256": "are authenticated with HMAC-SHA256-128 and pass the null cipher",
  "null-sha384": "are authenticated with HMAC-SHA384-192 and pass the null cipher",
  "null-sha512": "are authenticated with HMAC-SHA512-256 and pass the null cipher",
  "aes-gmac": "are authenticated with AES-GMAC and are clear",
};

/** There is no ESP, or ESP input has been there before, since a NIC received it last. */
function isClear(scene: Scene): boolean {
  const { life, chapter } = scene;
  if (life.run.sa === undefined || isDecapsulatedByNic(scene)) return true;
  const before = life.chapters.slice(0, life.chapters.indexOf(chapter));
  const received = before.findLastIndex(({ stage }) => stage === "driver-rx");
  return before.slice(Math.max(0, received)).some(({ stage }) => stage === "esp-input");
}

function espInputVisit({ cpu }: StoryRow, scene: Scene): string | string[] {
  const { life, chapter } = scene;
  const drop = dropOf(chapter);
  if (drop !== undefined && BEFORE_DECRYPTION.has(drop.reason.name)) return "ESP input looks for its SA (xfrm_input).";
  const sa = saOf(life.run);
  const { reverseSa = sa } = life.run;
  const { spi } = hostOf(cpu, life.run) === "A" ? reverseSa : sa;
  const found = `The SA of SPI 0x${spi.toString(16)} is found; its sequence number has not come before (xfrm_input).`;
  const byNic = decryptedByNic(scene);
  if (byNic !== undefined) return [found, byNic];
  if (has(chapter, "tail")) return found;
  const { rx_cow } = life.run.resolved.config;
  const why = rx_cow === "always" ? "it is linear and not shared" : "nobody shares its bytes";
  return [found, `rx_cow=${rx_cow}: ${why}, so nothing is copied to decrypt it (esp_input).`];
}

function writable({ reason }: StoryRow): string {
  return `${capital(reason.meaning)}${by(reason)}.`;
}
