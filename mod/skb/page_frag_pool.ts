/**
 * A page-frag pool: pieces of a block of pages, handed out front to back (skb_page_frag_refill, net/core/sock.c).
 *
 * linux-datapath 1.8. Every SA has one for ESP trailers and for destination pages (`x->xfrag`, from 4.11 on), every TCP
 * socket or task one for what it sends. Blocks have 2^order pages: 32 KiB with order 3, which is what Linux asks for first.
 * A block that nobody else uses any more is used again from its start; one that is used up is left to its users.
 *
 * Departure: a request larger than a block gets a block of its own size. The kernel does not refuse it either, and so wrote
 * past the block from 4.11 to March 2022 (linux-datapath 3.5).
 *
 * ```ts
 * const pool = new PageFragPool(memory, skbs.pageOrder);
 * addFrag(skb, pool.take(64), pool.takenOffset, 20);
 * ```
 *
 * @module
 */

import { alignCacheLine, PAGE_SIZE } from "./geometry.ts";
import type { Block, Memory } from "./memory.ts";
import type { Frag } from "./skb.ts";

/** Hands out pieces of blocks. */
export class PageFragPool {
  /** Offset in its block of the piece taken last. */
  takenOffset = 0;

  #block: Block | null = null;
  #offset = 0;

  readonly #blockBytes: number;

  /** A pool over blocks of 2^`pageOrder` pages. */
  constructor(readonly memory: Memory, pageOrder: number) {
    this.#blockBytes = PAGE_SIZE << pageOrder;
  }

  /** Takes `bytes` bytes; returns their block with a reference for the caller, and sets `takenOffset`. */
  take(bytes: number): Block {
    const block = this.#refill(bytes);
    this.takenOffset = this.#offset;
    this.#offset += bytes;
    this.memory.get(block);
    return block;
  }

  /** Makes sure that at least `least` bytes are left in one block, and returns how many are (sk_page_frag_refill). */
  room(least: number): number {
    return this.#refill(least).bytes - this.#offset;
  }

  /** Whether the piece that is taken next follows the bytes of `frag` (skb_can_coalesce); `room()` has just been called. */
  continues(frag: Frag): boolean {
    return frag.block === this.#block && frag.offset + frag.bytes === this.#offset;
  }

  /** Gives up the pool's own block. */
  release(): void {
    if (this.#block !== null) this.memory.put(this.#block);
    this.#block = null;
  }

  #refill(bytes: number): Block {
    const current = this.#block;
    if (current !== null && current.refs === 1) this.#offset = 0;
    if (current !== null && this.#offset + bytes <= current.bytes) return current;
    if (current !== null) this.memory.put(current);
    this.#block = this.memory.allocate(Math.max(bytes, this.#blockBytes));
    this.#offset = 0;
    return this.#block;
  }
}

/**
 * Whether `dataLen` paged bytes and a trailer of `tailBytes` need a larger piece than ESP dares to ask for since 2022, so
 * that it goes through skb_cow_data (esp_output_head, 6.1.192; `esp_frag_limit=4096`).
 */
export function exceedsFragLimit(dataLen: number, tailBytes: number): boolean {
  return alignCacheLine(dataLen + tailBytes) > PAGE_SIZE;
}
