/**
 * NULL encryption without authentication (RFC 2410): seals and opens without touching a byte.
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

/** Does nothing and accepts every message. */
export const NULL_AEAD: Aead = {
  tagBytes: 0,
  seal() {},
  open: (_nonce, _aad, _u8, _at, length) => length >= 0,
};
