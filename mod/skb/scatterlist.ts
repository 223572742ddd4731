/**
 * Scatterlists: what the crypto layer is given to work on, and the bytes behind it.
 *
 * linux-datapath 9.1 (skb_to_sgvec): one entry for the linear part, one per fragment, then the buffers of the frag_list.
 * An engine wants one contiguous message, so its bytes are gathered and put back here; that is how this program talks to a
 * cipher, not something that the kernel does, and no event is written for it.
 *
 * @module
 */

import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** Scatterlist entries of the bytes of `skb` from data offset `offset` on, which lies in its linear area. */
export function scatterlistEntries(skbs: SkbMemory, skb: Skb, offset: number): number {
  const pieces = skbs.pieces;
  let entries = 0;
  pieces.start(skb, offset, skb.len - offset);
  while (pieces.next()) entries += 1;
  return entries;
}

/** Copies `bytes` bytes of `skb` from `offset` to the start of `into`. */
export function gather(skbs: SkbMemory, skb: Skb, offset: number, bytes: number, into: Uint8Array): void {
  const { pieces, memory } = skbs;
  let at = 0;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) {
    into.set(memory.u8.subarray(pieces.at, pieces.at + pieces.bytes), at);
    at += pieces.bytes;
  }
}

/** Copies the first `bytes` bytes of `from` over the bytes of `skb` from `offset`. */
export function scatter(skbs: SkbMemory, skb: Skb, offset: number, bytes: number, from: Uint8Array): void {
  const { pieces, memory } = skbs;
  let at = 0;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) {
    memory.u8.set(from.subarray(at, at + pieces.bytes), pieces.at);
    at += pieces.bytes;
  }
}
