/**
 * Operations on the linear area: moving its ends, and replacing it.
 *
 * linux-datapath 2.1 and 2.5 (net/core/skbuff.c: pskb_expand_head, skb_cow_head, skb_cow, skb_unclone). Moving an end
 * costs nothing; replacing the head copies the headroom and the linear bytes.
 *
 * ```ts
 * reserve(skb, 320);
 * put(skb, 1394);        // tail moves: the bytes are the caller's to write
 * expandHead(skbs, skb, 0, 150); // copies 320 + 1394 bytes
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { alignCacheLine } from "./geometry.ts";
import type { HeadBuffer, Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** Makes headroom in an empty buffer (skb_reserve). */
export function reserve(skb: Skb, bytes: number): void {
  skb.data += bytes;
  skb.tail += bytes;
}

/** Extends the linear data at its end by `bytes` (skb_put); the new bytes are undefined until written. */
export function put(skb: Skb, bytes: number): void {
  if (skb.dataLen > 0) throw new Error(`Cannot put ${bytes} bytes: skb ${skb.id} is nonlinear`);
  if (skb.tail + bytes > skb.head.endOffset) throw new Error(`Cannot put ${bytes} bytes: skb ${skb.id} lacks tailroom`);
  skb.tail += bytes;
  skb.len += bytes;
}

/** Extends the data at its front by `bytes` (skb_push). */
export function push(skb: Skb, bytes: number): void {
  if (bytes > skb.data) throw new Error(`Cannot push ${bytes} bytes: skb ${skb.id} has ${skb.data} bytes of headroom`);
  skb.data -= bytes;
  skb.len += bytes;
}

/**
 * Extends the data by `bytes` behind its first `headerBytes` bytes, which move to the front (xfrm4_transport_output,
 * xfrm6_transport_output). Header bytes that move within their buffer are no copy in the ledger.
 */
export function pushBehind(skbs: SkbMemory, skb: Skb, headerBytes: number, bytes: number): void {
  push(skb, bytes);
  skbs.memory.move(skb.dataAt + bytes, skb.dataAt, headerBytes);
}

/** Takes `bytes` linear bytes off the front (skb_pull). */
export function pull(skb: Skb, bytes: number): void {
  if (bytes > skb.headlen) throw new Error(`Cannot pull ${bytes} bytes: skb ${skb.id} has ${skb.headlen} linear bytes`);
  skb.data += bytes;
  skb.len -= bytes;
}

/**
 * The network header of `bytes` bytes moves in front of the data, which begin with it from then on: what was in between is
 * gone (xfrm4_transport_input, xfrm6_transport_input). No copy in the ledger, as above.
 */
export function pushMovedHeader(skbs: SkbMemory, skb: Skb, bytes: number): void {
  const from = skb.head.at + skb.networkHeader;
  skb.transportHeader = skb.data;
  push(skb, bytes);
  skbs.memory.move(from, skb.dataAt, bytes);
  skb.networkHeader = skb.data;
}

/** The Ethernet header moves in front of the data, where a tunnel's headers were (skb_mac_header_rebuild). */
export function moveMacHeader(skbs: SkbMemory, skb: Skb): void {
  const from = skb.head.at + skb.macHeader;
  skb.macHeader = skb.data - ETH_HLEN;
  skbs.memory.move(from, skb.head.at + skb.macHeader, ETH_HLEN);
}

/**
 * Gives the skb a private head with `nhead` more bytes in front and at least `ntail` more behind (pskb_expand_head).
 * Copies headroom and linear bytes; fragments are referenced (clone) or moved (sole user), never copied.
 */
export function expandHead(skbs: SkbMemory, skb: Skb, nhead: number, ntail: number): void {
  const old = skb.head;
  const head = skbs.makeHead(skbs.geometry.kmallocEndOffset(nhead + old.endOffset + ntail));
  const bytes = skb.tail;
  skbs.memory.move(old.at, head.at + nhead, bytes);
  skbs.ledger.note(EVENT.copy, REASON.expandHead, skb, bytes);
  moveSharedInfo(skbs, old, head, skb.isCloned);
  skbs.releaseHead(skb);
  skb.head = head;
  skb.headFrag = false;
  skb.cloned = false;
  skb.nohdr = false;
  skb.hdrLen = 0;
  skb.data += nhead;
  skb.tail += nhead;
  skb.macHeader += nhead;
  skb.networkHeader += nhead;
  skb.transportHeader += nhead;
}

/** Hands fragments, frag_list and GSO facts of `old` to `head`: by reference while somebody else still uses `old`. */
function moveSharedInfo(skbs: SkbMemory, old: HeadBuffer, head: HeadBuffer, shared: boolean): void {
  head.gsoSize = old.gsoSize;
  head.gsoSegs = old.gsoSegs;
  head.gsoType = old.gsoType;
  head.gsoFixedId = old.gsoFixedId;
  head.hasSharedFrag = old.hasSharedFrag;
  head.fragList = old.fragList;
  head.sharesPages = old.sharesPages;
  if (shared) {
    if (old.frags.length > 0) head.sharesPages = old.sharesPages = true;
    for (const frag of old.frags) head.frags.push(skbs.refFrag(frag));
    for (let member = old.fragList; member !== null; member = member.next) member.users += 1;
    return;
  }
  head.frags.push(...old.frags);
  old.frags.length = 0;
  old.fragList = null;
}

/** Makes sure the header may be written and has `headroom` bytes in front (skb_cow_head). */
export function cowHead(skbs: SkbMemory, skb: Skb, headroom: number): void {
  ensureHeadroom(skbs, skb, headroom, skb.isHeaderCloned);
}

/** Makes sure nobody shares the head and it has `headroom` bytes in front (skb_cow). */
export function cow(skbs: SkbMemory, skb: Skb, headroom: number): void {
  ensureHeadroom(skbs, skb, headroom, skb.isCloned);
}

function ensureHeadroom(skbs: SkbMemory, skb: Skb, headroom: number, shared: boolean): void {
  const delta = Math.max(0, headroom - skb.headroom);
  if (delta > 0 || shared) expandHead(skbs, skb, alignCacheLine(delta), 0);
}

/** Gives a clone a private head (skb_unclone). */
export function unclone(skbs: SkbMemory, skb: Skb): void {
  if (skb.isCloned) expandHead(skbs, skb, 0, 0);
}
