/**
 * The pieces of some data bytes of a buffer, those in front of its data included: a tap wants the Ethernet header, a cipher
 * with extended sequence numbers 4 bytes of the header in front of ESP.
 *
 * ```ts
 * const pieces = new DataPieces();
 * pieces.start(skb, -14, 14 + skb.len);
 * while (pieces.next()) use(memory.u8, pieces.at, pieces.bytes);
 * ```
 *
 * @module
 */

import { Pieces } from "../skb/pieces.ts";
import type { Skb } from "../skb/skb.ts";
import type { Piece } from "./primitives.ts";

/** A cursor over pieces, used again and again. */
export class DataPieces {
  /** Offset of the current piece in the arena. */
  at = 0;
  /** Its length. */
  bytes = 0;

  readonly #pieces = new Pieces();
  #frontAt = 0;
  #frontBytes = 0;

  /** Starts at data byte `offset` of `skb`, which is below 0 for bytes in front of the data, for `bytes` bytes. */
  start(skb: Skb, offset: number, bytes: number): void {
    this.#frontBytes = Math.max(0, -offset);
    this.#frontAt = skb.dataAt - this.#frontBytes;
    this.#pieces.start(skb, offset + this.#frontBytes, bytes - this.#frontBytes);
  }

  /** Moves to the next piece; false at the end. */
  next(): boolean {
    if (this.#frontBytes > 0) {
      this.at = this.#frontAt;
      this.bytes = this.#frontBytes;
      this.#frontBytes = 0;
      return true;
    }
    if (!this.#pieces.next()) return false;
    this.at = this.#pieces.at;
    this.bytes = this.#pieces.bytes;
    return true;
  }

  /** All of them, as a list. */
  list(skb: Skb, offset: number, bytes: number): Piece[] {
    const found: Piece[] = [];
    this.start(skb, offset, bytes);
    while (this.next()) found.push({ at: this.at, bytes: this.bytes });
    return found;
  }
}
