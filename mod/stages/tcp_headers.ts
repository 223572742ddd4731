/**
 * TCP and IP headers of what a socket sends (tcp_transmit_skb, __tcp_v4_send_check, ip_queue_xmit, inet6_csk_xmit; 4.4 and
 * 6.1).
 *
 * The headers of the captured packet that the last byte of a buffer comes from are kept in its headroom until it is sent:
 * addresses, ports, acknowledgment, window, options, time to live are those of the captured host. Then lengths, sequence
 * number, flags, ids and checksums are written. The checksum is left to the device or to segmentation (CHECKSUM_PARTIAL).
 *
 * Departures: urgent data is sent as any other.
 *
 * @module
 */

import { push } from "../skb/head_ops.ts";
import type { Memory } from "../skb/memory.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { set16 } from "../wire/bytes.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import type { OutgoingPacket } from "./outgoing.ts";

/** Flags that the headers of a captured packet decide; the others are said for each buffer. */
const FLAGS_KEPT = tcp.FLAG_ACK | tcp.FLAG_ECE | tcp.FLAG_CWR | tcp.FLAG_RST;

/** Keeps the headers of `from` in front of the data of `skb`, which has the room. */
export function keepHeaders(memory: Memory, skb: Skb, from: OutgoingPacket): void {
  skb.networkHeader = skb.data - from.headerBytes;
  skb.transportHeader = skb.networkHeader + from.networkBytes;
  memory.move(from.headers.at, skb.head.at + skb.networkHeader, from.headerBytes);
}

/** Bytes of the headers that are kept in front of the data of `skb`. */
export function keptBytes(skb: Skb): number {
  return skb.data - skb.networkHeader;
}

/** Puts the kept headers in front of `skb`: it begins with `sequence`, and `flags` are SYN, FIN and PSH as they are due. */
export function pushHeaders(memory: Memory, skb: Skb, sequence: number, flags: number, id: number): void {
  push(skb, keptBytes(skb));
  const { u8 } = memory;
  const at = skb.dataAt;
  ip.setTotalBytes(u8, at, skb.len);
  if (!ip.isIpv6(u8, at)) {
    ipv4.setId(u8, at, id);
    ipv4.writeHeaderChecksum(u8, at);
  }
  const transportAt = skb.head.at + skb.transportHeader;
  const transportBytes = skb.len - (skb.transportHeader - skb.data);
  tcp.setSequence(u8, transportAt, sequence);
  tcp.setFlags(u8, transportAt, (tcp.flags(u8, transportAt) & FLAGS_KEPT) | flags);
  set16(u8, transportAt + tcp.OFFSET_URGENT, 0);
  tcp.setChecksum(u8, transportAt, pseudoHeaderSum(u8, at, PROTOCOL_TCP, transportBytes));
  skb.ipSummed = CHECKSUM.partial;
  skb.checksumOffset = tcp.OFFSET_CHECKSUM;
}
