/**
 * Clones and copies of whole buffers.
 *
 * linux-datapath 1.7 and 2.5 (net/core/skbuff.c: skb_clone, skb_copy, skb_copy_expand, __pskb_copy_fclone,
 * __skb_header_release). A clone shares every byte and copies none; it is the clone that later forces others to copy.
 *
 * ```ts
 * const twin = clone(skbs, skb);
 * skb.isCloned; // true, until one of the two is freed
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { put, reserve } from "./head_ops.ts";
import { copyBits } from "./paged_ops.ts";
import type { Skb } from "./skb.ts";
import { copyHeaderState, type SkbMemory } from "./skb_memory.ts";

/** A second sk_buff over the same head, fragments and list (skb_clone). */
export function clone(skbs: SkbMemory, skb: Skb): Skb {
  const twin = skbs.cloneOf(skb);
  skb.head.dataref += 1;
  skb.cloned = true;
  twin.cloned = true;
  if (skb.nohdr) twin.hdrLen = skb.headroom;
  return twin;
}

/** The owner promises to look at the payload only, so that a clone may write headers (__skb_header_release). */
export function headerRelease(skb: Skb): void {
  if (skb.nohdr) return;
  skb.nohdr = true;
  skb.head.payloadRefs += 1;
}

/** A private linear copy with the same headroom (skb_copy): headroom and all data bytes are copied. */
export function copy(skbs: SkbMemory, skb: Skb): Skb {
  const twin = skbs.allocSkb(skb.head.endOffset + skb.dataLen);
  reserve(twin, skb.headroom);
  return copyInto(skbs, skb, twin, skb.headroom, REASON.skbCopy);
}

/** A private linear copy with `headroom` bytes in front and room for `tailroom` behind (skb_copy_expand). */
export function copyExpand(skbs: SkbMemory, skb: Skb, headroom: number, tailroom: number): Skb {
  const twin = skbs.allocSkb(headroom + skb.len + tailroom);
  reserve(twin, headroom);
  return copyInto(skbs, skb, twin, Math.min(skb.headroom, headroom), REASON.skbCopyExpand);
}

/** A private head over shared fragments (pskb_copy): the linear bytes are copied, the headroom is not. */
export function pskbCopy(skbs: SkbMemory, skb: Skb): Skb {
  const twin = skbs.allocSkb(skb.headroom + skb.headlen);
  reserve(twin, skb.headroom);
  put(twin, skb.headlen);
  skbs.memory.move(skb.dataAt, twin.dataAt, skb.headlen);
  skbs.ledger.note(EVENT.copy, REASON.pskbCopy, skb, skb.headlen, 1, twin.id);
  for (const frag of skb.head.frags) twin.head.frags.push(skbs.refFrag(frag));
  twin.head.fragList = skb.head.fragList;
  for (let member = skb.head.fragList; member !== null; member = member.next) member.users += 1;
  twin.head.hasSharedFrag = skb.head.hasSharedFrag;
  if (skb.nrFrags > 0) twin.head.sharesPages = skb.head.sharesPages = true;
  twin.len = skb.len;
  twin.dataLen = skb.dataLen;
  copyPacketState(skb, twin);
  return twin;
}

function copyInto(skbs: SkbMemory, skb: Skb, twin: Skb, headroomBytes: number, reason: number): Skb {
  put(twin, skb.len);
  skbs.memory.move(skb.dataAt - headroomBytes, twin.dataAt - headroomBytes, headroomBytes);
  copyBits(skbs, skb, 0, twin.dataAt, skb.len);
  skbs.ledger.note(EVENT.copy, reason, skb, headroomBytes + skb.len, 1, twin.id);
  copyPacketState(skb, twin);
  return twin;
}

/** Header offsets keep their distance to the data, whose headroom may differ (copy_skb_header). */
function copyPacketState(from: Skb, to: Skb): void {
  copyHeaderState(from, to);
  const shift = to.data - from.data;
  to.macHeader += shift;
  to.networkHeader += shift;
  to.transportHeader += shift;
  to.head.gsoSize = from.head.gsoSize;
  to.head.gsoSegs = from.head.gsoSegs;
  to.head.gsoType = from.head.gsoType;
  to.head.gsoFixedId = from.head.gsoFixedId;
}
