/**
 * Room in which bytes are put together, used again and again: as long as the longest that was asked for, so that what stays
 * unused takes no memory.
 *
 * ```ts
 * import { Scratch } from "./scratch.ts";
 * const scratch = new Scratch();
 * scratch.room(1514)[1513]; // 0
 * ```
 *
 * @module
 */

/** Room for one thing at a time. */
export class Scratch {
  #bytes = new Uint8Array(0);

  /** At least `bytes` bytes, which hold anything; valid until more are asked for. */
  room(bytes: number): Uint8Array {
    if (this.#bytes.length < bytes) this.#bytes = new Uint8Array(2 * bytes);
    return this.#bytes;
  }
}
