/**
 * Comparing authentication tags.
 *
 * ```ts
 * import { isSameTag } from "./tag.ts";
 * isSameTag(Uint8Array.of(9, 1, 2), 1, Uint8Array.of(1, 2, 3), 2); // true
 * ```
 *
 * @module
 */

/** Whether the `tagBytes` bytes at absolute offset `at` are the first of `code`; every byte is looked at. */
export function isSameTag(u8: Uint8Array, at: number, code: Uint8Array, tagBytes: number): boolean {
  let difference = 0;
  for (let i = 0; i < tagBytes; i++) difference |= u8[at + i]! ^ code[i]!;
  return difference === 0;
}
