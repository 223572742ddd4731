/**
 * Bytes compared, as two texts: where they differ first.
 *
 * ```ts
 * import { differenceOf } from "./bytes.ts";
 * differenceOf(Uint8Array.of(1, 2), Uint8Array.of(1, 3)); // ["2 bytes, 02 at 1", "2 bytes, 03 at 1"]
 * ```
 *
 * @module
 */

const SHOWN_BYTES = 8;

/** What is said of both: "same" where they are; else their lengths, and the bytes from the first that differs. */
export function differenceOf(ours: Uint8Array, recorded: Uint8Array): [ours: string, recorded: string] {
  const at = firstDifference(ours, recorded);
  if (at === -1) return ["same", "same"];
  const part = (bytes: Uint8Array): string => {
    return `${bytes.length} bytes, ${bytes.subarray(at, at + SHOWN_BYTES).toHex()} at ${at}`;
  };
  return [part(ours), part(recorded)];
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  const end = Math.max(a.length, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return i;
  return -1;
}
