/**
 * The bytes of a packet as contiguous pieces of the arena, in packet order: linear area, fragments, frag_list.
 *
 * One cursor is used again and again, so that walking a packet allocates nothing.
 *
 * ```ts
 * const pieces = new Pieces();
 * pieces.start(skb, 40, 1460);
 * while (pieces.next()) use(memory.u8, pieces.at, pieces.bytes);
 * ```
 *
 * @module
 */

import type { Skb } from "./skb.ts";

/** A cursor over the pieces of a packet. */
export class Pieces {
  /** Offset of the current piece in the arena. */
  at = 0;
  /** Length of the current piece, never 0. */
  bytes = 0;

  /** Buffers whose frag_list has not been entered yet, or whose next list member is still to come. */
  readonly #pending: Skb[] = [];
  #skb: Skb | null = null;
  /** Piece of `#skb` that comes next: 0 is the linear area, n is fragment n - 1. */
  #index = 0;
  #skip = 0;
  #left = 0;

  /** Starts at data byte `offset` of `skb`, for `bytes` bytes. */
  start(skb: Skb, offset: number, bytes: number): void {
    if (offset + bytes > skb.len) {
      throw new Error(`Cannot read ${bytes} bytes at ${offset}: skb ${skb.id} has ${skb.len}`);
    }
    this.#pending.length = 0;
    this.#skb = skb;
    this.#index = 0;
    this.#skip = offset;
    this.#left = bytes;
  }

  /** Moves to the next piece; false at the end. */
  next(): boolean {
    while (this.#left > 0) {
      const skb = this.#skb!;
      if (this.#index > skb.nrFrags) {
        this.#leave(skb);
        continue;
      }
      const frag = this.#index === 0 ? undefined : skb.head.frags[this.#index - 1]!;
      const size = frag === undefined ? skb.headlen : frag.bytes;
      this.#index += 1;
      if (this.#skip >= size) {
        this.#skip -= size;
        continue;
      }
      this.at = (frag === undefined ? skb.dataAt : frag.at) + this.#skip;
      this.bytes = Math.min(size - this.#skip, this.#left);
      this.#skip = 0;
      this.#left -= this.bytes;
      return true;
    }
    return false;
  }

  /** After the last fragment of `skb`: into its frag_list, else to the next member of the list it is in. */
  #leave(skb: Skb): void {
    this.#index = 0;
    if (skb.head.fragList !== null) {
      this.#pending.push(skb);
      this.#skb = skb.head.fragList;
      return;
    }
    let done = skb;
    while (this.#pending.length > 0) {
      if (done.next !== null) {
        this.#skb = done.next;
        return;
      }
      done = this.#pending.pop()!;
    }
    throw new Error(`Cannot walk skb ${skb.id}: its lengths do not add up`);
  }
}
