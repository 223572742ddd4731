/**
 * Where the IVs of an association come from: a fixed part that follows from seed and SPI, and the sequence number.
 *
 * An IV of 8 bytes is made as Linux `seqiv` does (crypto/seqiv.c, 4.4 and 6.1): the 64-bit sequence number XOR 8 bytes that stay
 * the same for the life of the association. Linux draws these at random. An IV of AES-CBC, 16 bytes, has 8 bytes more that do
 * not just count; Linux (`echainiv`) encrypts what it makes of number and salt once more.
 *
 * ```ts
 * import { IvSource } from "./iv_source.ts";
 * new IvSource(1, 0x1001, 8).ivFor(1); // 8 bytes, good until the next call
 * ```
 *
 * @module
 */
import { set32 } from "../wire/bytes.ts";
import { sequenceHigh } from "./framing.ts";
import { splitmix64 } from "./splitmix.ts";

const AES_BLOCK_BYTES = 16;

/** Makes IVs of 8 or 16 bytes, or none. */
export class IvSource {
  /** The fixed part, in words. */
  readonly #words: readonly number[];
  readonly #iv: Uint8Array;

  /** `seed` is an integer. */
  constructor(seed: number, spi: number, ivBytes: number) {
    const front = splitmix64(splitmix64(BigInt(seed)) ^ BigInt(spi));
    this.#words = [front, splitmix64(front)].flatMap((word) => [Number(word >> 32n), Number(word & 0xffffffffn)]);
    this.#iv = new Uint8Array(ivBytes);
  }

  /** The IV for the packet of this sequence number, in a scratch array that the next call overwrites. */
  ivFor(sequence: number): Uint8Array {
    const iv = this.#iv;
    if (iv.length === 0) return iv;
    const words = this.#words;
    const high = sequenceHigh(sequence);
    const low = sequence >>> 0;
    set32(iv, 0, words[0]! ^ high);
    set32(iv, 4, words[1]! ^ low);
    if (iv.length === AES_BLOCK_BYTES) {
      set32(iv, 8, mixed(words[2]! ^ high));
      set32(iv, 12, mixed(words[3]! ^ low));
    }
    return iv;
  }
}

/** Another 32-bit number for each (the last steps of MurmurHash3). */
function mixed(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
