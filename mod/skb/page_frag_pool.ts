/**
 * A page-frag pool: pieces of a 32 KiB block, handed out front to back (skb_page_frag_refill, net/core/sock.c).
 *
 * linux-datapath 1.8. Every SA has one for ESP trailers and for destination pages (`x->xfrag`, from 4.11 on). A block that
 * nobody else uses any more is used again from its start; one that is used up is left to its users.
 *
 * Departure: a request above 32 KiB gets a block of its own size; the kernel of 4.11 to March 2022 wrote past the block.
 *
 * ```ts
 * const pool = new PageFragPool(memory);
 * addFrag(skb, pool.take(64), pool.takenOffset, 20);
 * ```
 *
 * @module
 */

import { PAGE_FRAG_BLOCK_BYTES } from "./geometry.ts";
import type { Block, Memory } from "./memory.ts";

/** Hands out pieces of blocks. */
export class PageFragPool {
  /** Offset in its block of the piece taken last. */
  takenOffset = 0;

  #block: Block | null = null;
  #offset = 0;

  constructor(readonly memory: Memory) {}

  /** Takes `bytes` bytes; returns their block with a reference for the caller, and sets `takenOffset`. */
  take(bytes: number): Block {
    const block = this.#refill(bytes);
    this.takenOffset = this.#offset;
    this.#offset += bytes;
    this.memory.get(block);
    return block;
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
    this.#block = this.memory.allocate(Math.max(bytes, PAGE_FRAG_BLOCK_BYTES));
    this.#offset = 0;
    return this.#block;
  }
}
