/**
 * The TCP header (RFC 9293, section 3.1).
 *
 * `at` is the absolute offset of the first byte of the header in the byte array. Getters read whatever is there; whether
 * 20 bytes and then `dataOffsetBytes()` are there is for the caller to test first.
 *
 * ```ts
 * import { FLAG_ACK, flags, sequence, setSequence } from "./tcp.ts";
 * const u8 = new Uint8Array(64);
 * u8[34 + 13] = FLAG_ACK;
 * setSequence(u8, 34, 0xfffffffe);
 * sequence(u8, 34); // 4294967294
 * flags(u8, 34) === FLAG_ACK; // true
 * ```
 *
 * @module
 */
import { get16, get32, set16, set32 } from "./bytes.ts";

/** Bytes of the header without options. */
export const HEADER_BYTES = 20;

/** Offset of the source port. */
export const OFFSET_SOURCE_PORT = 0;
/** Offset of the destination port. */
export const OFFSET_DESTINATION_PORT = 2;
/** Offset of the sequence number. */
export const OFFSET_SEQUENCE = 4;
/** Offset of the acknowledgment number. */
export const OFFSET_ACKNOWLEDGMENT = 8;
/** Offset of the data offset (upper 4 bits). */
export const OFFSET_DATA_OFFSET = 12;
/** Offset of the flags byte. */
export const OFFSET_FLAGS = 13;
/** Offset of the window. */
export const OFFSET_WINDOW = 14;
/** Offset of the checksum. */
export const OFFSET_CHECKSUM = 16;
/** Offset of the urgent pointer. */
export const OFFSET_URGENT = 18;
/** Offset of the options. */
export const OFFSET_OPTIONS = 20;

/** No more data from the sender. */
export const FLAG_FIN = 0x01;
/** Synchronize sequence numbers. */
export const FLAG_SYN = 0x02;
/** Reset the connection. */
export const FLAG_RST = 0x04;
/** Push. */
export const FLAG_PSH = 0x08;
/** The acknowledgment number counts. */
export const FLAG_ACK = 0x10;
/** The urgent pointer counts. */
export const FLAG_URG = 0x20;
/** ECN echo (RFC 3168). */
export const FLAG_ECE = 0x40;
/** Congestion window reduced (RFC 3168). */
export const FLAG_CWR = 0x80;

/** Source port. */
export function sourcePort(u8: Uint8Array, at: number): number {
  return get16(u8, at);
}

/** Destination port. */
export function destinationPort(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_DESTINATION_PORT);
}

/** Sequence number, unsigned. */
export function sequence(u8: Uint8Array, at: number): number {
  return get32(u8, at + OFFSET_SEQUENCE);
}

/** Acknowledgment number, unsigned. */
export function acknowledgment(u8: Uint8Array, at: number): number {
  return get32(u8, at + OFFSET_ACKNOWLEDGMENT);
}

/** Header length in bytes, options included, as claimed: 0 to 60; below 20 the header is malformed. */
export function dataOffsetBytes(u8: Uint8Array, at: number): number {
  return (u8[at + OFFSET_DATA_OFFSET]! & 0xf0) >>> 2;
}

/** The flags byte: the `FLAG_` constants. */
export function flags(u8: Uint8Array, at: number): number {
  return u8[at + OFFSET_FLAGS]!;
}

/** Window, not scaled. */
export function window(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_WINDOW);
}

/** The checksum as it stands in the header. */
export function checksum(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_CHECKSUM);
}

/** Writes the sequence number, taken modulo 2^32. */
export function setSequence(u8: Uint8Array, at: number, sequence: number): void {
  set32(u8, at + OFFSET_SEQUENCE, sequence);
}

/** Writes the acknowledgment number, taken modulo 2^32. */
export function setAcknowledgment(u8: Uint8Array, at: number, acknowledgment: number): void {
  set32(u8, at + OFFSET_ACKNOWLEDGMENT, acknowledgment);
}

/** Writes the flags byte. */
export function setFlags(u8: Uint8Array, at: number, flags: number): void {
  u8[at + OFFSET_FLAGS] = flags;
}

/** Writes the checksum. */
export function setChecksum(u8: Uint8Array, at: number, checksum: number): void {
  set16(u8, at + OFFSET_CHECKSUM, checksum);
}
