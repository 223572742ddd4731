/**
 * Lengths of ESP: ciphertext, trailer, headers, and the MTU that is left inside (RFC 4303, section 2.4; Linux 4.4 and 6.1
 * net/ipv4/esp4.c, `esp_output` and `esp4_get_mtu` / `xfrm_state_mtu`).
 *
 * `blockBytes` is what the ciphertext must be a multiple of: 4 for AES-GCM, 16 for AES-CBC. It is a power of two. TFC
 * padding is not modelled.
 *
 * ```ts
 * import { ciphertextBytes, headerBytes, innerMtu, trailerBytes } from "./arithmetic.ts";
 * ciphertextBytes(1446, 4); // 1448
 * trailerBytes(1446, 4, 16); // 18: 2 bytes of pad length and next header, 16 of ICV
 * innerMtu(1500, "tunnel", headerBytes("tunnel", 8), 4, 16); // 1446
 * ```
 *
 * @module
 */

/** Tunnel mode protects a whole IP packet, transport mode what follows the IP header (RFC 4303, section 3.1). */
export type EspMode = "tunnel" | "transport";

/** Bytes of SPI and sequence number. */
export const ESP_HEADER_BYTES = 8;
/** Bytes of pad length and next header. */
export const ESP_TRAILER_BYTES = 2;
/** Bytes of an IPv4 header without options. */
const IPV4_HEADER_BYTES = 20;

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

/**
 * Bytes that ESP over IPv4 puts in front of the payload: SPI, sequence number and IV, in tunnel mode the outer header as
 * well (Linux `header_len`). `encapsulationBytes` is 8 for ESP in UDP (RFC 3948).
 */
export function headerBytes(mode: EspMode, ivBytes: number, encapsulationBytes: number = 0): number {
  return ESP_HEADER_BYTES + ivBytes + encapsulationBytes + (mode === "tunnel" ? IPV4_HEADER_BYTES : 0);
}

/**
 * The largest IPv4 packet that fits into a link MTU of `mtu` bytes after ESP: the MTU offered inside. In transport mode
 * the packet's own IP header counts on both sides. At least 1, as in Linux 6.1.
 */
export function innerMtu(
  mtu: number,
  mode: EspMode,
  headerBytes: number,
  blockBytes: number,
  icvBytes: number,
): number {
  const ownHeaderBytes = mode === "tunnel" ? 0 : IPV4_HEADER_BYTES;
  const ciphertext = (mtu - headerBytes - icvBytes - ownHeaderBytes) & -blockBytes;
  return Math.max(1, ciphertext + ownHeaderBytes - ESP_TRAILER_BYTES);
}
