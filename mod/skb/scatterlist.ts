/**
 * Scatterlists: what the crypto layer is given to work on, and the bytes behind it.
 *
 * linux-datapath 9.1 (skb_to_sgvec): one entry for the linear part, one per fragment, then the buffers of the frag_list.
 * The crypto walks of Linux (9.2) take an entry in steps that end at page ends, as if all pages were of order 0: a fragment
 * of 32 KiB is 8 steps or 9, although it is one piece of memory. `acrossPages` is the slides' question whether they must.
 *
 * An engine wants one contiguous message, so its bytes are gathered and put back here; that is how this program talks to a
 * cipher, not something that the kernel does, and no event is written for it.
 *
 * ```ts
 * cryptoSteps(skbs, skb, 36, 1448, false); // 2: linear bytes, then a fragment inside one page
 * ```
 *
 * @module
 */

import { PAGE_SIZE } from "./geometry.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** Scatterlist entries of the bytes of `skb` from data offset `offset` on, which lies in its linear area. */
export function scatterlistEntries(skbs: SkbMemory, skb: Skb, offset: number): number {
  const pieces = skbs.pieces;
  let entries = 0;
  pieces.start(skb, offset, skb.len - offset);
  while (pieces.next()) entries += 1;
  return entries;
}

/** Copies `bytes` bytes of `skb` from `offset` to the start of `into`. */
export function gather(skbs: SkbMemory, skb: Skb, offset: number, bytes: number, into: Uint8Array): void {
  const { pieces, memory } = skbs;
  let at = 0;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) {
    into.set(memory.u8.subarray(pieces.at, pieces.at + pieces.bytes), at);
    at += pieces.bytes;
  }
}

/** Copies the first `bytes` bytes of `from` over the bytes of `skb` from `offset`. */
export function scatter(skbs: SkbMemory, skb: Skb, offset: number, bytes: number, from: Uint8Array): void {
  const { pieces, memory } = skbs;
  let at = 0;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) {
    memory.u8.set(from.subarray(at, at + pieces.bytes), pieces.at);
    at += pieces.bytes;
  }
}

/**
 * Steps in which a cipher walks over `bytes` bytes of `skb` from `offset`, in place (blkcipher_walk in 4.4, skcipher_walk
 * in 6.1): each ends where its scatterlist entry does, or the page of its bytes unless `acrossPages`.
 */
export function cryptoSteps(skbs: SkbMemory, skb: Skb, offset: number, bytes: number, acrossPages: boolean): number {
  const { pieces } = skbs;
  let steps = 0;
  pieces.start(skb, offset, bytes);
  while (pieces.next()) steps += acrossPages ? 1 : Math.ceil((pageOffset(pieces.at) + pieces.bytes) / PAGE_SIZE);
  return steps;
}

/** Offset of a byte of the arena in its page: blocks are aligned to their sizes, so none but those above a page cross one. */
export function pageOffset(at: number): number {
  return at % PAGE_SIZE;
}

/** The source of an out-of-place request, remembered while the buffer still has it. Made once and used again and again. */
export class CryptoSource {
  readonly #at: number[] = [];
  readonly #bytes: number[] = [];
  #entries = 0;

  /** Remembers the entries under `bytes` bytes of `skb` from `offset`. */
  remember(skbs: SkbMemory, skb: Skb, offset: number, bytes: number): void {
    const { pieces } = skbs;
    this.#entries = 0;
    pieces.start(skb, offset, bytes);
    while (pieces.next()) {
      this.#at[this.#entries] = pieces.at;
      this.#bytes[this.#entries] = pieces.bytes;
      this.#entries += 1;
    }
  }

  /**
   * Steps of a walk from the remembered source to the bytes of `skb` from `offset`, as many as were remembered: each ends
   * where the entry or, unless `acrossPages`, the page of its source or of its destination does.
   */
  stepsTo(skbs: SkbMemory, skb: Skb, offset: number, acrossPages: boolean): number {
    const { pieces } = skbs;
    let total = 0;
    for (let entry = 0; entry < this.#entries; entry++) total += this.#bytes[entry]!;
    let steps = 0;
    let entry = 0;
    let done = 0;
    pieces.start(skb, offset, total);
    while (pieces.next()) {
      for (let inPiece = 0; inPiece < pieces.bytes; steps++) {
        const from = this.#at[entry]! + done;
        let bytes = Math.min(this.#bytes[entry]! - done, pieces.bytes - inPiece);
        if (!acrossPages) bytes = Math.min(bytes, restOfPage(from), restOfPage(pieces.at + inPiece));
        inPiece += bytes;
        done += bytes;
        if (done < this.#bytes[entry]!) continue;
        entry += 1;
        done = 0;
      }
    }
    return steps;
  }
}

function restOfPage(at: number): number {
  return PAGE_SIZE - pageOffset(at);
}
