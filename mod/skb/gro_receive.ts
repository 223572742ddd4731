/**
 * skb_gro_receive: one packet's payload joins an aggregate by reference; no payload byte is copied, ever.
 *
 * linux-datapath 5.7 (net/core/skbuff.c 4.4, net/core/gro.c 6.1). Fragments move over while the array of the last buffer
 * has room, a linear payload in a page becomes a fragment, and everything else is chained to the frag_list as a whole
 * buffer, which then takes the fragments of those that follow. Who wants no frag_list (`gro_overflow=stop`, the fair buffers
 * of the slides) asks {@linkcode joins} first and does not merge what it refuses.
 *
 * Departure: arrays are filled up to `buildFrags`, where the kernel fills them to their end (MAX_SKB_FRAGS).
 *
 * ```ts
 * const last = appendToAggregate(skbs, aggregate, last, skb, headerBytes);
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { headerRelease } from "./clone_ops.ts";
import { pull } from "./head_ops.ts";
import { joinMembers } from "./members.ts";
import { addToFragList } from "./paged_ops.ts";
import { Frag, type Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/**
 * Whether the payload of `skb`, which begins `headerBytes` behind its data, would join the fragments of `last`, the last
 * buffer of an aggregate. If not, {@linkcode appendToAggregate} would chain it to the frag_list: the array is full, or the
 * payload is linear and its head lies in no page. Moves and changes nothing.
 */
export function joins(skbs: SkbMemory, last: Skb, skb: Skb, headerBytes: number): boolean {
  return howToJoin(skbs, last, skb, headerBytes) !== REASON.fragList;
}

/** The reason of the `merge` event: how skb_gro_receive would append the payload of `skb` to `last`. */
function howToJoin(skbs: SkbMemory, last: Skb, skb: Skb, headerBytes: number): number {
  const room = skbs.buildFrags - last.nrFrags - skb.nrFrags;
  if (skb.headlen <= headerBytes) return room >= 0 ? REASON.moveFrags : REASON.fragList;
  return skb.headFrag && room >= 1 ? REASON.headFrag : REASON.fragList;
}

/**
 * Appends the payload of `skb`, which begins `headerBytes` behind its data, to `aggregate`, whose last buffer is `last`
 * (the aggregate itself, or the last member of its frag_list). `skb` is consumed. Returns the last buffer from now on.
 */
export function appendToAggregate(
  skbs: SkbMemory,
  aggregate: Skb,
  last: Skb,
  skb: Skb,
  headerBytes: number,
): Skb {
  const payload = skb.len - headerBytes;
  const reason = howToJoin(skbs, last, skb, headerBytes);
  skbs.ledger.note(EVENT.merge, reason, skb, payload, 1, aggregate.id);
  joinMembers(aggregate, skb, aggregate.len - headerBytes, payload);
  if (reason === REASON.fragList) {
    chain(skb, aggregate, last, headerBytes);
    return skb;
  }
  const linear = skb.headlen - headerBytes;
  if (linear > 0) headToFrag(skbs, skb, last, headerBytes, linear);
  moveFrags(skb, last, Math.max(0, -linear));
  finishMove(skbs, skb, aggregate, last, payload);
  return last;
}

/** Moves all fragments of `skb` behind those of `last`, the first one advanced by `skip` header bytes. */
function moveFrags(skb: Skb, last: Skb, skip: number): void {
  const frags = skb.head.frags;
  if (skip > 0) {
    frags[0]!.offset += skip;
    frags[0]!.bytes -= skip;
  }
  last.head.frags.push(...frags);
  frags.length = 0;
}

/** The linear payload becomes a fragment over the head's own block. */
function headToFrag(skbs: SkbMemory, skb: Skb, last: Skb, headerBytes: number, bytes: number): void {
  const { block, offset } = skb.head;
  skbs.memory.get(block);
  last.head.frags.push(new Frag(block, offset + skb.data + headerBytes, bytes));
}

function finishMove(skbs: SkbMemory, skb: Skb, aggregate: Skb, last: Skb, payload: number): void {
  grow(aggregate, payload);
  if (last !== aggregate) grow(last, payload);
  skb.len = skb.headlen;
  skb.dataLen = 0;
  skbs.free(skb, REASON.merged);
}

function grow(skb: Skb, bytes: number): void {
  skb.len += bytes;
  skb.dataLen += bytes;
}

function chain(skb: Skb, aggregate: Skb, last: Skb, headerBytes: number): void {
  const inFrag = headerBytes - skb.headlen;
  if (inFrag > 0) {
    const first = skb.head.frags[0]!;
    first.offset += inFrag;
    first.bytes -= inFrag;
    skb.len -= inFrag;
    skb.dataLen -= inFrag;
  }
  pull(skb, Math.min(headerBytes, skb.headlen));
  addToFragList(aggregate, last === aggregate ? null : last, skb);
  headerRelease(skb);
}
