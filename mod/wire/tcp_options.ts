/**
 * Options of a TCP header (RFC 9293, section 3.2).
 *
 * ```ts
 * const u8 = Uint8Array.of(...header, 2, 4, 0x05, 0xb4); // SYN with a data offset of 24 bytes
 * maximumSegmentSize(u8, 0, 24); // 1460
 * ```
 *
 * @module
 */
import { get16 } from "./bytes.ts";
import { OFFSET_OPTIONS } from "./tcp.ts";

const OPTION_END = 0;
const OPTION_NO_OPERATION = 1;
const OPTION_MAXIMUM_SEGMENT_SIZE = 2;
const MAXIMUM_SEGMENT_SIZE_BYTES = 4;

/**
 * The maximum segment size that the header of `headerBytes` bytes at `at` announces, in bytes; undefined when it does not, or
 * its options are damaged in front of it. Only the header is read.
 */
export function maximumSegmentSize(u8: Uint8Array, at: number, headerBytes: number): number | undefined {
  const end = at + headerBytes;
  for (let here = at + OFFSET_OPTIONS; here < end;) {
    const kind = u8[here]!;
    if (kind === OPTION_END) return undefined;
    if (kind === OPTION_NO_OPERATION) {
      here += 1;
      continue;
    }
    const bytes = here + 1 < end ? u8[here + 1]! : 0;
    if (bytes < 2 || here + bytes > end) return undefined;
    if (kind === OPTION_MAXIMUM_SEGMENT_SIZE && bytes === MAXIMUM_SEGMENT_SIZE_BYTES) return get16(u8, here + 2);
    here += bytes;
  }
  return undefined;
}
