/**
 * Writing the parts of an ESP packet in place (RFC 4303, section 2), and reading its trailer.
 *
 * `at` is the absolute offset of the part in the byte array. Nothing is allocated, nothing is kept.
 *
 * ```text
 * outer IP (tunnel mode) | SPI, sequence | IV | payload | 1 2 3 ... | pad length, next header | ICV
 *                                             |<------------- ciphertext ------------------->|
 * ```
 *
 * ```ts
 * import { writeEspHeader, writeTrailer } from "./framing.ts";
 * const u8 = new Uint8Array(100);
 * writeEspHeader(u8, 20, 0x1001, 1, new Uint8Array(8));
 * writeTrailer(u8, 36 + 45, 1, 4); // Behind 45 bytes of payload: 01, pad length 1, next header 4.
 * ```
 *
 * What transport mode does to the IP header that stays in front is in `transport.ts`.
 *
 * @module
 */
import { set16, set32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_ESP, PROTOCOL_IPIP, PROTOCOL_IPV6 } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { ESP_HEADER_BYTES } from "./arithmetic.ts";
import { DEFAULT_TUNNEL_HEADER, outerDsField, type TunnelHeaderOptions } from "./tunnel_header.ts";

/** Offset of the sequence number from the start of the ESP header. */
export const OFFSET_SEQUENCE = 4;
/** Offset of the IV from the start of the ESP header. */
export const OFFSET_IV: number = ESP_HEADER_BYTES;

const OUTER_HOP_LIMIT = 64;

/** The upper half of a sequence number: 0 unless it is extended (RFC 4304). It is not in the packet. */
export function sequenceHigh(sequence: number): number {
  return Math.floor(sequence / 0x100000000);
}

/**
 * Writes SPI, the lower half of the sequence number, and the IV, which is read and not kept and may be empty: 8 bytes and the
 * IV's length.
 */
export function writeEspHeader(u8: Uint8Array, at: number, spi: number, sequence: number, iv: Uint8Array): void {
  set32(u8, at, spi);
  set32(u8, at + OFFSET_SEQUENCE, sequence);
  for (let i = 0; i < iv.length; i++) u8[at + OFFSET_IV + i] = iv[i]!;
}

/**
 * Writes the trailer behind the payload: `padBytes` bytes 1, 2, 3, ..., the pad length and the next header, `padBytes` + 2
 * bytes in all (RFC 4303, sections 2.4 to 2.6). `padBytes` is at most 255.
 */
export function writeTrailer(u8: Uint8Array, at: number, padBytes: number, nextHeader: number): void {
  for (let i = 0; i < padBytes; i++) u8[at + i] = i + 1;
  u8[at + padBytes] = padBytes;
  u8[at + padBytes + 1] = nextHeader;
}

/** The next header of a tunnelled packet, as its version says: 41 for IPv6, 4 for everything else. */
export function tunnelNextHeader(u8: Uint8Array, innerAt: number): number {
  return ip.isIpv6(u8, innerAt) ? PROTOCOL_IPV6 : PROTOCOL_IPIP;
}

/**
 * Writes the outer header of tunnel mode, 20 bytes of IPv4 or 40 of IPv6, as the length of the addresses says: 4 or 16
 * bytes, read and not kept. The inner header at `innerAt`, IPv4 or IPv6, must not be encrypted yet: from it come DSCP and
 * ECN, as `options` say, and what the functions below say. The hop limit is 64. `totalBytes` is outer header to ICV. `id` is the
 * identification of IPv4; IPv6 has none. `protocol` is what follows: ESP, or UDP with ESP inside.
 */
export function writeOuterHeader(
  u8: Uint8Array,
  at: number,
  innerAt: number,
  totalBytes: number,
  id: number,
  source: Uint8Array,
  destination: Uint8Array,
  options: TunnelHeaderOptions = DEFAULT_TUNNEL_HEADER,
  protocol: number = PROTOCOL_ESP,
): void {
  if (source.length === ipv6.ADDRESS_BYTES) {
    writeOuterIpv6(u8, at, innerAt, totalBytes, source, destination, options, protocol);
  } else {
    writeOuterIpv4(u8, at, innerAt, totalBytes, id, source, destination, options, protocol);
  }
}

/** Whether an outer IPv4 header forbids fragments: as the inner one does, where IPv6 counts as set, or never. */
export function outerDontFragment(u8: Uint8Array, innerAt: number, { pathMtuDiscovery }: TunnelHeaderOptions): boolean {
  return pathMtuDiscovery && ip.dontFragment(u8, innerAt);
}

/** Linux 4.4 xfrm4_mode_tunnel_output, 6.1 xfrm4_tunnel_encap_add. */
function writeOuterIpv4(
  u8: Uint8Array,
  at: number,
  innerAt: number,
  totalBytes: number,
  id: number,
  source: Uint8Array,
  destination: Uint8Array,
  options: TunnelHeaderOptions,
  protocol: number,
): void {
  u8[at] = 0x45;
  u8[at + ipv4.OFFSET_TOS] = outerDsField(ip.dsField(u8, innerAt), options);
  ipv4.setTotalLength(u8, at, totalBytes);
  ipv4.setId(u8, at, id);
  set16(u8, at + ipv4.OFFSET_FRAGMENT, outerDontFragment(u8, innerAt, options) ? ipv4.FLAG_DF : 0);
  u8[at + ipv4.OFFSET_TTL] = OUTER_HOP_LIMIT;
  u8[at + ipv4.OFFSET_PROTOCOL] = protocol;
  for (let i = 0; i < 4; i++) {
    u8[at + ipv4.OFFSET_SOURCE + i] = source[i]!;
    u8[at + ipv4.OFFSET_DESTINATION + i] = destination[i]!;
  }
  ipv4.writeHeaderChecksum(u8, at);
}

/**
 * The flow label is that of IPv6 inside, and 0 around IPv4 (Linux 4.4 xfrm6_mode_tunnel_output, 6.1
 * xfrm6_tunnel_encap_add).
 */
function writeOuterIpv6(
  u8: Uint8Array,
  at: number,
  innerAt: number,
  totalBytes: number,
  source: Uint8Array,
  destination: Uint8Array,
  options: TunnelHeaderOptions,
  protocol: number,
): void {
  const flowLabel = ip.isIpv6(u8, innerAt) ? ipv6.flowLabel(u8, innerAt) : 0;
  ipv6.setVersionClassFlow(u8, at, outerDsField(ip.dsField(u8, innerAt), options), flowLabel);
  ipv6.setPayloadLength(u8, at, totalBytes - ipv6.HEADER_BYTES);
  ipv6.setNextHeader(u8, at, protocol);
  ipv6.setHopLimit(u8, at, OUTER_HOP_LIMIT);
  ipv6.setSource(u8, at, source);
  ipv6.setDestination(u8, at, destination);
}
