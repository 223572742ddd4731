/**
 * skb_segment: one large buffer becomes many of the size of the wire.
 *
 * linux-datapath 6.2 (net/core/skbuff.c). What it costs depends on what the device can do:
 *
 * - Without scatter-gather each segment gets a linear area of its own, into which its payload is copied and summed in one
 *   pass, from wherever it lay: linear area, fragments, frag_list. The size class of that area decides later whether ESP
 *   finds room for its trailer. 6.1 leaves the sum out where the device fills checksums in.
 * - With scatter-gather only headers and linear payload are copied; fragments go by reference. A buffer of the frag_list
 *   with linear bytes is cloned, cut, and gets the headers pushed in front. Where the device fills no checksums in, each
 *   segment is summed.
 * - In 6.1 a buffer whose frag_list alone is too much for the device is split into GSO buffers (`segment_plan.ts`).
 *
 * 6.1 has an exception without scatter-gather: while the head has no fragments left to give, a member of the frag_list whose
 * linear bytes are just one segment is cloned all the same, and only summed. So an aggregate of kmalloc buffers is cut
 * without copying.
 *
 * The headers that every segment repeats belong to its `segment` event; they are not counted as a copy, as the kernel
 * recordings do not count them. (Nor do those count the linear payload copied with scatter-gather; this program does.)
 *
 * ```ts
 * const features = { scatterGather: false, checksumOffload: false, fragListOffload: false };
 * segment(skbs, aggregate, 52, features, (part, index, payloadSum) => fixHeaders(part, index, payloadSum));
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { partialSum } from "../wire/checksum.ts";
import { clone } from "./clone_ops.ts";
import { cowHead, push, put, reserve } from "./head_ops.ts";
import { MemberShare } from "./members.ts";
import { PagedCursor } from "./paged_cursor.ts";
import { copyBits, sumBits, trim } from "./paged_ops.ts";
import { planSegments, type SegmentFeatures, type SegmentPlan } from "./segment_plan.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "./skb.ts";
import { copyHeaderState, type SkbMemory } from "./skb_memory.ts";

/**
 * Is told of each segment in order. `index` is the number of the first piece of gsoSize bytes in it, from 0. `payloadSum` is
 * the ones-complement sum of its payload, and 0 where the checksum is left to the device: then `segment.ipSummed` is that of
 * the buffer that was cut, else none. It owns the segment from then on.
 */
export type FinishSegment = (segment: Skb, index: number, payloadSum: number) => void;

/**
 * Cuts `head`, whose first `headerBytes` bytes are the linear headers to repeat, into segments of `head.head.gsoSize` payload
 * bytes for a device of `features`. At layer 2 the data of `head` begins at the Ethernet header, before ESP at the IP header;
 * what lies in front of it is the headroom of every segment. `head` stays as it is: the caller frees it.
 *
 * Returns false, having made nothing, when a segment would need more fragments than an skb holds: the packet is to be
 * dropped. Throws when `head` is no GSO buffer.
 */
export function segment(
  skbs: SkbMemory,
  head: Skb,
  headerBytes: number,
  features: SegmentFeatures,
  finish: FinishSegment,
): boolean {
  if (head.head.gsoSize <= 0) throw new Error(`Cannot segment skb ${head.id}: it has no segment size`);
  if (headerBytes > head.headlen) throw new Error(`Cannot segment skb ${head.id}: its headers are not linear`);
  const plan = planSegments(skbs, head, headerBytes, features);
  if (plan === null) return false;
  const segmenter = new Segmenter(skbs, head, headerBytes, plan);
  const step = plan.pieces * head.head.gsoSize;
  for (let offset = headerBytes, index = 0; offset < head.len; offset += step, index += plan.pieces) {
    segmenter.cut(offset, Math.min(step, head.len - offset), index, finish);
  }
  return true;
}

/** Cuts one buffer. */
class Segmenter {
  readonly #cursor: PagedCursor;
  readonly #share: MemberShare;

  constructor(
    readonly skbs: SkbMemory,
    readonly head: Skb,
    readonly headerBytes: number,
    readonly plan: SegmentPlan,
  ) {
    this.#cursor = new PagedCursor(skbs, head);
    this.#share = new MemberShare(head, head.len - headerBytes);
  }

  /** Makes the segment of the `bytes` payload bytes at data offset `offset`, the first of which is piece `index`. */
  cut(offset: number, bytes: number, index: number, finish: FinishSegment): void {
    const member = this.#memberToClone(offset, bytes);
    const part = member === null ? this.#makeSegment(offset, bytes) : this.#cloneMember(member, offset, bytes);
    const pieces = Math.ceil(bytes / this.head.head.gsoSize);
    this.#share.give(part, offset - this.headerBytes, bytes, pieces > 1);
    this.skbs.ledger.note(EVENT.segment, REASON.none, part, bytes, 1, this.head.id);
    let payloadSum = 0;
    if (member === null && !this.plan.byReference) payloadSum = this.#copyPayload(part, offset, bytes);
    else {
      if (member === null) this.#referToPayload(part, offset, bytes);
      if (!this.plan.checksumOffload) payloadSum = this.#sumPayload(part, bytes);
    }
    this.#markGso(part, pieces);
    finish(part, index, payloadSum);
  }

