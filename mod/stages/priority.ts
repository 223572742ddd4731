/**
 * The priority of a packet within its host (`skb->priority`), as IPv4 forwarding sets it.
 *
 * rt_tos2priority (include/net/route.h, net/ipv4/route.c: ip_tos2prio; 4.4 and 6.1): the four bits of the type of service of
 * RFC 1349 decide, that of cost (which is an ECN bit now) changing nothing. IPv6 forwarding sets none.
 *
 * Departures: a socket of this host sends with the priority that the type of service of its packets stands for, as if the
 * process had set that with IP_TOS.
 *
 * ```ts
 * skb.priority = priorityOf(u8, skb.dataAt); // 6, interactive, for a type of service of 0x10
 * ```
 *
 * @module
 */

import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";

/** Priorities that decide a band (TC_PRIO_MAX + 1). */
export const PRIORITIES = 16;

/** Priorities by what they are for (include/uapi/linux/pkt_sched.h). */
const BEST_EFFORT = 0;
const BULK = 2;
const INTERACTIVE_BULK = 4;
const INTERACTIVE = 6;

/** By the bits "low delay" and "high throughput" of the type of service. */
const BY_DELAY_AND_THROUGHPUT: readonly number[] = [BEST_EFFORT, BULK, INTERACTIVE, INTERACTIVE_BULK];
/** Where these two bits are. */
const THROUGHPUT_SHIFT = 3;

/** The priority of the IP packet at `at`. */
export function priorityOf(u8: Uint8Array, at: number): number {
  if (ip.isIpv6(u8, at)) return BEST_EFFORT;
  return BY_DELAY_AND_THROUGHPUT[ipv4.tos(u8, at) >> THROUGHPUT_SHIFT & 3]!;
}
