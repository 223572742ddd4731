/**
 * Operations on paged data: reading it, pulling it into the linear area, cutting it off.
 *
 * linux-datapath 2.2, 2.3 and 2.5 (net/core/skbuff.c: skb_copy_bits, __pskb_pull_tail, ___pskb_trim, skb_condense).
 *
 * ```ts
 * linearize(skbs, skb); // copies dataLen bytes, and the head first where it is too small
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { combine } from "../wire/checksum.ts";
import { clone } from "./clone_ops.ts";
import { COW_SLACK } from "./geometry.ts";
import { expandHead } from "./head_ops.ts";
import { Frag, type Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";
import type { Block } from "./memory.ts";

/** Appends a fragment; the reference on `block` that the caller holds goes over to it (skb_add_rx_frag). */
export function addFrag(skb: Skb, block: Block, offset: number, bytes: number): void {
  skb.head.frags.push(new Frag(block, offset, bytes));
  skb.len += bytes;
  skb.dataLen += bytes;
}

/**
 * Replaces all fragments by one over `block` at `offset`, whose reference goes over to it, and copies the first `copied`
 * paged bytes there; what lies behind them is undefined. The paged data does not change its length.
 */
export function moveToFrag(
  skbs: SkbMemory,
  skb: Skb,
  block: Block,
  offset: number,
  copied: number,
  reason: number,
): void {
  copyBits(skbs, skb, skb.headlen, block.at + offset, copied);
  skbs.ledger.note(EVENT.copy, reason, skb, copied);
  for (const frag of skb.head.frags) skbs.memory.put(frag.block);
  skb.head.frags.length = 0;
  skb.head.frags.push(new Frag(block, offset, skb.dataLen));
}

/** Chains `member` as the whole frag_list or behind its last buffer `last`; lengths grow by its length. */
export function addToFragList(skb: Skb, last: Skb | null, member: Skb): void {
  if (last === null) skb.head.fragList = member;
  else last.next = member;
  skb.len += member.len;
  skb.dataLen += member.len;
}

/** Takes the frag_list off `skb`, whose lengths shrink by it; returns its first buffer. */
export function takeFragList(skb: Skb): Skb | null {
  const first = skb.head.fragList;
  for (let member = first; member !== null; member = member.next) {
    skb.len -= member.len;
    skb.dataLen -= member.len;
  }
  skb.head.fragList = null;
  return first;
}

/** Copies `bytes` data bytes from `offset` to `to` in the arena (skb_copy_bits); the caller writes the event. */
export function copyBits(skbs: SkbMemory, skb: Skb, offset: number, to: number, bytes: number): void {
  const pieces = skbs.pieces;
  let at = to;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) {
    skbs.memory.move(pieces.at, at, pieces.bytes);
    at += pieces.bytes;
  }
}

/** Ones-complement sum of `bytes` data bytes from `offset` (skb_checksum); the caller writes the event. */
export function sumBits(skbs: SkbMemory, skb: Skb, offset: number, bytes: number): number {
  const { pieces, memory } = skbs;
  let sum = 0;
  let done = 0;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) {
    sum = combine(sum, memory.sum(pieces.at, pieces.bytes), done);
    done += pieces.bytes;
  }
  return sum;
}

/** Moves the first `delta` paged bytes into the linear area, reallocating it where it is shared or too small. */
export function pullTail(skbs: SkbMemory, skb: Skb, delta: number): void {
  if (delta > skb.dataLen) throw new Error(`Cannot pull ${delta} bytes: skb ${skb.id} has ${skb.dataLen} paged bytes`);
  const missing = skb.tail + delta - skb.head.endOffset;
  if (missing > 0) expandHead(skbs, skb, 0, missing + COW_SLACK);
  else if (skb.isCloned) expandHead(skbs, skb, 0, 0);
  if (delta === 0) return;
  copyBits(skbs, skb, skb.headlen, skb.head.at + skb.tail, delta);
  skbs.ledger.note(EVENT.copy, REASON.pullTail, skb, delta);
  dropPaged(skbs, skb, delta);
  skb.tail += delta;
  skb.dataLen -= delta;
}

