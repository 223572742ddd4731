/**
 * Big-endian (network order) integers in a byte array.
 *
 * Every function takes the byte array and the absolute offset of the integer in it, and neither allocates nor keeps
 * anything. There are no bounds checks: the caller knows how many bytes it has. A read past the end of the array yields
 * zeros, a write past the end is lost.
 *
 * ```ts
 * import { get16, set16 } from "./bytes.ts";
 * const u8 = new Uint8Array(4);
 * set16(u8, 1, 0x1234);
 * get16(u8, 1); // 0x1234
 * ```
 *
 * @module
 */

/** The unsigned 16-bit integer at `at`. */
export function get16(u8: Uint8Array, at: number): number {
  return (u8[at]! << 8) | u8[at + 1]!;
}

/** The unsigned 32-bit integer at `at`: 0 to 4294967295, never negative. */
export function get32(u8: Uint8Array, at: number): number {
  return ((u8[at]! << 24) | (u8[at + 1]! << 16) | (u8[at + 2]! << 8) | u8[at + 3]!) >>> 0;
}

/** Writes the low 16 bits of `value` at `at`. */
export function set16(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 8;
  u8[at + 1] = value;
}

/** Writes the low 32 bits of `value` at `at`. */
export function set32(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 24;
  u8[at + 1] = value >>> 16;
  u8[at + 2] = value >>> 8;
  u8[at + 3] = value;
}
