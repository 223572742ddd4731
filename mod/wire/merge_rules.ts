/**
 * The rules by which Linux merges packets of one flow: which packets are of one flow, why a packet does not join, and which
 * packet is the last of an aggregate.
 *
 * linux-datapath 5.3 to 5.6 and 15.8 (inet_gro_receive, ipv6_gro_receive, tcp_gro_receive of 4.4 and 6.1, which differ in
 * IP ids and hop limits; udp_gro_receive_segment of 6.1). Functions of header bytes alone: GRO holds them against a packet
 * and a held buffer, and whoever wants to know how well a capture would aggregate against packets that are long gone. So the
 * two headers may lie in two arrays. Where several rules fail, the one that tells most is named, not the first in the kernel.
 *
 * ```ts
 * const why = whyNotMergedTcp(u8, packet, 0, u8, held, { linux44: false, bytesMax: AGGREGATE_BYTES_MAX });
 * why === END.none; // It joins.
 * ```
 *
 * @module
 */

import { get16, get32 } from "./bytes.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import * as tcp from "./tcp.ts";

/** An aggregate stays below this length, IP header included (GRO_LEGACY_MAX_SIZE; BIG TCP is not known here). */
export const AGGREGATE_BYTES_MAX = 65536;
/** Datagrams of an aggregate of UDP at most (UDP_GRO_CNT_MAX). */
export const DATAGRAMS_MAX = 64;

/**
 * Why an aggregate ends, or `none`. After `short`, `push` and `count` the packet at hand has joined it; after the others it
 * has not, and begins another where it may.
 */
export const END = {
  none: 0,
  /** The segment is shorter than the first. */
  short: 1,
  /** The segment has one of the flags that are not to wait: PSH, FIN. */
  push: 2,
  /** The aggregate has {@linkcode DATAGRAMS_MAX} datagrams. */
  count: 3,
  /** Bytes follow the IP packet, or it is a fragment. */
  ipRefused: 4,
  /** It carries no payload. */
  noPayload: 5,
  /** Its sequence number is not the next. */
  sequence: 6,
  /** Other TCP flags; CWR always. */
  flags: 7,
  window: 8,
  acknowledgment: 9,
  /** Other TCP options, or more or fewer: mostly a later timestamp. */
  options: 10,
  /** Time to live or hop limit. */
  ttl: 11,
  /** Type of service or traffic class. */
  tos: 12,
  dontFragment: 13,
  /** The IP id neither counts on nor, where that is allowed, stays the same. */
  ipId: 14,
  /** It is longer than the first. */
  longer: 15,
  /** A super-packet whose segments are of another size. */
  gsoSize: 16,
  /** The aggregate would become too long. */
  size: 17,
} as const;

/** TCP flags that a packet may have or lack and still join: they are handled apart. */
const FLAGS_NOT_COMPARED = tcp.FLAG_CWR | tcp.FLAG_FIN | tcp.FLAG_PSH;
/** TCP flags that send an aggregate up at once, and keep a packet from being held. */
const FLAGS_THAT_FLUSH = tcp.FLAG_URG | tcp.FLAG_PSH | tcp.FLAG_RST | tcp.FLAG_SYN | tcp.FLAG_FIN;

/** A packet of TCP or UDP: where its headers are, all in one piece. */
export interface MergePacket {
  /** Offset of its IP header in the array that goes with it. */
  readonly at: number;
  /** EtherType IPv6. */
  readonly isIpv6: boolean;
  /** Bytes of the IP header and, of IPv6, extension headers. */
  readonly networkBytes: number;
  /** Bytes of headers in front of the payload, from the IP header on. */
  readonly headerBytes: number;
  /** Payload bytes; of an aggregate, those of all that have joined. */
  readonly payloadBytes: number;
}

/** Packets that have been merged: the headers are those of the first. */
export interface MergeTarget extends MergePacket {
  /** Payload bytes of the first packet, or of each segment of a super-packet. */
  readonly mss: number;
  /** Segments. */
  readonly count: number;
  /** All IP ids so far may be one constant, as DF allows: so it is on the first packet, and the second decides. */
  readonly isAtomic: boolean;
}

/** What is not the same in every kernel. */
export interface MergeRules {
  /** The rules of Linux 4.4 instead of those of 6.1. */
  readonly linux44: boolean;
  /** Aggregates stay below this length (gro_max_size); {@linkcode AGGREGATE_BYTES_MAX} unless the device says less. */
  readonly bytesMax: number;
}

