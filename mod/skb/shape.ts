/**
 * The shape of a buffer at one moment: what is where, without the bytes. For explanations and drawings.
 *
 * ```ts
 * const before = shapeOf(skb);
 * linearize(skbs, skb);
 * shapeOf(skb).linear - before.linear; // bytes that became linear
 * ```
 *
 * @module
 */

import type { Skb } from "./skb.ts";

/** The shape of one socket buffer; all sizes in bytes. */
export interface BufferShape {
  /** Number of the skb. */
  readonly skb: number;
  /** Bytes in front of the data (skb_headroom). */
  readonly headroom: number;
  /** Linear data (skb_headlen). */
  readonly linear: number;
  /** Bytes between the linear data and the end of the head; while data is paged they are no tailroom. */
  readonly behind: number;
  /** Length of each page fragment. */
  readonly frags: readonly number[];
  /** Whole buffers chained behind the fragments. */
  readonly fragList: readonly BufferShape[];
  /** Another sk_buff uses the same head now (skb_cloned). */
  readonly cloned: boolean;
  /** The head lies in a page, so its bytes can become a fragment by reference (skb->head_frag). */
  readonly headFrag: boolean;
  /** Payload bytes of each segment of an aggregate; 0 on any other buffer. */
  readonly gsoSize: number;
  /** Segments of an aggregate; 0 until GRO has finished it, and on any other buffer. */
  readonly gsoSegs: number;
  /** Data bytes, linear and paged (skb->len). */
  readonly bytes: number;
  /** Captured packets that it carries. */
  readonly packets: number;
}

/** The shape of `skb` now; later changes of the buffer do not change it. */
export function shapeOf(skb: Skb): BufferShape {
  const { head } = skb;
  const fragList: BufferShape[] = [];
  for (let member = head.fragList; member !== null; member = member.next) fragList.push(shapeOf(member));
  return {
    skb: skb.id,
    headroom: skb.headroom,
    linear: skb.headlen,
    behind: head.endOffset - skb.tail,
    frags: head.frags.map(({ bytes }) => bytes),
    fragList,
    cloned: skb.isCloned,
    headFrag: skb.headFrag,
    gsoSize: head.gsoSize,
    gsoSegs: head.gsoSegs,
    bytes: skb.len,
    packets: skb.members?.length ?? 1,
  };
}
