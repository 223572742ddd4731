/**
 * Memory for packet bytes: one arena of blocks with reference counts.
 *
 * A block stands for a page, a part of a page, or a kmalloc object: bytes named by an offset into the arena. Heads and
 * fragments hold references; the last one gives the block back to a free list of its size. In tests, blocks are poisoned
 * when they are freed, so that a use after free shows as wrong bytes.
 *
 * The arena grows by doubling, which replaces `u8` and `view`: read them from the memory each time, never keep them.
 *
 * ```ts
 * const memory = new Memory();
 * const block = memory.allocate(2048);
 * memory.u8.set(frame, block.at);
 * memory.put(block);
 * ```
 *
 * @module
 */

import { partialSum } from "../wire/checksum.ts";
import type { ByteWatch } from "./byte_watch.ts";

const POISON = 0x6b; // POISON_FREE of the kernel's slab debugging.
/** Enough for short captures, of which many may be played. */
const START_BYTES = 1 << 16;
const SMALLEST_SHIFT = 6;

/** A piece of the arena. `refs` counts the heads and fragments that use it. */
export class Block {
  constructor(
    /** Offset of its first byte in the arena. */
    readonly at: number,
    /** log2 of its size. */
    readonly shift: number,
    public refs: number,
  ) {}

  /** Its size in bytes, a power of two. */
  get bytes(): number {
    return 1 << this.shift;
  }
}

/** The arena. */
export class Memory {
  /** All bytes; replaced when the arena grows. */
  u8: Uint8Array;
  /** A view of the same bytes; replaced when the arena grows. */
  view: DataView;
  /** Blocks in use. */
  live = 0;
  /** Is told what happens to the bytes; null when nobody watches. */
  watch: ByteWatch | null = null;

  readonly #poison: boolean;
  readonly #free: Block[][] = [];
  #top = 0;

  constructor(options: { poison?: boolean } = {}) {
    this.#poison = options.poison ?? false;
    this.u8 = new Uint8Array(START_BYTES);
    this.view = new DataView(this.u8.buffer);
  }

  /** A block of at least `bytes` with one reference, aligned to its own size; its content is undefined. */
  allocate(bytes: number): Block {
    const shift = Math.max(SMALLEST_SHIFT, 32 - Math.clz32(bytes - 1));
    this.live += 1;
    const block = this.#free[shift]?.pop();
    if (block === undefined) return this.#carve(shift);
    block.refs = 1;
    return block;
  }

  /** Takes one more reference. */
  get(block: Block): void {
    block.refs += 1;
  }

  /** Gives a reference back; the last one frees the block. */
  put(block: Block): void {
    block.refs -= 1;
    if (block.refs > 0) return;
    if (block.refs < 0) throw new Error("Cannot put a block: it is free already");
    if (this.#poison) this.u8.fill(POISON, block.at, block.at + block.bytes);
    this.live -= 1;
    (this.#free[block.shift] ??= []).push(block);
  }

  /** Moves `bytes` bytes inside the arena. */
  move(from: number, to: number, bytes: number): void {
    this.u8.copyWithin(to, from, from + bytes);
    if (this.watch !== null) this.watch.moved(from, to, bytes);
  }

  /** The ones-complement sum of `bytes` bytes, folded. */
  sum(at: number, bytes: number): number {
    const sum = partialSum(this.u8, at, bytes);
    if (this.watch !== null) this.watch.summed(at, bytes, sum);
    return sum;
  }

  #carve(shift: number): Block {
    const size = 1 << shift;
    const at = Math.ceil(this.#top / size) * size;
    if (at + size > this.u8.length) this.#grow(at + size);
    this.#top = at + size;
    return new Block(at, shift, 1);
  }

  #grow(atLeast: number): void {
    let length = this.u8.length;
    while (length < atLeast) length *= 2;
    const grown = new Uint8Array(length);
    grown.set(this.u8);
    this.u8 = grown;
    this.view = new DataView(grown.buffer);
  }
}
