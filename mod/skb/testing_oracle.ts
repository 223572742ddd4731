/**
 * What the copy primitives must do, on paper: the rules of linux-datapath 1.4, 1.6 and 2.1 to 2.5 (with 15.1), applied to
 * sizes alone. An independent judge of the operations of this folder: written from that document, with no code of theirs.
 * Each function changes the paper buffer and returns the copies it made. Not part of the library.
 *
 * One rule is not in the document: a frag_list member that is pulled in the middle, behind its linear part, is itself
 * pulled first (pskb_pull in __pskb_pull_tail, 4.4 and 6.1), which copies some of its bytes once more.
 *
 * @module
 */

import type { Skb } from "./skb.ts";
import type { Copy } from "./testing.ts";
import type { Era } from "./skb_memory.ts";

/** The sizes of a buffer. */
export interface PaperSkb {
  /** hr of the document. */
  headroom: number;
  /** H: linear bytes. */
  linear: number;
  /** E: the usable bytes of the head. */
  end: number;
  /** Sizes of the page fragments. */
  frags: number[];
  /** The frag_list. */
  members: PaperSkb[];
  /** Another sk_buff uses the same head. */
  cloned: boolean;
  /** Another owner holds the same sk_buff. */
  shared: boolean;
}

/** Reads the sizes off a real buffer. */
export function paperOf(skb: Skb): PaperSkb {
  const members: PaperSkb[] = [];
  for (let member = skb.head.fragList; member !== null; member = member.next) members.push(paperOf(member));
  return {
    headroom: skb.headroom,
    linear: skb.headlen,
    end: skb.head.endOffset,
    frags: skb.head.frags.map((frag) => frag.bytes),
    members,
    cloned: skb.isCloned,
    shared: skb.isShared,
  };
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

/** All bytes of a packet (L). */
export function lengthOf(skb: PaperSkb): number {
  return skb.linear + pagedOf(skb);
}

/** Bytes outside of the linear area (D). */
export function pagedOf(skb: PaperSkb): number {
  return sum(skb.frags) + sum(skb.members.map(lengthOf));
}

/** 1.4: A64(n) + 320 in the smallest block that fits, the shared info at its very end. */
export function endFor(request: number): number {
  let block = 512;
  while (block < Math.ceil(request / 64) * 64 + 320) block *= 2;
  return block - 320;
}

/** 2.1. */
export function expandHead(skb: PaperSkb, nhead: number, ntail: number): Copy[] {
  const copied = skb.headroom + skb.linear;
  skb.end = endFor(nhead + skb.end + ntail);
  skb.headroom += nhead;
  if (skb.cloned) skb.members.forEach((member) => member.shared = true);
  skb.cloned = false;
  return [["expand-head", copied]];
}

/** 2.2. */
export function pullTail(skb: PaperSkb, delta: number): Copy[] {
  const copies: Copy[] = [];
  const eat = skb.headroom + skb.linear + delta - skb.end;
  if (eat > 0) copies.push(...expandHead(skb, 0, eat + 128));
  else if (skb.cloned) copies.push(...expandHead(skb, 0, 0));
  if (delta > 0) copies.push(["pull-tail", delta]);
  copies.push(...consume(skb, delta));
  skb.linear += delta;
  return copies;
}

function consume(skb: PaperSkb, delta: number): Copy[] {
  let left = delta;
  while (left > 0 && skb.frags.length > 0) {
    const taken = Math.min(left, skb.frags[0]!);
    skb.frags[0]! -= taken;
    left -= taken;
    if (skb.frags[0] === 0) skb.frags.shift();
  }
  while (left > 0 && lengthOf(skb.members[0]!) <= left) left -= lengthOf(skb.members.shift()!);
  if (left === 0) return [];
  const partial = fork(skb.members[0]!);
  const copies = left > partial.linear ? pullTail(partial, left - partial.linear) : [];
  partial.headroom += left;
  partial.linear -= left;
  return copies;
}

/** A shared member is replaced by a clone before it is changed. */
function fork(member: PaperSkb): PaperSkb {
  if (member.shared) member.cloned = true;
  member.shared = false;
  return member;
}

/** 2.3. */
export function linearize(skb: PaperSkb): Copy[] {
  return pagedOf(skb) === 0 ? [] : pullTail(skb, pagedOf(skb));
}

/** 2.4, the byte table row by row, and step 3 for the frag_list. */
export function cowData(skb: PaperSkb, tailbits: number): Copy[] {
  const copies: Copy[] = [];
  if (skb.frags.length > 0) copies.push(...pullTail(skb, sum(skb.frags)));
  else if (skb.cloned) copies.push(...expandHead(skb, 0, 0));
  if (skb.members.length > 0) return [...copies, ...cowMembers(skb, tailbits)];
  const tailroom = skb.end - skb.headroom - skb.linear;
  if (tailroom < tailbits) copies.push(...expandHead(skb, 0, tailbits - tailroom + 128));
  return copies;
}

function cowMembers(skb: PaperSkb, tailbits: number): Copy[] {
  const copies: Copy[] = [];
  let copyflag = false;
  skb.members.forEach((member, index) => {
    copyflag ||= member.shared;
    const paged = member.frags.length > 0 || member.members.length > 0;
    const fits = !paged && member.end - member.headroom - member.linear >= tailbits;
    const isLast = index === skb.members.length - 1;
    const ntail = isLast && tailbits > 0 && !fits ? tailbits + 128 : 0;
    if (!copyflag && !member.cloned && ntail === 0 && !paged) return;
    const [reason, own] = ntail === 0
      ? ["skb-copy", copyOf(member)] as const
      : ["skb-copy-expand", copyExpandOf(member, member.headroom, ntail)] as const;
    copies.push([reason, member.headroom + lengthOf(member)]);
    skb.members[index] = own;
  });
  return copies;
}

/** 2.5, skb_copy: a linear buffer of E + D. */
export function copyOf(skb: PaperSkb): PaperSkb {
  return linearPaper(skb.headroom, lengthOf(skb), endFor(skb.end + pagedOf(skb)));
}

/** 2.5, skb_copy_expand. */
export function copyExpandOf(skb: PaperSkb, headroom: number, tailroom: number): PaperSkb {
  return linearPaper(headroom, lengthOf(skb), endFor(headroom + lengthOf(skb) + tailroom));
}

function linearPaper(headroom: number, linear: number, end: number): PaperSkb {
  return { headroom, linear, end, frags: [], members: [], cloned: false, shared: false };
}

/** 2.5, skb_cow_head and skb_cow, which differ in what counts as shared. */
export function ensureHeadroom(skb: PaperSkb, headroom: number, shared: boolean): Copy[] {
  if (!shared && skb.headroom >= headroom) return [];
  const lacking = Math.max(0, headroom - skb.headroom);
  return expandHead(skb, Math.ceil(lacking / 64) * 64, 0);
}

/** 2.5, pskb_trim, and 15.1: in 6.1 it ends in skb_condense. */
export function trim(skb: PaperSkb, length: number, era: Era): Copy[] {
  if (length >= lengthOf(skb)) return [];
  if (pagedOf(skb) === 0) {
    skb.linear = length;
    return [];
  }
  const copies = skb.cloned ? expandHead(skb, 0, 0) : [];
  copies.push(...trimPaged(skb, Math.max(0, length - skb.linear), era));
  skb.linear = Math.min(skb.linear, length);
  const paged = pagedOf(skb);
  const fits = paged <= skb.end - skb.headroom - skb.linear;
  if (era === "6.1" && paged > 0 && fits && !skb.cloned) copies.push(...pullTail(skb, paged));
  return copies;
}

function trimPaged(skb: PaperSkb, keep: number, era: Era): Copy[] {
  const copies: Copy[] = [];
  let left = keep;
  const kept = (size: number): number => {
    const bytes = Math.min(size, left);
    left -= bytes;
    return bytes;
  };
  skb.frags = skb.frags.map(kept).filter((bytes) => bytes > 0);
  const members: PaperSkb[] = [];
  for (const member of skb.members) {
    const bytes = kept(lengthOf(member));
    if (bytes === 0) break;
    copies.push(...trim(fork(member), bytes, era));
    members.push(member);
  }
  skb.members = members;
  return copies;
}
