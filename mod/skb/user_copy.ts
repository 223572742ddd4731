/**
 * How the bytes of a process get into buffers: copied, into the linear area or into page fragments, or by reference.
 *
 * linux-datapath 1.8, 1.10 and 1.12 (net/ipv4/tcp.c: tcp_sendmsg of 4.4, tcp_sendmsg_locked and do_tcp_sendpages of 6.1;
 * net/ipv4/ip_output.c: __ip_append_data). What a process has lies in the arena as well, in blocks that stand for its own
 * pages or those of a file. A copy from there is a row of its own kind (`user-copy`): it is no copy inside the stack.
 *
 * ```ts
 * const room = roomInPages(skbs, skb, pool); // at least 32 bytes, or 0: no fragment is left
 * copyToPages(skbs, skb, pool, packet, at, Math.min(room, bytes));
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { partialSum } from "../wire/checksum.ts";
import { put } from "./head_ops.ts";
import type { Block } from "./memory.ts";
import type { PageFragPool } from "./page_frag_pool.ts";
import { addFrag } from "./paged_ops.ts";
import type { Frag, Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** Least piece of a page that is worth a fragment (sk_page_frag_refill). */
const LEAST_PIECE_BYTES = 32;

/** Copies `bytes` bytes of captured packet `packet` at `from` in the arena behind the linear bytes of `skb`. */
export function copyToLinear(
  skbs: SkbMemory,
  skb: Skb,
  packet: number,
  from: number,
  bytes: number,
  reason: number = REASON.userLinear,
): void {
  const at = skb.head.at + skb.tail;
  put(skb, bytes);
  skbs.memory.move(from, at, bytes);
  skbs.ledger.write(EVENT["user-copy"], reason, packet, skb.id, NONE, bytes, 1, 0);
}

/** As {@linkcode copyToLinear}, in one pass with the checksum: returns the ones-complement sum of the bytes. */
export function copyAndSum(
  skbs: SkbMemory,
  skb: Skb,
  packet: number,
  from: number,
  bytes: number,
  reason: number = REASON.userLinear,
): number {
  copyToLinear(skbs, skb, packet, from, bytes, reason);
  skbs.ledger.write(EVENT.checksum, REASON.fusedUser, packet, skb.id, NONE, bytes, 1, 0);
  return partialSum(skbs.memory.u8, from, bytes);
}

/** Bytes that `pool` has next for the pages of `skb`; 0 when they would need a fragment more than are to be built. */
export function roomInPages(skbs: SkbMemory, skb: Skb, pool: PageFragPool): number {
  const room = pool.room(LEAST_PIECE_BYTES);
  const last = skb.head.frags.at(-1);
  const joins = last !== undefined && pool.continues(last);
  return joins || skb.nrFrags < skbs.buildFrags ? room : 0;
}

/** Copies `bytes` bytes, at most `roomInPages()`, of captured packet `packet` at `from` into a page behind `skb`. */
export function copyToPages(
  skbs: SkbMemory,
  skb: Skb,
  pool: PageFragPool,
  packet: number,
  from: number,
  bytes: number,
): void {
  const last = skb.head.frags.at(-1);
  const joins = last !== undefined && pool.continues(last);
  const block = pool.take(bytes);
  skbs.memory.move(from, block.at + pool.takenOffset, bytes);
  skbs.ledger.write(EVENT["user-copy"], REASON.userPage, packet, skb.id, NONE, bytes, 1, 0);
  if (joins) growFrag(skbs, skb, last, block, bytes);
  else addFrag(skb, block, pool.takenOffset, bytes);
}

/** Whether `bytes` bytes at `offset` of the page `block` of a file can become part of `skb`. */
export function takesFilePage(skbs: SkbMemory, skb: Skb, block: Block, offset: number): boolean {
  return followsLast(skb, block, offset) || skb.nrFrags < skbs.buildFrags;
}

/** Adds `bytes` bytes at `offset` of the page `block` of a file to `skb` by reference (do_tcp_sendpages). */
export function referToFilePage(
  skbs: SkbMemory,
  skb: Skb,
  packet: number,
  block: Block,
  offset: number,
  bytes: number,
): void {
  skbs.memory.get(block);
  skb.head.hasSharedFrag = true;
  skbs.ledger.write(EVENT.frag, REASON.filePage, packet, skb.id, NONE, bytes, 1, 0);
  if (followsLast(skb, block, offset)) growFrag(skbs, skb, skb.head.frags.at(-1)!, block, bytes);
  else addFrag(skb, block, offset, bytes);
}

function followsLast(skb: Skb, block: Block, offset: number): boolean {
  const last = skb.head.frags.at(-1);
  return last !== undefined && last.block === block && last.offset + last.bytes === offset;
}

/** The fragment goes on in its own block, on which it holds a reference already. */
function growFrag(skbs: SkbMemory, skb: Skb, frag: Frag, block: Block, bytes: number): void {
  skbs.memory.put(block);
  frag.bytes += bytes;
  skb.len += bytes;
  skb.dataLen += bytes;
}
