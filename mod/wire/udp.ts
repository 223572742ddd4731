/**
 * The UDP header (RFC 768).
 *
 * `at` is the absolute offset of the first byte of the header in the byte array. Getters read whatever is there; whether
 * 8 bytes are there is for the caller to test first.
 *
 * ```ts
 * import { length, setLength } from "./udp.ts";
 * const u8 = new Uint8Array(64);
 * setLength(u8, 34, 30);
 * length(u8, 34); // 30
 * ```
 *
 * @module
 */
import { get16, set16 } from "./bytes.ts";

/** Bytes of the header. */
export const HEADER_BYTES = 8;

/** Offset of the source port. */
export const OFFSET_SOURCE_PORT = 0;
/** Offset of the destination port. */
export const OFFSET_DESTINATION_PORT = 2;
/** Offset of the length. */
export const OFFSET_LENGTH = 4;
/** Offset of the checksum. */
export const OFFSET_CHECKSUM = 6;

/** Source port. */
export function sourcePort(u8: Uint8Array, at: number): number {
  return get16(u8, at);
}

/** Destination port. */
export function destinationPort(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_DESTINATION_PORT);
}

/** Length of header and payload in bytes, as claimed; below 8 the header is malformed. */
export function length(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_LENGTH);
}

/** The checksum as it stands in the header; 0 means that the sender made none. */
export function checksum(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_CHECKSUM);
}

/** Writes the length; `bytes` is header plus payload, at most 65535. */
export function setLength(u8: Uint8Array, at: number, bytes: number): void {
  set16(u8, at + OFFSET_LENGTH, bytes);
}

/** Writes the checksum. A computed checksum of 0 must be written as 0xffff: 0 says that there is none. */
export function setChecksum(u8: Uint8Array, at: number, checksum: number): void {
  set16(u8, at + OFFSET_CHECKSUM, checksum);
}
