/**
 * TCP small queues: how much of one socket may be on its way to the wire.
 *
 * net/ipv4/tcp_output.c: tcp_small_queue_check (6.1), the same test in tcp_write_xmit (4.4). What is in the queue discipline and
 * in the driver counts with its memory, until it has left. The limit is what the flow sends in 1/1024 s, at least two buffers
 * and at most `tcp_limit_output_bytes`.
 *
 * Departure: the rate of a flow is that of the link; in Linux it follows from the congestion window.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Skb } from "../skb/skb.ts";

/** Most memory of one socket on its way to the wire (tcp_limit_output_bytes). */
const OUTPUT_BYTES_MAX = { "4.4": 262144, "6.1": 1048576 } as const;
/** What a flow sends in 1/1024 s (sk_pacing_shift). */
const PACING_DIVISOR = 1024;
/** Bytes per second of 1 Gbit/s. */
const BYTES_PER_GBIT = 125_000_000;

/** Bytes of memory of a socket above which `skb` has to wait. */
export function smallQueueLimit({ era, link_gbps }: Pick<Config, "era" | "link_gbps">, skb: Skb): number {
  const paced = Math.floor(link_gbps * BYTES_PER_GBIT / PACING_DIVISOR);
  return Math.min(Math.max(2 * skb.truesize, paced), OUTPUT_BYTES_MAX[era]);
}
