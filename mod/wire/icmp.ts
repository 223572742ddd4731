/**
 * ICMP errors of both versions (RFC 792, RFC 1191, RFC 4443): eight bytes, then as much of the packet in question as fits.
 *
 * `at` is the absolute offset of the message in the byte array. Nothing is allocated, nothing is kept.
 *
 * ```ts
 * import { ERROR_V4, writeError } from "./icmp.ts";
 * const u8 = new Uint8Array(100);
 * writeError(u8, 0, ERROR_V4.fragmentationNeeded, 1446); // 03 04 00 00 00 00 05 a6: the checksum is still to come
 * ```
 *
 * @module
 */

import { set16, set32 } from "./bytes.ts";

/** Bytes in front of what a message quotes. */
export const HEADER_BYTES = 8;
/** Offset of the checksum. */
export const OFFSET_CHECKSUM = 2;
const OFFSET_REST = 4;

/** Type and code of a message, one byte each. */
export interface IcmpKind {
  /** Type of the message. */
  readonly type: number;
  /** Its code. */
  readonly code: number;
}

/** Errors of ICMP. */
export const ERROR_V4 = {
  fragmentationNeeded: { type: 3, code: 4 },
  timeExceeded: { type: 11, code: 0 },
} as const satisfies Record<string, IcmpKind>;

/** Errors of ICMPv6. */
export const ERROR_V6 = {
  packetTooBig: { type: 2, code: 0 },
  timeExceeded: { type: 3, code: 0 },
} as const satisfies Record<string, IcmpKind>;

/** Types of ICMP that are no errors: echo, timestamp, information and address mask. */
const QUERIES_V4 = [0, 8, 13, 14, 15, 16, 17, 18];
/** The bit of informational messages of ICMPv6. */
const INFORMATIONAL_V6 = 0x80;

/** Whether ICMP type `type` is an error, or unknown: nobody answers those (RFC 1122, section 3.2.2). */
export function isErrorV4(type: number): boolean {
  return !QUERIES_V4.includes(type);
}

/** Whether ICMPv6 type `type` is an error (RFC 4443, section 2.1). */
export function isErrorV6(type: number): boolean {
  return (type & INFORMATIONAL_V6) === 0;
}

/** Writes the eight bytes in front of the quote; `mtu` is that of the next hop, 0 where there is none. The checksum is 0. */
export function writeError(u8: Uint8Array, at: number, { type, code }: IcmpKind, mtu: number): void {
  u8[at] = type;
  u8[at + 1] = code;
  set16(u8, at + OFFSET_CHECKSUM, 0);
  set32(u8, at + OFFSET_REST, mtu);
}