/** Drops the first `bytes` paged bytes, which have been copied: whole fragments and list members go, one may shrink. */
function dropPaged(skbs: SkbMemory, skb: Skb, bytes: number): void {
  const frags = skb.head.frags;
  let left = bytes;
  let gone = 0;
  for (const frag of frags) {
    if (frag.bytes > left) {
      frag.offset += left;
      frag.bytes -= left;
      left = 0;
      break;
    }
    left -= frag.bytes;
    skbs.memory.put(frag.block);
    gone += 1;
  }
  frags.splice(0, gone);
  if (left > 0) dropFragList(skbs, skb, left);
}

function dropFragList(skbs: SkbMemory, skb: Skb, bytes: number): void {
  let left = bytes;
  while (left > 0) {
    const member = skb.head.fragList!;
    if (member.len <= left) {
      left -= member.len;
      skb.head.fragList = member.next;
      skbs.free(member, REASON.consumed);
      continue;
    }
    skb.head.fragList = pulledMember(skbs, member, left);
    left = 0;
  }
}

/** A list member without its first `bytes` bytes; a shared member is forked first, as the kernel does. */
function pulledMember(skbs: SkbMemory, member: Skb, bytes: number): Skb {
  let own = member;
  if (member.isShared) {
    own = clone(skbs, member);
    own.next = member.next;
    skbs.free(member, REASON.consumed);
  }
  if (bytes > own.headlen) pullTail(skbs, own, bytes - own.headlen);
  own.data += bytes;
  own.len -= bytes;
  return own;
}

/** Makes sure the first `bytes` bytes are linear; false when the packet is shorter (pskb_may_pull). */
export function mayPull(skbs: SkbMemory, skb: Skb, bytes: number): boolean {
  if (bytes <= skb.headlen) return true;
  if (bytes > skb.len) return false;
  pullTail(skbs, skb, bytes - skb.headlen);
  return true;
}

/** Makes the whole packet linear (skb_linearize). */
export function linearize(skbs: SkbMemory, skb: Skb): void {
  if (skb.dataLen > 0) pullTail(skbs, skb, skb.dataLen);
}

/** Cuts the packet to `bytes` bytes (pskb_trim); copies only where a clone, or 6.1's skb_condense, has to. */
export function trim(skbs: SkbMemory, skb: Skb, bytes: number): void {
  if (bytes >= skb.len) return;
  if (skb.dataLen === 0) {
    skb.tail -= skb.len - bytes;
    skb.len = bytes;
    return;
  }
  unshareForTrim(skbs, skb);
  const headlen = skb.headlen;
  trimPaged(skbs, skb, Math.max(0, bytes - headlen));
  skb.len = bytes;
  skb.dataLen = Math.max(0, bytes - headlen);
  if (bytes < headlen) skb.tail -= headlen - bytes;
  if (skbs.era === "6.1") condense(skbs, skb);
}

function unshareForTrim(skbs: SkbMemory, skb: Skb): void {
  if (skb.isCloned) expandHead(skbs, skb, 0, 0);
}

/** Keeps the first `keep` paged bytes. */
function trimPaged(skbs: SkbMemory, skb: Skb, keep: number): void {
  let left = keep;
  let kept = 0;
  for (const frag of skb.head.frags) {
    if (left === 0) break;
    frag.bytes = Math.min(frag.bytes, left);
    left -= frag.bytes;
    kept += 1;
  }
  for (const frag of skb.head.frags.splice(kept)) skbs.memory.put(frag.block);
  trimFragList(skbs, skb, left);
}

function trimFragList(skbs: SkbMemory, skb: Skb, keep: number): void {
  let left = keep;
  let previous: Skb | null = null;
  let member = skb.head.fragList;
  while (member !== null && left > 0) {
    if (member.isShared) {
      member = forkMember(skbs, member);
      if (previous === null) skb.head.fragList = member;
      else previous.next = member;
    }
    if (member.len > left) trim(skbs, member, left);
    left -= member.len;
    previous = member;
    member = member.next;
  }
  if (previous === null) skb.head.fragList = null;
  else previous.next = null;
  skbs.freeList(member, REASON.consumed);
}

function forkMember(skbs: SkbMemory, member: Skb): Skb {
  const own = clone(skbs, member);
  own.next = member.next;
  skbs.free(member, REASON.consumed);
  return own;
}

/** Pulls the paged rest into the head when it fits, which frees its pages (skb_condense, 6.1). */
function condense(skbs: SkbMemory, skb: Skb): void {
  if (skb.dataLen === 0 || skb.dataLen > skb.head.endOffset - skb.tail || skb.isCloned) return;
  pullTail(skbs, skb, skb.dataLen);
}
