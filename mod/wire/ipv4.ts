/**
 * The IPv4 header (RFC 791, section 3.1).
 *
 * `at` is the absolute offset of the first byte of the header in the byte array. Getters read whatever is there: whether
 * 20 bytes are there, whether the version is 4 and whether the lengths make sense is for the caller to test first
 * (`version()`, `ihlBytes()`, `totalLength()`). Setters do not touch the header checksum: call `writeHeaderChecksum()`.
 *
 * ```ts
 * import { headerChecksumOk, ihlBytes, parseAddress, setSource, writeHeaderChecksum } from "./ipv4.ts";
 * const u8 = new Uint8Array(64);
 * u8[0] = 0x45;
 * setSource(u8, 0, parseAddress("192.0.2.1")!);
 * writeHeaderChecksum(u8, 0);
 * headerChecksumOk(u8, 0); // true
 * ihlBytes(u8, 0); // 20
 * ```
 *
 * @module
 */
import { get16, get32, set16, set32 } from "./bytes.ts";
import { finish, partialSum } from "./checksum.ts";

/** Bytes of the header without options. */
export const HEADER_BYTES = 20;

/** Offset of version and header length. */
export const OFFSET_VERSION_IHL = 0;
/** Offset of the type of service: DSCP and ECN. */
export const OFFSET_TOS = 1;
/** Offset of the total length. */
export const OFFSET_TOTAL_LENGTH = 2;
/** Offset of the identification. */
export const OFFSET_ID = 4;
/** Offset of flags and fragment offset. */
export const OFFSET_FRAGMENT = 6;
/** Offset of the time to live. */
export const OFFSET_TTL = 8;
/** Offset of the protocol. */
export const OFFSET_PROTOCOL = 9;
/** Offset of the header checksum. */
export const OFFSET_CHECKSUM = 10;
/** Offset of the source address. */
export const OFFSET_SOURCE = 12;
/** Offset of the destination address. */
export const OFFSET_DESTINATION = 16;

/** "Do not fragment" in the fragment word. */
export const FLAG_DF = 0x4000;
/** "More fragments" in the fragment word. */
export const FLAG_MF = 0x2000;
/** The bits of the fragment word that count 8-byte units. */
export const FRAGMENT_OFFSET_MASK = 0x1fff;

/** The version: 4 in an IPv4 header. */
export function version(u8: Uint8Array, at: number): number {
  return u8[at]! >>> 4;
}

/** Header length in bytes, options included, as claimed: 0 to 60; below 20 the header is malformed. */
export function ihlBytes(u8: Uint8Array, at: number): number {
  return (u8[at]! & 0x0f) << 2;
}

/** Type of service: DSCP in the upper 6 bits (RFC 2474), ECN in the lower 2 (RFC 3168). */
export function tos(u8: Uint8Array, at: number): number {
  return u8[at + OFFSET_TOS]!;
}

/** Total length in bytes, header included, as claimed; 0 in a capture of a packet above 65535 bytes (BIG TCP, TSO). */
export function totalLength(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_TOTAL_LENGTH);
}

/** Identification. */
export function id(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_ID);
}

/** The 16-bit word of flags and fragment offset; `FLAG_DF` alone in most packets. */
export function fragmentWord(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_FRAGMENT);
}

/** Whether "do not fragment" is set. */
export function dontFragment(u8: Uint8Array, at: number): boolean {
  return (fragmentWord(u8, at) & FLAG_DF) !== 0;
}

/** Whether "more fragments" is set. */
export function moreFragments(u8: Uint8Array, at: number): boolean {
  return (fragmentWord(u8, at) & FLAG_MF) !== 0;
}

/** Offset in bytes of this fragment's data in the whole packet's data: 0, 8, ... 65528. */
export function fragmentOffsetBytes(u8: Uint8Array, at: number): number {
  return (fragmentWord(u8, at) & FRAGMENT_OFFSET_MASK) << 3;
}

/** Whether the packet is a fragment, first or not (Linux ip_is_fragment). */
export function isFragment(u8: Uint8Array, at: number): boolean {
  return (fragmentWord(u8, at) & (FLAG_MF | FRAGMENT_OFFSET_MASK)) !== 0;
}

/** Time to live. */
export function ttl(u8: Uint8Array, at: number): number {
  return u8[at + OFFSET_TTL]!;
}

/** Protocol of what follows the header (`ip_protocol.ts`). */
export function protocol(u8: Uint8Array, at: number): number {
  return u8[at + OFFSET_PROTOCOL]!;
}

/** The header checksum as it stands in the header. */
export function headerChecksum(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_CHECKSUM);
}

/** Source address as an unsigned 32-bit number: 192.0.2.1 is 0xc0000201. */
export function source(u8: Uint8Array, at: number): number {
  return get32(u8, at + OFFSET_SOURCE);
}

/** Destination address as an unsigned 32-bit number. */
export function destination(u8: Uint8Array, at: number): number {
  return get32(u8, at + OFFSET_DESTINATION);
}

/** Writes the total length; `bytes` is header plus payload, at most 65535. */
export function setTotalLength(u8: Uint8Array, at: number, bytes: number): void {
  set16(u8, at + OFFSET_TOTAL_LENGTH, bytes);
}

/** Writes the identification; `id` is taken modulo 65536. */
export function setId(u8: Uint8Array, at: number, id: number): void {
  set16(u8, at + OFFSET_ID, id);
}

/** Writes the source address. */
export function setSource(u8: Uint8Array, at: number, address: number): void {
  set32(u8, at + OFFSET_SOURCE, address);
}

/** Writes the destination address. */
export function setDestination(u8: Uint8Array, at: number, address: number): void {
  set32(u8, at + OFFSET_DESTINATION, address);
}

/** Whether the checksum over the header, as long as it claims to be, is right. False below 20 claimed bytes. */
export function headerChecksumOk(u8: Uint8Array, at: number): boolean {
  const length = ihlBytes(u8, at);
  return length >= HEADER_BYTES && partialSum(u8, at, length) === 0xffff;
}

/** Computes and writes the checksum over the header, as long as it claims to be. */
export function writeHeaderChecksum(u8: Uint8Array, at: number): void {
  set16(u8, at + OFFSET_CHECKSUM, 0);
  set16(u8, at + OFFSET_CHECKSUM, finish(partialSum(u8, at, ihlBytes(u8, at))));
}

/**
 * Decreases the time to live by one and corrects the checksum without summing the header again (RFC 1141; Linux
 * ip_decrease_ttl, all versions). A right checksum stays right and a wrong one stays wrong. The time to live must be at
 * least 1: a router drops a packet of 1 or 0 before it comes here.
 */
export function decreaseTtl(u8: Uint8Array, at: number): void {
  const sum = headerChecksum(u8, at) + 0x0100;
  // Taking 0x0100 from the header adds it to the complement; the carry goes round, and 0xffff is written as 0.
  set16(u8, at + OFFSET_CHECKSUM, sum >= 0xffff ? sum + 1 : sum);
  u8[at + OFFSET_TTL] = ttl(u8, at) - 1;
}

/** The dotted form of an address: 0xc0000201 is "192.0.2.1". */
export function formatAddress(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** The address of four decimal numbers from 0 to 255 without leading zeros, or undefined where the text is no such thing. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".", 5);
  if (parts.length !== 4) return undefined;
  let address = 0;
  for (const part of parts) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}
