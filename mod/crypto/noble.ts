/**
 * The portable engine: the packages `@noble/ciphers` and `@noble/hashes`, pure JavaScript, the reference for all other
 * engines.
 *
 * It needs no permission and is slow (aead_bench.ts). AES-GCM takes nonces of 8 bytes and more.
 *
 * ```ts
 * import { noble } from "./noble.ts";
 * noble.aead("aes-gcm", { key: new Uint8Array(32), authKey: new Uint8Array(0) }, 16).tagBytes; // 16
 * ```
 *
 * @module
 */
import { gcm } from "@noble/ciphers/aes.js";
import type { Aead, AeadAlgorithm, AeadKeys, CryptoEngine } from "./aead.ts";
import { checkParameters } from "./algorithms.ts";
import { EncryptThenMac } from "./encrypt_then_mac.ts";
import { hmacSha256 } from "./noble_hmac.ts";
import { NULL_AEAD } from "./null_cipher.ts";

/** What `@noble/ciphers` says of a wrong tag; any other error is a mistake of this program. */
const WRONG_TAG = "aes-gcm: invalid tag";

class NobleAesGcm implements Aead {
  readonly tagBytes: number;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array, tagBytes: number) {
    this.#key = key.slice();
    this.tagBytes = tagBytes;
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    // The package writes to an array of its own and offers no other way for GCM.
    u8.set(gcm(this.#key, nonce, aad).encrypt(u8.subarray(at, at + length)), at);
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    if (length < this.tagBytes) return false;
    try {
      u8.set(gcm(this.#key, nonce, aad).decrypt(u8.subarray(at, at + length)), at);
      return true;
    } catch (error) {
      if (error instanceof Error && error.message === WRONG_TAG) return false;
      throw error;
    }
  }
}

const MAKERS: Readonly<Record<AeadAlgorithm, (keys: AeadKeys, tagBytes: number) => Aead>> = {
  "aes-gcm": ({ key }, tagBytes) => new NobleAesGcm(key, tagBytes),
  "null": () => NULL_AEAD,
  "null-hmac-sha256": ({ authKey }, tagBytes) => new EncryptThenMac(hmacSha256(authKey), tagBytes),
};

/** The engine. */
export const noble: CryptoEngine = {
  name: "noble",
  encrypts: true,
  aead(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): Aead {
    checkParameters(algorithm, keys, tagBytes);
    return MAKERS[algorithm](keys, tagBytes);
  },
};