/** Whether two packets of TCP, or two of UDP, belong to one flow: addresses, ports, and of IPv6 all that may not change. */
export function isSameFlow(
  u8: Uint8Array,
  packet: MergePacket,
  heldU8: Uint8Array,
  held: MergePacket,
  rules: MergeRules,
): boolean {
  const { at } = packet;
  const other = held.at;
  if (get32(u8, at + packet.networkBytes) !== get32(heldU8, other + held.networkBytes)) return false;
  if (packet.isIpv6 !== held.isIpv6 || packet.networkBytes !== held.networkBytes) return false;
  if (packet.isIpv6) return isSameIpv6Flow(u8, at, packet.networkBytes, heldU8, other, rules.linux44);
  return get32(u8, at + ipv4.OFFSET_SOURCE) === get32(heldU8, other + ipv4.OFFSET_SOURCE) &&
    get32(u8, at + ipv4.OFFSET_DESTINATION) === get32(heldU8, other + ipv4.OFFSET_DESTINATION) &&
    ipv4.protocol(u8, at) === ipv4.protocol(heldU8, other);
}

/** Flow label, next header, addresses and extension headers; in 4.4 the hop limit too. */
function isSameIpv6Flow(
  u8: Uint8Array,
  at: number,
  networkBytes: number,
  heldU8: Uint8Array,
  other: number,
  linux44: boolean,
): boolean {
  if (ipv6.flowLabel(u8, at) !== ipv6.flowLabel(heldU8, other)) return false;
  if (ipv6.version(u8, at) !== ipv6.version(heldU8, other)) return false;
  if (ipv6.nextHeader(u8, at) !== ipv6.nextHeader(heldU8, other)) return false;
  if (linux44 && ipv6.hopLimit(u8, at) !== ipv6.hopLimit(heldU8, other)) return false;
  return sameBytes(
    u8,
    at + ipv6.OFFSET_SOURCE,
    heldU8,
    other + ipv6.OFFSET_SOURCE,
    networkBytes - ipv6.OFFSET_SOURCE,
  );
}

/**
 * Why a packet of TCP does not join an aggregate of its flow; {@linkcode END}.none where it does. `gsoSize` is 0 but for a
 * super-packet. That its IP packet is whole (`ipRefused`) is for the caller to test.
 */
export function whyNotMergedTcp(
  u8: Uint8Array,
  packet: MergePacket,
  gsoSize: number,
  heldU8: Uint8Array,
  held: MergeTarget,
  rules: MergeRules,
): number {
  const { payloadBytes } = packet;
  if (payloadBytes === 0) return END.noPayload;
  const why = whyTcpDiffers(u8, packet, heldU8, held) || whyIpDiffers(u8, packet, heldU8, held, rules);
  if (why !== END.none) return why;
  if (gsoSize === 0 ? payloadBytes > held.mss : gsoSize !== held.mss) return gsoSize === 0 ? END.longer : END.gsoSize;
  return held.headerBytes + held.payloadBytes + payloadBytes >= rules.bytesMax ? END.size : END.none;
}

function whyTcpDiffers(u8: Uint8Array, packet: MergePacket, heldU8: Uint8Array, held: MergeTarget): number {
  const own = packet.at + packet.networkBytes;
  const other = held.at + held.networkBytes;
  if (tcp.sequence(u8, own) !== (tcp.sequence(heldU8, other) + held.payloadBytes) >>> 0) return END.sequence;
  const flags = tcp.flags(u8, own);
  if ((flags & tcp.FLAG_CWR) !== 0) return END.flags;
  if (((flags ^ tcp.flags(heldU8, other)) & ~FLAGS_NOT_COMPARED) !== 0) return END.flags;
  if (tcp.dataOffsetBytes(u8, own) !== tcp.dataOffsetBytes(heldU8, other)) return END.options;
  // The bits beside the data offset are reserved, or flags of later RFCs.
  if (u8[own + tcp.OFFSET_DATA_OFFSET] !== heldU8[other + tcp.OFFSET_DATA_OFFSET]) return END.flags;
  if (tcp.window(u8, own) !== tcp.window(heldU8, other)) return END.window;
  if (tcp.acknowledgment(u8, own) !== tcp.acknowledgment(heldU8, other)) return END.acknowledgment;
  const optionBytes = packet.headerBytes - packet.networkBytes - tcp.HEADER_BYTES;
  const same = sameBytes(u8, own + tcp.OFFSET_OPTIONS, heldU8, other + tcp.OFFSET_OPTIONS, optionBytes);
  return same ? END.none : END.options;
}

