/**
 * AES-GCM (NIST SP 800-38D), and AES-GMAC as ESP uses it (RFC 4543), of the package `@noble/ciphers`.
 *
 * The package knows tags of 16 bytes. A shorter one is the front of that (SP 800-38D, section 7.1, step 7): to verify it the
 * message is decrypted aside and sealed once more.
 *
 * ```ts
 * import { NobleAesGcm } from "./noble_gcm.ts";
 * new NobleAesGcm(new Uint8Array(32), 12).tagBytes; // 12
 * ```
 *
 * @module
 */
import { gcm } from "@noble/ciphers/aes.js";
import type { Aead } from "./aead.ts";
import { isSameTag } from "./tag.ts";

const WHOLE_TAG_BYTES = 16;
/** What `@noble/ciphers` says of a wrong tag; any other error is a mistake of this program. */
const WRONG_TAG = "aes-gcm: invalid tag";
/** The part of the nonce that is in the packet. */
const GMAC_IV_BYTES = 8;
const NOTHING = new Uint8Array(0);

/** AES-GCM with a tag of any length up to 16 bytes; it takes nonces of 8 bytes and more. */
export class NobleAesGcm implements Aead {
  readonly tagBytes: number;
  readonly #key: Uint8Array;

  /** Copies `key`. */
  constructor(key: Uint8Array, tagBytes: number) {
    this.#key = key.slice();
    this.tagBytes = tagBytes;
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    // The package writes to an array of its own and offers no other way for GCM.
    const sealed = gcm(this.#key, nonce, aad).encrypt(u8.subarray(at, at + length));
    u8.set(sealed.subarray(0, length + this.tagBytes), at);
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    if (length < this.tagBytes) return false;
    if (this.tagBytes < WHOLE_TAG_BYTES) return this.#openShort(nonce, aad, u8, at, length);
    try {
      u8.set(gcm(this.#key, nonce, aad).decrypt(u8.subarray(at, at + length)), at);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message === WRONG_TAG) return false;
      throw error;
    }
  }

  #openShort(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const ciphertextBytes = length - this.tagBytes;
    // Counter mode: to encrypt the ciphertext is to decrypt it.
    const clear = gcm(this.#key, nonce, aad).encrypt(u8.subarray(at, at + ciphertextBytes)).subarray(
      0,
      ciphertextBytes,
    );
    const sealed = gcm(this.#key, nonce, aad).encrypt(clear);
    if (!isSameTag(u8, at + ciphertextBytes, sealed.subarray(ciphertextBytes), this.tagBytes)) return false;
    u8.set(clear, at);
    return true;
  }
}

/** AES-GMAC: additional data, IV and the message, which stays clear, are the additional data of AES-GCM over nothing. */
export class NobleAesGmac implements Aead {
  readonly tagBytes: number;
  readonly #key: Uint8Array;

  /** Copies `key`. */
  constructor(key: Uint8Array, tagBytes: number) {
    this.#key = key.slice();
    this.tagBytes = tagBytes;
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    u8.set(this.#tag(nonce, aad, u8, at, length), at + length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const clearBytes = length - this.tagBytes;
    if (clearBytes < 0) return false;
    return isSameTag(u8, at + clearBytes, this.#tag(nonce, aad, u8, at, clearBytes), this.tagBytes);
  }

  #tag(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): Uint8Array {
    const all = new Uint8Array(aad.length + GMAC_IV_BYTES + length);
    all.set(aad);
    all.set(nonce.subarray(nonce.length - GMAC_IV_BYTES), aad.length);
    all.set(u8.subarray(at, at + length), aad.length + GMAC_IV_BYTES);
    return gcm(this.#key, nonce, all).encrypt(NOTHING).subarray(0, this.tagBytes);
  }
}
