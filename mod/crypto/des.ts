/**
 * DES and triple DES in CBC mode (FIPS 46-3; in ESP RFC 2405 and RFC 2451): slow, and there to open old captures, whatever the
 * engine. Nobody should encrypt with it (RFC 8221, section 5).
 *
 * ```ts
 * import { desCbc } from "./des.ts";
 * const u8 = new Uint8Array(8);
 * desCbc(new Uint8Array(24)).decrypt(new Uint8Array(8), u8, 0, 8);
 * ```
 *
 * @module
 */
import type { Cipher } from "./encrypt_then_mac.ts";

const BLOCK_BYTES = 8;
const HALF_BITS = 32;
const KEY_BYTES = 8;
const ROUNDS = 16;

/** Bit numbers count from 1, as in the standard. */
const bits = (text: string): number[] => text.split(" ").map((number) => Number(number) - 1);

const INITIAL = bits(
  "58 50 42 34 26 18 10 2 60 52 44 36 28 20 12 4 62 54 46 38 30 22 14 6 64 56 48 40 32 24 16 8 " +
    "57 49 41 33 25 17 9 1 59 51 43 35 27 19 11 3 61 53 45 37 29 21 13 5 63 55 47 39 31 23 15 7",
);
const FINAL = INITIAL.map((_, i) => INITIAL.indexOf(i));
const PERMUTATION = bits("16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25");
const KEY_CHOICE_1 = bits(
  "57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36 " +
    "63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4",
);
const KEY_CHOICE_2 = bits(
  "14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2 " +
    "41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32",
);
/** By how much the halves of the key, 28 bits each, turn before each round. */
const TURNS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1];
/** S1 to S8: four rows of 16 hexadecimal digits each. */
const SUBSTITUTIONS = [
  "e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d",
  "f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9",
  "a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c",
  "7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e",
  "2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453",
  "c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d",
  "4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c",
  "d2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b",
].map((text) => Uint8Array.from(text.replaceAll(" ", ""), (digit) => parseInt(digit, 16)));

/** What S1 to S8 and the permutation behind them make of six bits each: words of 32 bits. */
const SUBSTITUTED = SUBSTITUTIONS.map((substitution, box) =>
  Int32Array.from({ length: 64 }, (_, six) => {
    const four = substitution[16 * (((six >> 4) & 2) | (six & 1)) + ((six >> 1) & 15)]!;
    const word = four << (28 - 4 * box);
    return PERMUTATION.reduce((permuted, bit) => (permuted << 1) | ((word >>> (31 - bit)) & 1), 0);
  })
);

/** The keys of the rounds of DES, eight times six bits each. */
function roundKeys(key: Uint8Array): Uint8Array[] {
  const chosen = KEY_CHOICE_1.map((bit) => bitOf(key, bit));
  let turned = 0;
  return TURNS.map((turn) => {
    turned += turn;
    const sixes = new Uint8Array(8);
    KEY_CHOICE_2.forEach((bit, i) => {
      const half = bit < 28 ? 0 : 28;
      const position = Math.floor(i / 6);
      sixes[position] = (sixes[position]! << 1) | chosen[half + (bit - half + turned) % 28]!;
    });
    return sixes;
  });
}

function bitOf(u8: Uint8Array, bit: number): number {
  return (u8[bit >> 3]! >> (7 - (bit & 7))) & 1;
}

/** Bits of the two words of a block, `halves`, in another order, in place. */
function permute(halves: Int32Array, order: readonly number[]): void {
  const [left, right] = [halves[0]!, halves[1]!];
  for (let half = 0; half < 2; half++) {
    let word = 0;
    for (let i = 0; i < HALF_BITS; i++) {
      const bit = order[HALF_BITS * half + i]!;
      word = (word << 1) | (bit < HALF_BITS ? (left >>> (31 - bit)) & 1 : (right >>> (63 - bit)) & 1);
    }
    halves[half] = word;
  }
}

/** One pass of DES over the two words of a block, in place. */
function pass(halves: Int32Array, keys: readonly Uint8Array[], encrypts: boolean): void {
  permute(halves, INITIAL);
  let [left, right] = [halves[0]!, halves[1]!];
  for (let round = 0; round < ROUNDS; round++) {
    const mixed = left ^ substituted(right, keys[encrypts ? round : ROUNDS - 1 - round]!);
    left = right;
    right = mixed;
  }
  // The halves change places once more.
  halves[0] = right;
  halves[1] = left;
  permute(halves, FINAL);
}

/** The function f of the standard: each six bits of the key meet four of the word and their neighbours. */
function substituted(word: number, key: Uint8Array): number {
  let result = 0;
  // One bit further round, six bits of a box stand side by side.
  const wide = (word >>> 31) | (word << 1);
  for (let box = 0; box < 8; box++) {
    const six = box < 7 ? (((word >>> 1 | word << 31) >>> (26 - 4 * box)) & 63) : (wide & 63);
    result |= SUBSTITUTED[box]![six ^ key[box]!]!;
  }
  return result;
}

class DesCbc implements Cipher {
  readonly ivBytes = BLOCK_BYTES;
  readonly blockBytes = BLOCK_BYTES;
  /** Of one pass, or of three: encrypt, decrypt, encrypt. */
  readonly #keys: readonly Uint8Array[][];
  readonly #halves = new Int32Array(2);

  constructor(key: Uint8Array) {
    const parts = Array.from({ length: key.length / KEY_BYTES }, (_, i) => key.subarray(KEY_BYTES * i));
    this.#keys = parts.map(roundKeys);
  }

  encrypt(iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    let before = iv.slice();
    for (let blockAt = at; blockAt < at + length; blockAt += BLOCK_BYTES) {
      for (let i = 0; i < BLOCK_BYTES; i++) u8[blockAt + i]! ^= before[i]!;
      this.#run(u8, blockAt, true);
      before = u8.slice(blockAt, blockAt + BLOCK_BYTES);
    }
  }

  decrypt(iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    let before = iv.slice();
    for (let blockAt = at; blockAt < at + length; blockAt += BLOCK_BYTES) {
      const sealed = u8.slice(blockAt, blockAt + BLOCK_BYTES);
      this.#run(u8, blockAt, false);
      for (let i = 0; i < BLOCK_BYTES; i++) u8[blockAt + i]! ^= before[i]!;
      before = sealed;
    }
  }

  #run(u8: Uint8Array, at: number, encrypts: boolean): void {
    const view = new DataView(u8.buffer, u8.byteOffset + at, BLOCK_BYTES);
    const halves = this.#halves;
    halves[0] = view.getInt32(0);
    halves[1] = view.getInt32(4);
    const last = this.#keys.length - 1;
    for (let i = 0; i <= last; i++) pass(halves, this.#keys[encrypts ? i : last - i]!, encrypts === (i % 2 === 0));
    view.setInt32(0, halves[0]!);
    view.setInt32(4, halves[1]!);
  }
}

/** DES under a key of 8 bytes, triple DES under one of 24; it is not kept, and its parity bits are not looked at. */
export function desCbc(key: Uint8Array): Cipher {
  return new DesCbc(key);
}