/**
 * Why a datagram does not join an aggregate of its flow; {@linkcode END}.none where it does. `chained` says that whole packets
 * are chained, whose headers count for the length.
 */
export function whyNotMergedUdp(
  u8: Uint8Array,
  packet: MergePacket,
  chained: boolean,
  heldU8: Uint8Array,
  held: MergeTarget,
  rules: MergeRules,
): number {
  const why = whyIpDiffers(u8, packet, heldU8, held, rules);
  if (why !== END.none) return why;
  const { payloadBytes } = packet;
  if (payloadBytes > held.mss) return END.longer;
  const bytes = chained ? packet.headerBytes + payloadBytes : payloadBytes;
  return held.headerBytes + held.payloadBytes + bytes >= rules.bytesMax ? END.size : END.none;
}

/** Fields of the IP header that make no other flow but keep packets apart. */
function whyIpDiffers(
  u8: Uint8Array,
  packet: MergePacket,
  heldU8: Uint8Array,
  held: MergeTarget,
  rules: MergeRules,
): number {
  const { at } = packet;
  const other = held.at;
  if (packet.isIpv6) {
    if (ipv6.hopLimit(u8, at) !== ipv6.hopLimit(heldU8, other)) return END.ttl;
    return ipv6.trafficClass(u8, at) === ipv6.trafficClass(heldU8, other) ? END.none : END.tos;
  }
  if (ipv4.ttl(u8, at) !== ipv4.ttl(heldU8, other)) return END.ttl;
  if (ipv4.tos(u8, at) !== ipv4.tos(heldU8, other)) return END.tos;
  if (ipv4.dontFragment(u8, at) !== ipv4.dontFragment(heldU8, other)) return END.dontFragment;
  return idFollows(idStep(u8, at, heldU8, other), held, rules.linux44) ? END.none : END.ipId;
}

/** How far the IP id at `at` is from that at `heldAt`: 0 to 65535. */
export function idStep(u8: Uint8Array, at: number, heldU8: Uint8Array, heldAt: number): number {
  return (ipv4.id(u8, at) - ipv4.id(heldU8, heldAt)) & 0xffff;
}

/** IP ids count up (4.4); from 4.10 on they may also be constant, where DF is set and the second packet says so. */
function idFollows(step: number, { count, isAtomic }: MergeTarget, linux44: boolean): boolean {
  if (linux44 || !isAtomic) return step === (count & 0xffff);
  return step === 0 || (step === 1 && count === 1);
}

/** Whether all IP ids may still be one constant when a packet whose id is `step` further has joined. */
export function staysAtomic(step: number, { count, isAtomic }: MergeTarget): boolean {
  return isAtomic && !(step === 1 && count === 1);
}

/**
 * Whether a packet of TCP with these flags is the last of an aggregate, as {@linkcode END}: `fullBytes` is the payload of a
 * full one, 1 of a packet that has not joined. A packet that would end it is not held either.
 */
export function whyLastTcp(flags: number, payloadBytes: number, fullBytes: number): number {
  if ((flags & FLAGS_THAT_FLUSH) !== 0) return END.push;
  return payloadBytes < fullBytes ? END.short : END.none;
}

/** Whether the datagram that has joined as number `count` is the last of its aggregate, as {@linkcode END}. */
export function whyLastUdp(payloadBytes: number, mss: number, count: number): number {
  if (payloadBytes !== mss) return END.short;
  return count >= DATAGRAMS_MAX ? END.count : END.none;
}

/** Whether an IPv4 packet of `bytes` bytes, as many as are there, is whole: no fragment, and nothing follows it. */
export function isWholeIpv4(u8: Uint8Array, at: number, bytes: number): boolean {
  return ipv4.totalLength(u8, at) === bytes && (ipv4.fragmentWord(u8, at) & ~ipv4.FLAG_DF) === 0;
}

/** Whether an IPv6 packet of `bytes` bytes, as many as are there, is whole: nothing follows it. */
export function isWholeIpv6(u8: Uint8Array, at: number, bytes: number): boolean {
  return get16(u8, at + ipv6.OFFSET_PAYLOAD_LENGTH) === bytes - ipv6.HEADER_BYTES;
}

function sameBytes(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number, bytes: number): boolean {
  for (let i = 0; i < bytes; i++) if (a[aAt + i] !== b[bAt + i]) return false;
  return true;
}
