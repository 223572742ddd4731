/**
 * The engine that does not encrypt: plaintext stays where ciphertext would be, and the tag is zeros.
 *
 * Lengths, copies and events are those of a real engine, and a receiver finds the inner packets, so that what comes after
 * decryption can be modelled. Nothing is protected and nothing is verified: every message opens.
 *
 * ```ts
 * import { skip } from "./skip.ts";
 * const u8 = new Uint8Array(17).fill(0xa5);
 * const keys = { key: new Uint8Array(32), authKey: new Uint8Array(0) };
 * skip.aead("aes-gcm", keys, 16).seal(new Uint8Array(12), new Uint8Array(8), u8, 0, 1);
 * u8[0]; // 0xa5
 * u8[16]; // 0
 * ```
 *
 * @module
 */
import type { Aead, AeadAlgorithm, AeadKeys, CryptoEngine } from "./aead.ts";
import { checkParameters } from "./algorithms.ts";

class SkippedAead implements Aead {
  readonly tagBytes: number;

  constructor(tagBytes: number) {
    this.tagBytes = tagBytes;
  }

  seal(_nonce: Uint8Array, _aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    const tagAt = at + length;
    u8.fill(0, tagAt, tagAt + this.tagBytes);
  }

  open(_nonce: Uint8Array, _aad: Uint8Array, _u8: Uint8Array, _at: number, length: number): boolean {
    return length >= this.tagBytes;
  }
}

/** The engine. */
export const skip: CryptoEngine = {
  name: "skip",
  encrypts: false,
  whyUnavailable: () => undefined,
  aead(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): Aead {
    checkParameters(algorithm, keys, tagBytes);
    return new SkippedAead(tagBytes);
  },
};
