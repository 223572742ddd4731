/**
 * The timestamps option of TCP (RFC 7323, section 3): whether it is all in which the options of two packets differ.
 *
 * ```ts
 * // Of two segments of a flow, whose TCP headers begin at 34 and at 20:
 * onlyTimestampsDiffer(u8, 34, otherU8, 20); // true: the clock of the sender has ticked, and nothing else changed.
 * ```
 *
 * @module
 */

import { dataOffsetBytes, OFFSET_OPTIONS } from "./tcp.ts";

const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;
const OPTION_TIMESTAMPS = 8;
/** Kind, length and two values of 4 bytes. */
const TIMESTAMPS_BYTES = 10;
/** Kind and length. */
const OPTION_HEADER_BYTES = 2;

/**
 * Whether the options of two TCP headers are the same but for the values of the timestamps option, which both have. `at` and
 * `otherAt` are the absolute offsets of the headers, all there in `u8` and `otherU8`; these are only read.
 */
export function onlyTimestampsDiffer(u8: Uint8Array, at: number, otherU8: Uint8Array, otherAt: number): boolean {
  const headerBytes = dataOffsetBytes(u8, at);
  if (headerBytes !== dataOffsetBytes(otherU8, otherAt)) return false;
  const timestamps = findTimestamps(u8, at, headerBytes);
  if (timestamps < 0) return false;
  for (let offset = OFFSET_OPTIONS; offset < headerBytes; offset++) {
    const isValue = offset >= timestamps + OPTION_HEADER_BYTES && offset < timestamps + TIMESTAMPS_BYTES;
    if (!isValue && u8[at + offset] !== otherU8[otherAt + offset]) return false;
  }
  return true;
}

/**
 * Offset in the TCP header at `at`, of `headerBytes` bytes with its options, of its timestamps option; -1 without one, or
 * behind a damaged one.
 */
export function findTimestamps(u8: Uint8Array, at: number, headerBytes: number): number {
  let offset = OFFSET_OPTIONS;
  while (offset + OPTION_HEADER_BYTES <= headerBytes) {
    const kind = u8[at + offset]!;
    const bytes = kind === OPTION_NO_OPERATION ? 1 : u8[at + offset + 1]!;
    if (kind === OPTION_END || bytes === 0 || offset + bytes > headerBytes) return -1;
    if (kind === OPTION_TIMESTAMPS && bytes === TIMESTAMPS_BYTES) return offset;
    offset += bytes;
  }
  return -1;
}
