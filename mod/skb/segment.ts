/**
 * skb_segment: one large buffer becomes many of the size of the wire.
 *
 * linux-datapath 6.2 (net/core/skbuff.c). This is the case without scatter-gather: each segment gets a linear area of its
 * own, into which its payload is copied and summed in one pass, from wherever it lay: linear area, fragments, frag_list.
 * The size class of that area decides later whether ESP finds room for its trailer.
 *
 * The headers that every segment repeats belong to its `segment` event; they are not counted as a copy, as the kernel
 * recordings do not count them.
 *
 * ```ts
 * segmentByCopy(skbs, aggregate, 52, (segment, payloadSum) => fixHeaders(segment, payloadSum));
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { partialSum } from "../wire/checksum.ts";
import { put, reserve } from "./head_ops.ts";
import { copyBits } from "./paged_ops.ts";
import { CHECKSUM, type Skb } from "./skb.ts";
import { copyHeaderState, type SkbMemory } from "./skb_memory.ts";

/**
 * Cuts `head`, whose first `headerBytes` bytes are the headers to repeat, into segments of `head.head.gsoSize` payload
 * bytes. `finish(segment, index, payloadSum)` is called for each in order, with the ones-complement sum of its payload.
 * `head` stays as it is: the caller frees it. Throws when `head` is no GSO buffer.
 */
export function segmentByCopy(
  skbs: SkbMemory,
  head: Skb,
  headerBytes: number,
  finish: (segment: Skb, index: number, payloadSum: number) => void,
): void {
  const mss = head.head.gsoSize;
  if (mss <= 0) throw new Error(`Cannot segment skb ${head.id}: it has no segment size`);
  for (let offset = headerBytes, index = 0; offset < head.len; offset += mss, index++) {
    const bytes = Math.min(mss, head.len - offset);
    const segment = makeSegment(skbs, head, headerBytes, bytes);
    segment.packet = head.members?.[index] ?? head.packet;
    segment.payloadBytes = bytes;
    skbs.ledger.write(EVENT.segment, REASON.none, segment.packet, segment.id, head.id, bytes, 1, 0);
    finish(segment, index, copyAndSum(skbs, head, offset, segment, bytes));
  }
}

function makeSegment(skbs: SkbMemory, head: Skb, headerBytes: number, bytes: number): Skb {
  const segment = skbs.allocSkb(bytes + headerBytes + head.headroom);
  reserve(segment, head.headroom);
  put(segment, headerBytes);
  copyHeaderState(head, segment);
  segment.members = null;
  segment.ipSummed = CHECKSUM.none;
  skbs.memory.move(head.dataAt, segment.dataAt, headerBytes);
  return segment;
}

/** skb_copy_and_csum_bits: one pass that copies and sums. */
function copyAndSum(skbs: SkbMemory, head: Skb, offset: number, segment: Skb, bytes: number): number {
  const at = segment.head.at + segment.tail;
  put(segment, bytes);
  copyBits(skbs, head, offset, at, bytes);
  skbs.ledger.write(EVENT.copy, REASON.segmentCopy, segment.packet, segment.id, head.id, bytes, 1, 0);
  skbs.ledger.write(EVENT.checksum, REASON.fused, segment.packet, segment.id, head.id, bytes, 1, 0);
  return partialSum(skbs.memory.u8, at, bytes);
}
