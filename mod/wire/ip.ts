/**
 * The few questions that IPv4 and IPv6 headers answer alike, asked by the version nibble.
 *
 * `at` is the absolute offset of the first byte of the header in the byte array. Whether the header is there is for the
 * caller to test first. A version other than 6 is read as IPv4. Nothing here touches the IPv4 header checksum, except
 * `decreaseHopLimit()`: call `ipv4.writeHeaderChecksum()`.
 *
 * ```ts
 * import { setTotalBytes, totalBytes } from "./ip.ts";
 * const u8 = new Uint8Array(64);
 * u8[14] = 0x60; // IPv6
 * setTotalBytes(u8, 14, 1500); // Payload length 1460
 * totalBytes(u8, 14); // 1500
 * ```
 *
 * @module
 */
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";

/** The version: 4 or 6 in an IP header. */
export function version(u8: Uint8Array, at: number): number {
  return u8[at]! >>> 4;
}

/** Whether the version is 6. */
export function isIpv6(u8: Uint8Array, at: number): boolean {
  return u8[at]! >>> 4 === 6;
}

/** Header length in bytes: of IPv4 as claimed, options included; of IPv6 40, without extension headers. */
export function headerBytes(u8: Uint8Array, at: number): number {
  return isIpv6(u8, at) ? ipv6.HEADER_BYTES : ipv4.ihlBytes(u8, at);
}

/**
 * Length of the packet in bytes, header included, as claimed. A packet above the 16 bits of the field claims 0 bytes of
 * IPv4, or 40 of IPv6.
 */
export function totalBytes(u8: Uint8Array, at: number): number {
  return isIpv6(u8, at) ? ipv6.HEADER_BYTES + ipv6.payloadLength(u8, at) : ipv4.totalLength(u8, at);
}

/** Writes the length; `bytes` counts the header. The IPv4 header checksum is left to the caller. */
export function setTotalBytes(u8: Uint8Array, at: number, bytes: number): void {
  if (isIpv6(u8, at)) ipv6.setPayloadLength(u8, at, bytes - ipv6.HEADER_BYTES);
  else ipv4.setTotalLength(u8, at, bytes);
}

/** Protocol of what follows `headerBytes()` (`ip_protocol.ts`); in IPv6 it may be an extension header. */
export function protocol(u8: Uint8Array, at: number): number {
  return isIpv6(u8, at) ? ipv6.nextHeader(u8, at) : ipv4.protocol(u8, at);
}

/** Time to live, or hop limit. */
export function hopLimit(u8: Uint8Array, at: number): number {
  return isIpv6(u8, at) ? ipv6.hopLimit(u8, at) : ipv4.ttl(u8, at);
}

/** Decreases time to live or hop limit, which must be at least 1, by one. The IPv4 header checksum stays right. */
export function decreaseHopLimit(u8: Uint8Array, at: number): void {
  if (isIpv6(u8, at)) ipv6.setHopLimit(u8, at, ipv6.hopLimit(u8, at) - 1);
  else ipv4.decreaseTtl(u8, at);
}

/** Type of service, or traffic class: DSCP in the upper 6 bits, ECN in the lower 2. */
export function dsField(u8: Uint8Array, at: number): number {
  return isIpv6(u8, at) ? ipv6.trafficClass(u8, at) : ipv4.tos(u8, at);
}

/** Writes type of service or traffic class. The IPv4 header checksum is left to the caller. */
export function setDsField(u8: Uint8Array, at: number, field: number): void {
  if (isIpv6(u8, at)) ipv6.setTrafficClass(u8, at, field);
  else u8[at + ipv4.OFFSET_TOS] = field;
}

/** Whether routers must not fragment it: always true in IPv6 (RFC 8200, section 5). */
export function dontFragment(u8: Uint8Array, at: number): boolean {
  return isIpv6(u8, at) || ipv4.dontFragment(u8, at);
}
