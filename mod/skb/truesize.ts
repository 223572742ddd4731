/**
 * What a buffer is charged to the socket that holds it (skb->truesize).
 *
 * include/linux/skbuff.h, 4.4 and 6.1: the sk_buff itself, its head with the shared info, and its pages, whole ones even
 * where little of them is used.
 *
 * Departure: a fragment counts with the block that it lies in, which here is no larger than a power of two of its bytes.
 *
 * ```ts
 * truesize(skbs, skb); // 2304: a head of class 2048
 * ```
 *
 * @module
 */

import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** SKB_DATA_ALIGN(sizeof(struct sk_buff)). */
const SK_BUFF_BYTES = 256;

/** Bytes that `skb` with all that belongs to it takes. */
export function truesize(skbs: SkbMemory, skb: Skb): number {
  const { head } = skb;
  let bytes = SK_BUFF_BYTES + head.endOffset + skbs.geometry.sharedInfoBytes;
  for (const frag of head.frags) bytes += frag.block.bytes;
  for (let member = head.fragList; member !== null; member = member.next) bytes += truesize(skbs, member);
  return bytes;
}
