/**
 * Cutting a buffer that a socket still holds in two (tcp_fragment, tso_fragment).
 *
 * net/ipv4/tcp_output.c: tcp_fragment; net/core/skbuff.c: skb_split; 4.4 and 6.1. A buffer of which a clone is on its way
 * gets a private head first. Fragments go by reference, linear bytes behind the cut are copied (summed as well in 4.4 where
 * the checksum is not left to the device, which is not modelled).
 *
 * ```ts
 * const rest = split(skbs, skb, 1394); // skb keeps 1394 bytes
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { put, reserve, unclone } from "./head_ops.ts";
import { Frag, type Skb } from "./skb.ts";
import { copyHeaderState, type SkbMemory } from "./skb_memory.ts";

/**
 * Cuts `skb`, whose data has no headers and no frag_list, behind its first `bytes` bytes. Returns a new buffer with the rest
 * and the same headroom. Whose bytes they are (`packet`, `members`) is the caller's to say of both.
 */
export function split(skbs: SkbMemory, skb: Skb, bytes: number): Skb {
  unclone(skbs, skb);
  const linear = Math.max(0, skb.headlen - bytes);
  const rest = skbs.allocSkb(skb.headroom + linear);
  reserve(rest, skb.headroom);
  copyHeaderState(skb, rest);
  rest.head.hasSharedFrag = skb.head.hasSharedFrag;
  rest.head.sharesPages = skb.head.sharesPages;
  if (linear > 0) moveLinear(skbs, skb, rest, linear);
  moveFrags(skbs, skb, rest, Math.max(0, bytes - skb.headlen));
  return rest;
}

/** The last `linear` linear bytes move to `rest`. */
function moveLinear(skbs: SkbMemory, skb: Skb, rest: Skb, linear: number): void {
  put(rest, linear);
  skb.tail -= linear;
  skb.len -= linear;
  skbs.memory.move(skb.head.at + skb.tail, rest.dataAt, linear);
  skbs.ledger.note(EVENT.copy, REASON.tcpSplit, skb, linear, 1, rest.id);
}

/** All paged bytes but the first `keep` move to `rest`; the page under the cut belongs to both. */
function moveFrags(skbs: SkbMemory, skb: Skb, rest: Skb, keep: number): void {
  const frags = skb.head.frags;
  let left = keep;
  let kept = 0;
  while (kept < frags.length && frags[kept]!.bytes <= left) left -= frags[kept++]!.bytes;
  const moved = frags.splice(kept);
  if (left > 0) {
    const cut = moved[0]!;
    frags.push(new Frag(cut.block, cut.offset, left));
    skbs.memory.get(cut.block);
    cut.offset += left;
    cut.bytes -= left;
  }
  for (const frag of moved) {
    rest.head.frags.push(frag);
    rest.len += frag.bytes;
    rest.dataLen += frag.bytes;
    skb.len -= frag.bytes;
    skb.dataLen -= frag.bytes;
  }
}
