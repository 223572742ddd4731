/**
 * What the ESP stages need of a cipher: authenticated encryption in place, synchronous, one object per key.
 *
 * An engine is one way to compute it (`engines.ts`). All engines produce the same lengths, and all that encrypt produce
 * the same bytes; which one runs never changes a trace. What is sealed with is an algorithm (`algorithms.ts`): a cipher that
 * authenticates itself, or a cipher and an HMAC put together as ESP does (`encrypt_then_mac.ts`).
 *
 * ```ts
 * import { ENGINES } from "./engines.ts";
 * const keys = { key: new Uint8Array(32), authKey: new Uint8Array(0) };
 * const aead = ENGINES.noble.aead("aes-gcm", keys, 16);
 * const u8 = new Uint8Array(100 + aead.tagBytes);
 * aead.seal(new Uint8Array(12), new Uint8Array(8), u8, 0, 100);
 * aead.open(new Uint8Array(12), new Uint8Array(8), u8, 0, 116); // true
 * ```
 *
 * @module
 */

/** The engines there are; configuration key `engine`. */
export type EngineName = "noble" | "openssl" | "skip";

/** Ciphers that authenticate nothing themselves. */
export type CipherAlgorithm = "null" | "aes-cbc" | "aes-ctr";

/** Hashes that an HMAC is made of. */
export type HashAlgorithm = "sha1" | "sha256" | "sha384" | "sha512";

/** Ciphers and hashes of old captures, and a hash that authenticates nothing. */
export type OldCipher = "des-cbc" | "3des-cbc";
/** See `OldCipher`. */
export type OldHash = "md5" | "none";

/** What is only opened, in old captures: nobody should protect anything with it (RFC 8221, sections 5 and 6). */
export type OldAlgorithm =
  | "aes-cbc"
  | "aes-cbc-hmac-md5"
  | "null-hmac-md5"
  | OldCipher
  | `${OldCipher}-hmac-${"sha1" | "md5"}`;

/** The algorithms there are: ciphers that authenticate, NULL without anything, and a cipher with an HMAC. */
export type AeadAlgorithm =
  | "aes-gcm"
  | "aes-ccm"
  | "aes-gmac"
  | "chacha20-poly1305"
  | "null"
  | `${CipherAlgorithm}-hmac-${HashAlgorithm}`
  | OldAlgorithm;

/** The keys of an algorithm; an empty array where it has none. */
export interface AeadKeys {
  /** Of the cipher. */
  readonly key: Uint8Array;
  /** Of the HMAC. */
  readonly authKey: Uint8Array;
}

/**
 * Seals and opens one message at a time under fixed keys. All arrays are the caller's; nothing is kept.
 *
 * A nonce is as long as the algorithm wants it (`algorithms.ts`; of AES-GCM an engine may take others): salt and IV of ESP, or
 * the IV alone. Never seal twice with one nonce. Additional data are SPI and sequence number, 8 bytes, or 12 with the upper
 * half of an extended sequence number in the middle.
 */
export interface Aead {
  /** Bytes of the tag (in ESP: the ICV); 0 where nothing is authenticated. */
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

/** One way to compute what there is to seal with. */
export interface CryptoEngine {
  /** The name in the configuration. */
  readonly name: EngineName;
  /** Whether it computes what the algorithm says; frames of an engine that does not may not be written to a capture. */
  readonly encrypts: boolean;

  /** Why it cannot run here, to stand behind a colon; undefined where it can. Asks for no permission. */
  whyUnavailable(): string | undefined;

  /**
   * The algorithm under these keys, which are copied, with a tag of `tagBytes` bytes.
   *
   * @throws {RangeError} if the algorithm has no such key or tag length.
   */
  aead(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): Aead;
}
