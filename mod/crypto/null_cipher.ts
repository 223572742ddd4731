/**
 * NULL encryption (RFC 2410): not a byte is touched, with an HMAC or without any authentication.
 *
 * It has no key, so that one object serves everybody, and every engine: there is nothing to skip.
 *
 * ```ts
 * import { NULL_AEAD } from "./null_cipher.ts";
 * NULL_AEAD.tagBytes; // 0
 * ```
 *
 * @module
 */
import type { Aead } from "./aead.ts";
import type { Cipher } from "./encrypt_then_mac.ts";

/** Does nothing; something else authenticates. */
export const NULL_CIPHER: Cipher = { ivBytes: 0, blockBytes: 1, encrypt() {}, decrypt() {} };

/** Does nothing and accepts every message. */
export const NULL_AEAD: Aead = {
  tagBytes: 0,
  seal() {},
  open: (_nonce, _aad, _u8, _at, length) => length >= 0,
};
