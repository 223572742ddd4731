/**
 * AES-CBC and AES-CTR of the package `@noble/ciphers` (RFC 3602, RFC 3686), without authentication.
 *
 * The counter block of AES-CTR is salt, IV, and a counter that starts at 1 (RFC 3686, section 4). ESP pads for AES-CBC; here
 * nothing is padded.
 *
 * ```ts
 * import { NOBLE_CIPHERS } from "./noble_ciphers.ts";
 * const u8 = new Uint8Array(16);
 * NOBLE_CIPHERS["aes-cbc"](new Uint8Array(16)).encrypt(new Uint8Array(16), u8, 0, 16);
 * ```
 *
 * @module
 */
import { cbc, ctr } from "@noble/ciphers/aes.js";
import type { CipherAlgorithm, OldCipher } from "./aead.ts";
import { desCbc } from "./des.ts";
import type { Cipher } from "./encrypt_then_mac.ts";
import { NULL_CIPHER } from "./null_cipher.ts";

const AES_BLOCK_BYTES = 16;
const CTR_IV_BYTES = 8;
const NO_PADDING = { disablePadding: true };

class NobleAesCbc implements Cipher {
  readonly ivBytes = AES_BLOCK_BYTES;
  readonly blockBytes = AES_BLOCK_BYTES;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  encrypt(iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    u8.set(cbc(this.#key, iv, NO_PADDING).encrypt(u8.subarray(at, at + length)), at);
  }

  decrypt(iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    u8.set(cbc(this.#key, iv, NO_PADDING).decrypt(u8.subarray(at, at + length)), at);
  }
}

class NobleAesCtr implements Cipher {
  readonly ivBytes = CTR_IV_BYTES;
  readonly blockBytes = 1;
  readonly #key: Uint8Array;
  readonly #counter = new Uint8Array(AES_BLOCK_BYTES);

  constructor(key: Uint8Array) {
    this.#key = key.slice();
    this.#counter[AES_BLOCK_BYTES - 1] = 1;
  }

  encrypt(nonce: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.#counter.set(nonce);
    u8.set(ctr(this.#key, this.#counter).encrypt(u8.subarray(at, at + length)), at);
  }

  decrypt(nonce: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.encrypt(nonce, u8, at, length);
  }
}

/** What makes each cipher under a key, which is copied. */
export const NOBLE_CIPHERS: Readonly<Record<CipherAlgorithm | OldCipher, (key: Uint8Array) => Cipher>> = {
  "des-cbc": desCbc,
  "3des-cbc": desCbc,
  "null": () => NULL_CIPHER,
  "aes-cbc": (key) => new NobleAesCbc(key),
  "aes-ctr": (key) => new NobleAesCtr(key),
};