  /** The list member that may stand for the segment at `offset`; null when the segment gets a buffer of its own. */
  #memberToClone(offset: number, bytes: number): Skb | null {
    const member = this.#cursor.memberAt(offset);
    if (member === null || member.headlen === 0) return null;
    if (this.plan.byReference) return member;
    return this.skbs.era === "6.1" && member.headlen === bytes ? member : null;
  }

  #makeSegment(offset: number, bytes: number): Skb {
    const { skbs, head, headerBytes } = this;
    const linear = this.plan.byReference ? this.#linearBytes(offset, bytes) : bytes;
    const part = skbs.allocSkb(linear + headerBytes + head.headroom);
    reserve(part, head.headroom);
    put(part, headerBytes);
    this.#describe(part);
    return part;
  }

  /** Payload bytes of a segment that lie in the linear area of the head. */
  #linearBytes(offset: number, bytes: number): number {
    return Math.max(0, Math.min(bytes, this.head.headlen - offset));
  }

  /** A clone of a list member, cut to the segment, with the headers in front of it. */
  #cloneMember(member: Skb, offset: number, bytes: number): Skb {
    const { skbs, head, headerBytes } = this;
    const part = clone(skbs, member);
    this.#cursor.pass(member, offset + bytes);
    trim(skbs, part, bytes);
    cowHead(skbs, part, headerBytes + head.headroom);
    push(part, headerBytes);
    this.#describe(part);
    return part;
  }

  /** Repeats the headers of the head in front of the segment's payload. */
  #describe(part: Skb): void {
    const { head } = this;
    copyHeaderState(head, part);
    const shift = part.data - head.data;
    part.macHeader += shift;
    part.networkHeader += shift;
    part.transportHeader += shift;
    this.skbs.memory.move(head.dataAt, part.dataAt, this.headerBytes);
  }

  /**
   * A segment of several pieces is left to the device to cut. Any other is no GSO buffer, nor is a clone of a list member
   * that arrived as one, whose shared info is the member's.
   */
  #markGso(part: Skb, pieces: number): void {
    const { gsoSize, gsoType, gsoFixedId } = this.head.head;
    part.head.gsoSize = pieces > 1 ? gsoSize : 0;
    part.head.gsoSegs = pieces > 1 ? pieces : 0;
    part.head.gsoType = pieces > 1 ? gsoType : GSO_TYPE.none;
    part.head.gsoFixedId = pieces > 1 && gsoFixedId;
  }

  /** The payload goes behind the headers: one pass that copies and sums, or in 6.1 only a copy if the device sums. */
  #copyPayload(part: Skb, offset: number, bytes: number): number {
    const { skbs, head } = this;
    const at = part.head.at + part.tail;
    put(part, bytes);
    copyBits(skbs, head, offset, at, bytes);
    if (this.plan.checksumOffload && skbs.era === "6.1") {
      skbs.ledger.note(EVENT.copy, REASON.segmentPlainCopy, part, bytes, 1, head.id);
      return 0;
    }
    skbs.ledger.note(EVENT.copy, REASON.segmentCopy, part, bytes, 1, head.id);
    skbs.ledger.note(EVENT.checksum, REASON.fused, part, bytes, 1, head.id);
    part.ipSummed = CHECKSUM.none;
    return partialSum(skbs.memory.u8, at, bytes);
  }

  /** Payload in the linear area of the head is copied, the rest goes by reference. */
  #referToPayload(part: Skb, offset: number, bytes: number): void {
    const { skbs, head } = this;
    const linear = this.#linearBytes(offset, bytes);
    if (linear > 0) {
      skbs.memory.move(head.dataAt + offset, part.head.at + part.tail, linear);
      put(part, linear);
      skbs.ledger.note(EVENT.copy, REASON.segmentLinear, part, linear, 1, head.id);
    }
    this.#cursor.refer(offset, offset + bytes, part);
    part.len += bytes - linear;
    part.dataLen += bytes - linear;
  }

  /** skb_checksum over a payload that stayed where it was. */
  #sumPayload(part: Skb, bytes: number): number {
    this.skbs.ledger.note(EVENT.checksum, REASON.segmentSum, part, bytes);
    part.ipSummed = CHECKSUM.none;
    return sumBits(this.skbs, part, this.headerBytes, bytes);
  }
}
