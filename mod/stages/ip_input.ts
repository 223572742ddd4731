/**
 * IP input: a received packet is checked, its headers made linear and its padding trimmed.
 *
 * ip_rcv (net/ipv4/ip_input.c) and ip6_rcv, ipv6_parse_hopopts (net/ipv6/ip6_input.c, exthdrs.c); 4.4 and 6.1.
 *
 * Departures: hop-by-hop options are not obeyed.
 *
 * @module
 */

import { mayPull, trim } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { PROTOCOL_HOP_BY_HOP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** Option headers count in units of 8 bytes, the first not counted. */
const EXTENSION_UNIT = 8;

/** Receives an IPv4 packet; false when it is malformed. */
export function receiveIpv4(skbs: SkbMemory, skb: Skb): boolean {
  if (!mayPull(skbs, skb, ipv4.HEADER_BYTES)) return false;
  const headerBytes = ipv4.ihlBytes(skbs.memory.u8, skb.dataAt);
  if (ipv4.version(skbs.memory.u8, skb.dataAt) !== 4 || headerBytes < ipv4.HEADER_BYTES) return false;
  if (!mayPull(skbs, skb, headerBytes)) return false;
  const { u8 } = skbs.memory;
  const totalBytes = ipv4.totalLength(u8, skb.dataAt);
  if (!ipv4.headerChecksumOk(u8, skb.dataAt) || totalBytes < headerBytes || totalBytes > skb.len) return false;
  trim(skbs, skb, totalBytes);
  return true;
}

/** Receives an IPv6 packet; false when it is malformed. */
export function receiveIpv6(skbs: SkbMemory, skb: Skb): boolean {
  if (!mayPull(skbs, skb, ipv6.HEADER_BYTES)) return false;
  const { u8 } = skbs.memory;
  if (ipv6.version(u8, skb.dataAt) !== 6) return false;
  const payloadBytes = ipv6.payloadLength(u8, skb.dataAt);
  const nextHeader = ipv6.nextHeader(u8, skb.dataAt);
  // A length of 0 is that of a jumbogram, whose option nobody here reads.
  if (payloadBytes > 0 || nextHeader !== PROTOCOL_HOP_BY_HOP) {
    if (ipv6.HEADER_BYTES + payloadBytes > skb.len) return false;
    trim(skbs, skb, ipv6.HEADER_BYTES + payloadBytes);
  }
  return nextHeader !== PROTOCOL_HOP_BY_HOP || receiveHopByHop(skbs, skb);
}

/** ipv6_parse_hopopts: the whole options header becomes linear. */
function receiveHopByHop(skbs: SkbMemory, skb: Skb): boolean {
  if (!mayPull(skbs, skb, ipv6.HEADER_BYTES + EXTENSION_UNIT)) return false;
  const units = skbs.memory.u8[skb.dataAt + ipv6.HEADER_BYTES + 1]!;
  return mayPull(skbs, skb, ipv6.HEADER_BYTES + (units + 1) * EXTENSION_UNIT);
}
