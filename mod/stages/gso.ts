/**
 * Software GSO of TCP over IPv4: an aggregate is cut into segments, each with headers of its own.
 *
 * linux-datapath 6.2 (inet_gso_segment, tcp_gso_segment; 4.4 and 6.1). The bytes are cut and copied in `skb/segment.ts`;
 * here each segment gets its length, id, sequence number, flags and checksums.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { segmentByCopy } from "../skb/segment.ts";
import type { Skb } from "../skb/skb.ts";
import { finish, partialSum, pseudoHeaderSumIpv4 } from "../wire/checksum.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { type Host, observe, visit } from "./host.ts";

/** Flags that only the last segment keeps. */
const LAST_SEGMENT_FLAGS = tcp.FLAG_FIN | tcp.FLAG_PSH;

/**
 * Cuts `skb`, a TCP/IPv4 aggregate whose data begins at the IP header, without scatter-gather and checksum offload, as
 * xfrm_output_gso asks for (features 0). Calls `emit` for each segment in order and frees `skb`.
 */
export function segmentTcpIpv4(host: Host, skb: Skb, emit: (segment: Skb) => void): void {
  visit(host, "gso", skb);
  const { u8 } = host.skbs.memory;
  const tcpOffset = ipv4.HEADER_BYTES;
  const headerBytes = tcpOffset + tcp.dataOffsetBytes(u8, skb.dataAt + tcpOffset);
  const last = Math.ceil((skb.len - headerBytes) / skb.head.gsoSize) - 1;
  segmentByCopy(host.skbs, skb, headerBytes, (segment, index, payloadSum) => {
    writeIpHeader(host, skb, segment, index);
    writeTcpHeader(host, skb, segment, index, index === last, payloadSum);
    observe(host, segment);
    emit(segment);
  });
  host.skbs.free(skb, REASON.segmented);
}

function writeIpHeader(host: Host, skb: Skb, segment: Skb, index: number): void {
  const { u8 } = host.skbs.memory;
  const ip = segment.dataAt;
  const step = skb.head.gsoFixedId ? 0 : index;
  ipv4.setTotalLength(u8, ip, segment.len);
  ipv4.setId(u8, ip, (ipv4.id(u8, skb.dataAt) + step) & 0xffff);
  ipv4.writeHeaderChecksum(u8, ip);
}

function writeTcpHeader(host: Host, skb: Skb, segment: Skb, index: number, isLast: boolean, payloadSum: number): void {
  const { u8 } = host.skbs.memory;
  const ip = segment.dataAt;
  const at = ip + ipv4.HEADER_BYTES;
  const flags = tcp.flags(u8, at);
  const firstSequence = tcp.sequence(u8, skb.dataAt + ipv4.HEADER_BYTES);
  tcp.setSequence(u8, at, (firstSequence + index * skb.head.gsoSize) >>> 0);
  tcp.setFlags(u8, at, segmentFlags(flags, index, isLast));
  tcp.setChecksum(u8, at, 0);
  const transportBytes = segment.len - ipv4.HEADER_BYTES;
  const pseudo = pseudoHeaderSumIpv4(ipv4.source(u8, ip), ipv4.destination(u8, ip), PROTOCOL_TCP, transportBytes);
  const headerSum = partialSum(u8, at, tcp.dataOffsetBytes(u8, at), pseudo);
  tcp.setChecksum(u8, at, finish(headerSum + payloadSum));
}

/** FIN and PSH stay on the last segment only, CWR on the first only. */
function segmentFlags(flags: number, index: number, isLast: boolean): number {
  const withoutEnd = isLast ? flags : flags & ~LAST_SEGMENT_FLAGS;
  return index === 0 ? withoutEnd : withoutEnd & ~tcp.FLAG_CWR;
}
