/**
 * Lengths of ESP: ciphertext, trailer, headers, and the MTU that is left inside (RFC 4303, section 2.4; Linux 4.4 and 6.1
 * net/ipv4/esp4.c and net/ipv6/esp6.c, `esp_output` and `esp6_output`, `esp4_get_mtu` and `esp6_get_mtu` or
 * `xfrm_state_mtu`).
 *
 * `blockBytes` is what the ciphertext must be a multiple of: 4 for AES-GCM and NULL, 16 for AES-CBC. It is a power of two.
 * TFC padding is not modelled.
 *
 * ```ts
 * import { ciphertextBytes, headerBytes, innerMtu, trailerBytes } from "./arithmetic.ts";
 * ciphertextBytes(1446, 4); // 1448
 * trailerBytes(1446, 4, 16); // 18: 2 bytes of pad length and next header, 16 of ICV
 * innerMtu(1500, "tunnel", 4, headerBytes("tunnel", 4, 8), 4, 16); // 1446
 * ```
 *
 * @module
 */
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** Tunnel mode protects a whole IP packet, transport mode what follows the IP header (RFC 4303, section 3.1). */
export type EspMode = "tunnel" | "transport";

/** Version of an IP header. */
export type IpVersion = 4 | 6;

/** Bytes of SPI and sequence number. */
export const ESP_HEADER_BYTES = 8;
/** Bytes of pad length and next header. */
export const ESP_TRAILER_BYTES = 2;

/** Bytes of ciphertext for `payloadBytes` of payload: payload, padding, pad length and next header (Linux `clen`). */
export function ciphertextBytes(payloadBytes: number, blockBytes: number): number {
  return (payloadBytes + ESP_TRAILER_BYTES + blockBytes - 1) & -blockBytes;
}

/** Bytes of padding, pad length and next header: 2 to `blockBytes` + 1 (Linux `plen`). */
export function padAndTrailerBytes(payloadBytes: number, blockBytes: number): number {
  return ciphertextBytes(payloadBytes, blockBytes) - payloadBytes;
}

/** Bytes that ESP appends to `payloadBytes`: padding, pad length, next header and ICV (Linux `tailen`). */
export function trailerBytes(payloadBytes: number, blockBytes: number, icvBytes: number): number {
  return padAndTrailerBytes(payloadBytes, blockBytes) + icvBytes;
}

/** Bytes of the header that tunnel mode puts outside: neither options nor extension headers. */
export function outerHeaderBytes(version: IpVersion): number {
  return version === 6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
}

/**
 * Bytes that ESP puts in front of the payload: SPI, sequence number and IV, in tunnel mode the outer header of
 * `outerVersion` as well (Linux `header_len`). `encapsulationBytes` is 8 for ESP in UDP (RFC 3948).
 */
export function headerBytes(
  mode: EspMode,
  outerVersion: IpVersion,
  ivBytes: number,
  encapsulationBytes: number = 0,
): number {
  return ESP_HEADER_BYTES + ivBytes + encapsulationBytes + (mode === "tunnel" ? outerHeaderBytes(outerVersion) : 0);
}

/**
 * The largest IP packet that fits into a link MTU of `mtu` bytes after ESP: the MTU offered inside. In transport mode the
 * packet's own IP header, of `version`, counts on both sides. At least 1, as in Linux 6.1.
 */
export function innerMtu(
  mtu: number,
  mode: EspMode,
  version: IpVersion,
  headerBytes: number,
  blockBytes: number,
  icvBytes: number,
): number {
  const ownHeaderBytes = mode === "tunnel" ? 0 : outerHeaderBytes(version);
  const ciphertext = (mtu - headerBytes - icvBytes - ownHeaderBytes) & -blockBytes;
  return Math.max(1, ciphertext + ownHeaderBytes - ESP_TRAILER_BYTES);
}
