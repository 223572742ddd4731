/**
 * ChaCha20-Poly1305 (RFC 8439, in ESP RFC 7634) of the package `@noble/ciphers`.
 *
 * ```ts
 * import { NobleChacha } from "./noble_chacha.ts";
 * new NobleChacha(new Uint8Array(32)).tagBytes; // 16
 * ```
 *
 * @module
 */
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";
import type { Aead } from "./aead.ts";

/** What `@noble/ciphers` says of a wrong tag; any other error is a mistake of this program. */
const WRONG_TAG = "invalid tag";

/** ChaCha20-Poly1305 with a tag of 16 bytes and nonces of 12. */
export class NobleChacha implements Aead {
  readonly tagBytes = 16;
  readonly #key: Uint8Array;

  /** Copies `key`. */
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    u8.set(chacha20poly1305(this.#key, nonce, aad).encrypt(u8.subarray(at, at + length)), at);
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    if (length < this.tagBytes) return false;
    try {
      u8.set(chacha20poly1305(this.#key, nonce, aad).decrypt(u8.subarray(at, at + length)), at);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message === WRONG_TAG) return false;
      throw error;
    }
  }
}
