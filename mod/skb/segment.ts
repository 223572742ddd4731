/**
 * skb_segment: one large buffer becomes many of the size of the wire.
 *
 * linux-datapath 6.2 (net/core/skbuff.c). This is the case without scatter-gather: each segment gets a linear area of its
 * own, into which its payload is copied and summed in one pass, from wherever it lay: linear area, fragments, frag_list.
 * The size class of that area decides later whether ESP finds room for its trailer.
 *
 * 6.1 has an exception: while the head has no fragments left to give, a member of the frag_list whose linear bytes are just
 * one segment is cloned instead, and only summed. So an aggregate of kmalloc buffers is cut without copying.
 *
 * The headers that every segment repeats belong to its `segment` event; they are not counted as a copy, as the kernel
 * recordings do not count them.
 *
 * ```ts
 * segmentByCopy(skbs, aggregate, 52, (segment, index, payloadSum) => fixHeaders(segment, index, payloadSum));
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { partialSum } from "../wire/checksum.ts";
import { clone } from "./clone_ops.ts";
import { cowHead, push, put, reserve } from "./head_ops.ts";
import { copyBits, trim } from "./paged_ops.ts";
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
  const members = new CloneableMembers(skbs, head);
  for (let offset = headerBytes, index = 0; offset < head.len; offset += mss, index++) {
    const bytes = Math.min(mss, head.len - offset);
    const member = members.take(offset, bytes);
    const segment = member === null
      ? makeSegment(skbs, head, headerBytes, bytes)
      : cloneSegment(skbs, head, headerBytes, member, bytes);
    segment.packet = head.members?.[index] ?? head.packet;
    segment.payloadBytes = bytes;
    skbs.ledger.note(EVENT.segment, REASON.none, segment, bytes, 1, head.id);
    if (member === null) finish(segment, index, copyAndSum(skbs, head, offset, segment, bytes));
    else finish(segment, index, sumOnly(skbs, segment, headerBytes, bytes));
  }
}

/** Which member of the frag_list, if any, may stand for the next segment (6.1). */
class CloneableMembers {
  #next: Skb | null;
  /** Fragments in front of the next member that no segment has used up; without scatter-gather none ever is. */
  #fragsBefore: number;

  constructor(readonly skbs: SkbMemory, readonly head: Skb) {
    this.#next = skbs.era === "6.1" ? head.head.fragList : null;
    this.#fragsBefore = head.nrFrags;
  }

  take(offset: number, bytes: number): Skb | null {
    const member = this.#next;
    if (member === null || offset < this.head.headlen || this.#fragsBefore > 0) return null;
    if (member.headlen !== bytes) return null;
    this.#fragsBefore = member.nrFrags;
    this.#next = member.next;
    return member;
  }
}

function makeSegment(skbs: SkbMemory, head: Skb, headerBytes: number, bytes: number): Skb {
  const segment = skbs.allocSkb(bytes + headerBytes + head.headroom);
  reserve(segment, head.headroom);
  put(segment, headerBytes);
  describe(skbs, head, segment, headerBytes);
  return segment;
}

/** A clone of a list member, cut to the segment, with the headers in front of it. */
function cloneSegment(skbs: SkbMemory, head: Skb, headerBytes: number, member: Skb, bytes: number): Skb {
  const segment = clone(skbs, member);
  trim(skbs, segment, bytes);
  cowHead(skbs, segment, headerBytes + head.headroom);
  push(segment, headerBytes);
  describe(skbs, head, segment, headerBytes);
  return segment;
}

/** Repeats the headers of `head` in front of the segment's payload. */
function describe(skbs: SkbMemory, head: Skb, segment: Skb, headerBytes: number): void {
  copyHeaderState(head, segment);
  const shift = segment.data - head.data;
  segment.macHeader += shift;
  segment.networkHeader += shift;
  segment.transportHeader += shift;
  segment.members = null;
  segment.ipSummed = CHECKSUM.none;
  skbs.memory.move(head.dataAt, segment.dataAt, headerBytes);
}

/** skb_copy_and_csum_bits: one pass that copies and sums. */
function copyAndSum(skbs: SkbMemory, head: Skb, offset: number, segment: Skb, bytes: number): number {
  const at = segment.head.at + segment.tail;
  put(segment, bytes);
  copyBits(skbs, head, offset, at, bytes);
  skbs.ledger.note(EVENT.copy, REASON.segmentCopy, segment, bytes, 1, head.id);
  skbs.ledger.note(EVENT.checksum, REASON.fused, segment, bytes, 1, head.id);
  return partialSum(skbs.memory.u8, at, bytes);
}

/** skb_checksum over a payload that stayed where it was. */
function sumOnly(skbs: SkbMemory, segment: Skb, headerBytes: number, bytes: number): number {
  skbs.ledger.note(EVENT.checksum, REASON.segmentSum, segment, bytes);
  return partialSum(skbs.memory.u8, segment.dataAt + headerBytes, bytes);
}
