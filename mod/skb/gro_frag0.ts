/**
 * gro_pull_from_frag0: headers that GRO has read in the first page fragment move into the linear area.
 *
 * linux-datapath 5.1 (net/core/dev.c 4.4, net/core/gro.c 6.1). Unlike __pskb_pull_tail it never reallocates: what is pulled
 * lies in one fragment and fits behind the tail, which the reader of the headers has made sure of.
 *
 * ```ts
 * pullFromFrag0(skbs, skb, 52, REASON.frag0Pull); // copies 52 bytes
 * ```
 *
 * @module
 */

import { EVENT } from "../ledger/schema.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** Copies the first `bytes` bytes of the first fragment behind the linear data; a fragment that is used up goes. */
export function pullFromFrag0(skbs: SkbMemory, skb: Skb, bytes: number, reason: number): void {
  const { frags, at, endOffset } = skb.head;
  const frag = frags[0]!;
  if (bytes > frag.bytes || skb.tail + bytes > endOffset) {
    throw new Error(`Cannot pull ${bytes} bytes from the first fragment: skb ${skb.id} has ${frag.bytes} there`);
  }
  skbs.memory.move(frag.at, at + skb.tail, bytes);
  skbs.ledger.note(EVENT.copy, reason, skb, bytes);
  skb.tail += bytes;
  skb.dataLen -= bytes;
  frag.offset += bytes;
  frag.bytes -= bytes;
  if (frag.bytes > 0) return;
  frags.shift();
  skbs.memory.put(frag.block);
}
