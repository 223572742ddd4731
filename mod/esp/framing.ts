/**
 * Writing the parts of an ESP packet in place (RFC 4303, section 2), and reading its trailer.
 *
 * `at` is the absolute offset of the part in the byte array. Nothing is allocated, nothing is kept.
 *
 * ```text
 * outer IPv4 (tunnel mode) | SPI, sequence | IV | payload | 1 2 3 ... | pad length, next header | ICV
 *                                               |<------------- ciphertext ------------------->|
 * ```
 *
 * ```ts
 * import { writeEspHeader, writeTrailer } from "./framing.ts";
 * const u8 = new Uint8Array(100);
 * writeEspHeader(u8, 20, 0x1001, 1, new Uint8Array(8));
 * writeTrailer(u8, 36 + 45, 1, 4); // Behind 45 bytes of payload: 01, pad length 1, next header 4.
 * ```
 *
 * @module
 */
import { set16, set32 } from "../wire/bytes.ts";
import { PROTOCOL_ESP, PROTOCOL_IPIP, PROTOCOL_IPV6 } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { ESP_HEADER_BYTES } from "./arithmetic.ts";

/** Offset of the sequence number from the start of the ESP header. */
export const OFFSET_SEQUENCE = 4;
/** Offset of the IV from the start of the ESP header. */
export const OFFSET_IV: number = ESP_HEADER_BYTES;

const ECN_MASK = 0x03;
const ECN_CE = 0x03;
const ECN_ECT_0 = 0x02;
const OUTER_TTL = 64;

/** Writes SPI, sequence number and the IV, which is read and not kept: 8 bytes and the IV's length. */
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
  return ipv4.version(u8, innerAt) === 6 ? PROTOCOL_IPV6 : PROTOCOL_IPIP;
}

/**
 * Writes the 20 bytes of the outer IPv4 header of tunnel mode (Linux 4.4 xfrm4_mode_tunnel_output, 6.1
 * xfrm4_tunnel_encap_add). From the inner header at `innerAt`, IPv4 or IPv6 and not yet encrypted, come DSCP, ECN and
 * "do not fragment"; of IPv6 the latter counts as set. ECN "congestion experienced" inside becomes ECT(0) outside, so that
 * the outer packet can tell its own congestion (RFC 3168, section 9.1.1). The time to live is 64. `totalBytes` is outer
 * header to ICV; `id` is the identification.
 */
export function writeOuterIpv4(
  u8: Uint8Array,
  at: number,
  innerAt: number,
  totalBytes: number,
  id: number,
  source: number,
  destination: number,
): void {
  const insideIsIpv6 = ipv4.version(u8, innerAt) === 6;
  const innerTos = insideIsIpv6 ? ipv6TrafficClass(u8, innerAt) : ipv4.tos(u8, innerAt);
  const flags = insideIsIpv6 ? ipv4.FLAG_DF : ipv4.fragmentWord(u8, innerAt) & ipv4.FLAG_DF;
  u8[at] = 0x45;
  u8[at + ipv4.OFFSET_TOS] = (innerTos & ECN_MASK) === ECN_CE ? (innerTos & ~ECN_MASK) | ECN_ECT_0 : innerTos;
  ipv4.setTotalLength(u8, at, totalBytes);
  ipv4.setId(u8, at, id);
  set16(u8, at + ipv4.OFFSET_FRAGMENT, flags);
  u8[at + ipv4.OFFSET_TTL] = OUTER_TTL;
  u8[at + ipv4.OFFSET_PROTOCOL] = PROTOCOL_ESP;
  ipv4.setSource(u8, at, source);
  ipv4.setDestination(u8, at, destination);
  ipv4.writeHeaderChecksum(u8, at);
}

/** The 8 bits between version and flow label (RFC 8200, section 3). */
function ipv6TrafficClass(u8: Uint8Array, at: number): number {
  return ((u8[at]! & 0x0f) << 4) | (u8[at + 1]! >>> 4);
}
