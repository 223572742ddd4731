/**
 * Frames for the tests of GRO: UDP, and TCP or UDP moved from IPv4 to IPv6. Not part of the library.
 *
 * ```ts
 * overIpv6(tcpFrame({ payloadBytes: 100 }), { hopLimit: 63, extensions: [[PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS]] });
 * ```
 *
 * @module
 */

import { DESTINATION, SOURCE } from "../replay/testing.ts";
import { set16, set32 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import { ETH_HLEN, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";

/** Fields of a UDP/IPv4 frame; what is left out is that of a datagram in the middle of a flow. */
export interface UdpFrame {
  readonly payloadBytes?: number;
  readonly sourcePort?: number;
  readonly id?: number;
  readonly ttl?: number;
  readonly tos?: number;
  /** The flags and fragment offset word; DF alone. */
  readonly fragmentWord?: number;
  /** No checksum (0) instead of the right one. */
  readonly withoutChecksum?: boolean;
  /** Added to the right checksum. */
  readonly checksumError?: number;
  /** Added to the right UDP length. */
  readonly lengthError?: number;
  /** First byte of the payload pattern. */
  readonly pattern?: number;
}

/** What an IPv6 header has that one of IPv4 has not. */
export interface Ipv6Fields {
  readonly hopLimit?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  /** Protocol and bytes of each extension header, whose next header is filled in. */
  readonly extensions?: readonly (readonly [number, Uint8Array])[];
  /** Bytes behind the packet. */
  readonly trailing?: number;
  /** Added to the right payload length. */
  readonly lengthError?: number;
}

/** An extension header of 8 bytes without effect. */
export const PADDING_OPTIONS: Uint8Array = Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 0);

const UDP_AT = ETH_HLEN + ipv4.HEADER_BYTES;

/** Builds a UDP/IPv4 frame. */
export function udpFrame(fields: UdpFrame = {}): Uint8Array {
  const { payloadBytes = 1000 } = fields;
  const bytes = 8 + payloadBytes;
  const frame = new Uint8Array(UDP_AT + bytes);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, fields.tos ?? 0]);
  set16(frame, ETH_HLEN + 2, ipv4.HEADER_BYTES + bytes);
  set16(frame, ETH_HLEN + 4, fields.id ?? 1);
  set16(frame, ETH_HLEN + 6, fields.fragmentWord ?? 0x4000);
  frame[ETH_HLEN + 8] = fields.ttl ?? 64;
  frame[ETH_HLEN + 9] = PROTOCOL_UDP;
  set32(frame, ETH_HLEN + 12, SOURCE);
  set32(frame, ETH_HLEN + 16, DESTINATION);
  ipv4.writeHeaderChecksum(frame, ETH_HLEN);
  set16(frame, UDP_AT, fields.sourcePort ?? 40000);
  set16(frame, UDP_AT + 2, 5001);
  set16(frame, UDP_AT + 4, bytes + (fields.lengthError ?? 0));
  for (let i = 0; i < payloadBytes; i++) frame[UDP_AT + 8 + i] = (i * 7 + (fields.pattern ?? 0)) & 0xff;
  if (fields.withoutChecksum !== true) writeChecksum(frame, ETH_HLEN, PROTOCOL_UDP, UDP_AT, fields.checksumError ?? 0);
  return frame;
}

/** `count` datagrams of one flow, `changes[i]` made to the i-th; ids count up. */
export function datagramsOf(
  count: number,
  changes: Readonly<Record<number, UdpFrame>> = {},
  common: UdpFrame = {},
): Uint8Array[] {
  return Array.from(
    { length: count },
    (_, i) => udpFrame({ ...common, id: ((common.id ?? 1) + i) & 0xffff, pattern: i, ...changes[i] }),
  );
}

/** The transport of a frame of IPv4 without options or padding behind an IPv6 header, with a right checksum. */
export function overIpv6(frame: Uint8Array, fields: Ipv6Fields = {}): Uint8Array {
  const { extensions = [], trailing = 0 } = fields;
  const protocol = frame[ETH_HLEN + 9]!;
  const transport = frame.subarray(UDP_AT);
  const headers = [...extensions.map(([, bytes]) => bytes), transport];
  const protocols = [...extensions.map(([number]) => number), protocol];
  const payloadBytes = headers.reduce((sum, { length }) => sum + length, 0);
  const moved = new Uint8Array(ETH_HLEN + ipv6.HEADER_BYTES + payloadBytes + trailing).fill(0xee);
  moved.set(frame.subarray(0, ETH_HLEN));
  set16(moved, 12, ETHERTYPE_IPV6);
  ipv6.setVersionClassFlow(moved, ETH_HLEN, fields.trafficClass ?? 0, fields.flowLabel ?? 0x12345);
  ipv6.setPayloadLength(moved, ETH_HLEN, payloadBytes + (fields.lengthError ?? 0));
  ipv6.setHopLimit(moved, ETH_HLEN, fields.hopLimit ?? 64);
  ipv6.setSource(moved, ETH_HLEN, Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1));
  ipv6.setDestination(moved, ETH_HLEN, Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2));
  let at = ETH_HLEN + ipv6.HEADER_BYTES;
  let protocolAt = ETH_HLEN + ipv6.OFFSET_NEXT_HEADER;
  headers.forEach((bytes, i) => {
    moved[protocolAt] = protocols[i]!;
    moved.set(bytes, at);
    protocolAt = at;
    at += bytes.length;
  });
  const transportAt = at - transport.length;
  writeChecksum(moved.subarray(0, at), ETH_HLEN, protocol, transportAt, 0);
  return moved;
}

/** Sums from the transport header to the end of the frame. */
function writeChecksum(frame: Uint8Array, ipAt: number, protocol: number, transportAt: number, error: number): void {
  const bytes = frame.length - transportAt;
  const field = transportAt + (protocol === PROTOCOL_TCP ? 16 : 6);
  set16(frame, field, 0);
  const checksum = finish(partialSum(frame, transportAt, bytes, pseudoHeaderSum(frame, ipAt, protocol, bytes)));
  set16(frame, field, ((checksum === 0 && protocol === PROTOCOL_UDP ? 0xffff : checksum) + error) & 0xffff);
}
