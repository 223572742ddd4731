/**
 * What skb_segment decides before it cuts: which segments it makes, and whether their payload can go by reference.
 *
 * linux-datapath 6.2 (net/core/skbuff.c, 4.4 and 6.1).
 *
 * Departure: a frag_list that the kernel's loop cannot walk by reference (BUG_ON) is copied instead. GRO builds none.
 *
 * @module
 */

import { PagedCursor } from "./paged_cursor.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** What the device that gets the segments does itself (netdev_features_t). */
export interface SegmentFeatures {
  /** It sends scattered buffers (NETIF_F_SG). */
  readonly scatterGather: boolean;
  /** It fills transport checksums in. */
  readonly checksumOffload: boolean;
  /** It segments buffers of this kind, and of all that the buffer needs only the frag_list is too much for it. */
  readonly fragListOffload: boolean;
}

/** Longest GSO buffer that is split off: what gso_size can hold, less the mark GSO_BY_FRAGS. */
const MAX_SPLIT_BYTES = 0xfffe;

/** How a buffer is going to be cut. */
export interface SegmentPlan {
  /** Pieces of gsoSize bytes in each segment: more than 1 when the segments are GSO buffers without frag_list. */
  readonly pieces: number;
  /** Payload goes by reference where it is paged. */
  readonly byReference: boolean;
  /** The checksum of each segment is left to the device. */
  readonly checksumOffload: boolean;
}

/**
 * Decides how `head`, whose payload begins at data offset `headerBytes`, is cut for a device of `features`; null when a
 * segment would need more fragments than an skb holds, for which the kernel drops the packet.
 */
export function planSegments(
  skbs: SkbMemory,
  head: Skb,
  headerBytes: number,
  features: SegmentFeatures,
): SegmentPlan | null {
  const { scatterGather, checksumOffload } = features;
  if (!scatterGather) return { pieces: 1, byReference: false, checksumOffload };
  const pieces = piecesPerSegment(skbs, head, headerBytes, features);
  const step = pieces * head.head.gsoSize;
  if (!canRefer(skbs, head, headerBytes, step)) return { pieces: 1, byReference: false, checksumOffload };
  return fragsFit(skbs, head, headerBytes, step) ? { pieces, byReference: true, checksumOffload } : null;
}

/**
 * 6.1 splits an aggregate whose frag_list alone stands between it and the device into GSO buffers, one per list member,
 * if all of them are equally long (the last may differ) and lie in pages.
 */
function piecesPerSegment(skbs: SkbMemory, head: Skb, headerBytes: number, features: SegmentFeatures): number {
  const first = head.head.fragList;
  if (!features.checksumOffload || !features.fragListOffload || skbs.era === "4.4" || first === null) return 1;
  let ownBytes = head.len - headerBytes;
  for (let member: Skb | null = first; member !== null; member = member.next) {
    if (member.len !== first.len && member.next !== null) return 1;
    if (member.headlen > 0 && !member.headFrag) return 1;
    ownBytes -= member.len;
  }
  if (ownBytes !== first.len) return 1;
  return Math.max(1, Math.floor(Math.min(ownBytes, MAX_SPLIT_BYTES) / head.head.gsoSize));
}

/** Whether every linear part in the frag_list can be cloned with its buffer, or referred to as a page (6.1). */
function canRefer(skbs: SkbMemory, head: Skb, headerBytes: number, step: number): boolean {
  let at = head.headlen;
  for (const frag of head.head.frags) at += frag.bytes;
  for (let member = head.head.fragList; member !== null; member = member.next) {
    if (member.hasFragList) return false;
    if (member.headlen > 0) {
      const beginsSegment = (at - headerBytes) % step === 0;
      const bytes = Math.min(step, head.len - at);
      if (beginsSegment ? member.headlen > bytes || member.len < bytes : skbs.era === "4.4" || !member.headFrag) {
        return false;
      }
    }
    at += member.len;
  }
  return true;
}

/** Cuts without making anything, and counts the fragments that each segment would get. */
function fragsFit(skbs: SkbMemory, head: Skb, headerBytes: number, step: number): boolean {
  const cursor = new PagedCursor(skbs, head);
  for (let offset = headerBytes; offset < head.len; offset += step) {
    const end = Math.min(offset + step, head.len);
    const member = cursor.memberAt(offset);
    if (member !== null && member.headlen > 0) cursor.pass(member, end);
    else if (cursor.refer(offset, end, null) > skbs.maxSkbFrags) return false;
  }
  return true;
}
