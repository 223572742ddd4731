/**
 * skb_cow_data: make every byte of a packet writable and find room for a trailer. The copy the slides want to avoid.
 *
 * linux-datapath 2.4 (net/core/skbuff.c, the same logic in 4.4 and 6.1). Page fragments count as not writable, whoever
 * owns them; a linear buffer is left alone when nobody shares it and its tailroom suffices.
 *
 * ```ts
 * const { elements, trailer } = cowData(skbs, skb, 20);
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { copy, copyExpand } from "./clone_ops.ts";
import { COW_SLACK } from "./geometry.ts";
import { expandHead } from "./head_ops.ts";
import { pullTail } from "./paged_ops.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** What skb_cow_data found or made. */
export interface CowResult {
  /** Scatterlist entries the packet needs now. */
  readonly elements: number;
  /** The buffer that has `tailbits` bytes of tailroom: the skb itself, or the last member of its frag_list. */
  readonly trailer: Skb;
  /** Whether bytes had to be copied. */
  readonly copied: boolean;
}

/** Makes `skb` writable with `tailbits` bytes of tailroom at its end. */
export function cowData(skbs: SkbMemory, skb: Skb, tailbits: number): CowResult {
  const mustPull = skb.isCloned || skb.nrFrags > 0;
  if (mustPull) pullTail(skbs, skb, fragBytes(skb));
  if (skb.hasFragList) return cowFragList(skbs, skb, tailbits, mustPull);
  const missing = tailbits - skb.tailroom;
  if (missing > 0) expandHead(skbs, skb, 0, missing + COW_SLACK);
  return { elements: 1, trailer: skb, copied: mustPull || missing > 0 };
}

function fragBytes(skb: Skb): number {
  let bytes = 0;
  for (const frag of skb.head.frags) bytes += frag.bytes;
  return bytes;
}

function cowFragList(skbs: SkbMemory, skb: Skb, tailbits: number, copiedBefore: boolean): CowResult {
  let elements = 1;
  let copied = copiedBefore;
  let sharedBefore = false;
  let previous: Skb | null = null;
  let trailer = skb;
  for (let member = skb.head.fragList; member !== null; member = member.next) {
    sharedBefore ||= member.isShared;
    const tail = tailFor(member, tailbits);
    if (sharedBefore || member.isCloned || tail > 0 || member.nrFrags > 0 || member.hasFragList) {
      member = replaceMember(skbs, skb, previous, member, tail);
      copied = true;
    }
    elements += 1;
    previous = member;
    trailer = member;
  }
  return { elements, trailer, copied };
}

/** Tailroom to add to a member: only the last one carries the trailer, and only when it lacks the room. */
function tailFor(member: Skb, tailbits: number): number {
  if (member.next !== null || tailbits === 0) return 0;
  const fits = member.nrFrags === 0 && !member.hasFragList && member.tailroom >= tailbits;
  return fits ? 0 : tailbits + COW_SLACK;
}

function replaceMember(skbs: SkbMemory, skb: Skb, previous: Skb | null, member: Skb, tail: number): Skb {
  const own = tail === 0 ? copy(skbs, member) : copyExpand(skbs, member, member.headroom, tail);
  own.next = member.next;
  if (previous === null) skb.head.fragList = own;
  else previous.next = own;
  skbs.free(member, REASON.consumed);
  return own;
}
