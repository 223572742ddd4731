/**
 * The Internet checksum: the ones-complement sum of 16-bit words (RFC 1071).
 *
 * A sum here is a number from 0 to 0xffff, not complemented, that pieces can be added to in any order. Only what is
 * written into a header is complemented (`finish()`). 0 and 0xffff are the same ones-complement value; a sum over bytes
 * of which one is not zero never comes out as 0.
 *
 * ```ts
 * import { combine, finish, partialSum } from "./checksum.ts";
 * const u8 = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
 * finish(partialSum(u8, 0, 8)); // 0x220d
 * combine(partialSum(u8, 0, 3), partialSum(u8, 3, 5), 3) === partialSum(u8, 0, 8); // true
 * ```
 *
 * @module
 */

/** Below this many bytes a byte loop is faster than finding the buffer behind the array (checksum_bench.ts). */
const DATA_VIEW_FROM_BYTES = 64;

/** Offsets of source and destination, which are neighbours, in the two IP headers; those modules import this one. */
const IPV4_OFFSET_ADDRESSES = 12;
const IPV6_OFFSET_ADDRESSES = 8;

/** The view of the buffer that was summed last: a program has one arena, and a new DataView costs 65 ns. */
let viewed: ArrayBufferLike = new ArrayBuffer(0);
let view: DataView = new DataView(viewed);

/** Folds a sum of 16-bit words (a non-negative integer below 2^53) to 16 bits, not complemented. */
export function fold(sum: number): number {
  // 2^32 is 1 modulo 0xffff, so the upper part is added as it is. Bit operators work on 32 bits only.
  while (sum > 0xffffffff) sum = (sum % 0x100000000) + Math.floor(sum / 0x100000000);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** The checksum to be written into a header: the complement of the folded sum, 0 to 0xffff. */
export function finish(sum: number): number {
  return fold(sum) ^ 0xffff;
}

/**
 * The folded sum of `length` bytes from `at`, plus `initial`, as if the first byte were at an even offset of the message.
 * An odd last byte counts as if a zero byte followed (RFC 1071, section 4.1). Bytes behind `at + length` are not read.
 */
export function partialSum(u8: Uint8Array, at: number, length: number, initial: number = 0): number {
  return length < DATA_VIEW_FROM_BYTES ? sumBytes(u8, at, length, initial) : sumWords(u8, at, length, initial);
}

function sumBytes(u8: Uint8Array, at: number, length: number, initial: number): number {
  const end = at + length;
  let sum = initial;
  let i = at;
  for (; i + 4 <= end; i += 4) sum += ((u8[i]! + u8[i + 2]!) << 8) + u8[i + 1]! + u8[i + 3]!;
  for (; i + 2 <= end; i += 2) sum += (u8[i]! << 8) | u8[i + 1]!;
  if (i < end) sum += u8[i]! << 8;
  return fold(sum);
}

function sumWords(u8: Uint8Array, at: number, length: number, initial: number): number {
  if (u8.buffer !== viewed) {
    viewed = u8.buffer;
    view = new DataView(viewed);
  }
  const words = view;
  let i = u8.byteOffset + at;
  const end = i + length;
  // Two sums of 16-bit halves stay small integers up to 128 KiB; one sum of 32-bit words becomes a double at once.
  let high = 0;
  let low = 0;
  for (; i + 16 <= end; i += 16) {
    const a = words.getUint32(i);
    const b = words.getUint32(i + 4);
    const c = words.getUint32(i + 8);
    const d = words.getUint32(i + 12);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
  }
  for (; i + 2 <= end; i += 2) low += words.getUint16(i);
  if (i < end) low += words.getUint8(i) << 8;
  return fold(initial + high + low);
}

/**
 * Adds the sum of a piece to the sum of a message. `pieceOffset` is the offset of the piece from the start of the message
 * in bytes: at an odd offset the bytes of the piece's sum change places (RFC 1071, section 2(B); Linux csum_block_add).
 */
export function combine(sum: number, pieceSum: number, pieceOffset: number): number {
  const piece = fold(pieceSum);
  return fold(sum + ((pieceOffset & 1) === 0 ? piece : ((piece & 0xff) << 8) | (piece >>> 8)));
}

/**
 * The folded sum of the IPv4 pseudo-header (RFC 9293, section 3.1; RFC 768). Addresses are unsigned 32-bit numbers,
 * `length` is transport header plus payload in bytes.
 */
export function pseudoHeaderSumIpv4(source: number, destination: number, protocol: number, length: number): number {
  return fold(
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol +
      (length >>> 16) + (length & 0xffff),
  );
}

/**
 * The folded sum of the IPv6 pseudo-header (RFC 8200, section 8.1) of the packet whose IPv6 header is at absolute offset
 * `ipAt`, with the addresses that stand there: not right where a routing header has segments left. `protocol` is the
 * upper-layer protocol, behind any extension headers; `length` is transport header plus payload in bytes.
 */
export function pseudoHeaderSumIpv6(u8: Uint8Array, ipAt: number, protocol: number, length: number): number {
  return partialSum(u8, ipAt + IPV6_OFFSET_ADDRESSES, 32, protocol + (length >>> 16) + (length & 0xffff));
}

/** The folded sum of the pseudo-header of either version, by the IP header at `ipAt`; as `pseudoHeaderSumIpv6()`. */
export function pseudoHeaderSum(u8: Uint8Array, ipAt: number, protocol: number, length: number): number {
  if (u8[ipAt]! >>> 4 === 6) return pseudoHeaderSumIpv6(u8, ipAt, protocol, length);
  return partialSum(u8, ipAt + IPV4_OFFSET_ADDRESSES, 8, protocol + (length >>> 16) + (length & 0xffff));
}
