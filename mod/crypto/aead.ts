/**
 * What the ESP stages need of a cipher: authenticated encryption in place, synchronous, one object per key.
 *
 * An engine is one way to compute it (`engines.ts`). All engines produce the same lengths, and all that encrypt produce
 * the same bytes; which one runs never changes a trace.
 *
 * ```ts
 * import { ENGINES } from "./engines.ts";
 * const aead = ENGINES.noble.aesGcm(new Uint8Array(32), 16);
 * const u8 = new Uint8Array(100 + aead.tagBytes);
 * aead.seal(new Uint8Array(12), new Uint8Array(8), u8, 0, 100);
 * aead.open(new Uint8Array(12), new Uint8Array(8), u8, 0, 116); // true
 * ```
 *
 * @module
 */

/** The engines there are; configuration key `engine`. */
export type EngineName = "noble" | "skip";

/**
 * Seals and opens one message at a time under a fixed key. All arrays are the caller's; nothing is kept.
 *
 * A nonce is 12 bytes, as in ESP; an engine may take other lengths. Never seal twice with one nonce.
 */
export interface Aead {
  /** Bytes of the tag (in ESP: the ICV). */
  readonly tagBytes: number;

  /**
   * Encrypts the `length` bytes of plaintext at absolute offset `at` in place and writes the tag behind them: the array
   * must have `tagBytes` more. `aad` is authenticated, not changed.
   */
  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void;

  /**
   * Decrypts `length` bytes at absolute offset `at`, ciphertext and tag, in place. Returns true and leaves plaintext in
   * the first `length - tagBytes` bytes (the tag stays) if the tag is right; returns false and changes nothing if it is
   * not or if `length` is less than a tag.
   */
  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean;
}

/** One way to compute an AEAD. */
export interface CryptoEngine {
  /** The name in the configuration. */
  readonly name: EngineName;
  /** Whether what it seals is encrypted; frames of an engine that does not may not be written to a capture. */
  readonly encrypts: boolean;

  /**
   * AES-GCM (NIST SP 800-38D) with a key of 16, 24 or 32 bytes, which is copied, and a tag of 16 bytes.
   *
   * @throws {RangeError} if the engine has no such key or tag length.
   */
  aesGcm(key: Uint8Array, tagBytes: number): Aead;
}

/** Bytes of the only tag the engines make so far (RFC 4106, section 6, allows 8 and 12 as well). */
export const GCM_TAG_BYTES = 16;

/**
 * Refuses parameters that no engine takes.
 *
 * @throws {RangeError} if the key is not of 16, 24 or 32 bytes or the tag not of 16.
 */
export function checkAesGcmParameters(key: Uint8Array, tagBytes: number): void {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new RangeError(`Cannot make an AES-GCM cipher: the key has ${key.length} bytes, not 16, 24 or 32`);
  }
  if (tagBytes !== GCM_TAG_BYTES) {
    throw new RangeError(
      `Cannot make an AES-GCM cipher: a tag of ${tagBytes} bytes is asked for, not ${GCM_TAG_BYTES}`,
    );
  }
}
