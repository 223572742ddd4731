/**
 * A cipher and an HMAC put together as ESP does: encrypt, then authenticate what was encrypted (RFC 4303, section 3.3.2;
 * Linux `authenc`, crypto/authenc.c).
 *
 * Authenticated are the additional data (SPI and sequence number), the IV where the cipher has one in the packet, and the
 * ciphertext, in the order of the packet. The upper half of an extended sequence number, which additional data of 12 bytes
 * have in the middle, is not in the packet and comes last (RFC 4303, section 2.2.1; Linux `authencesn`).
 *
 * ```ts
 * import { EncryptThenMac } from "./encrypt_then_mac.ts";
 * import { nobleHmac } from "./noble_hmac.ts";
 * import { NULL_CIPHER } from "./null_cipher.ts";
 * new EncryptThenMac(NULL_CIPHER, nobleHmac("sha256", new Uint8Array(32)), 16).tagBytes; // 16
 * ```
 *
 * @module
 */
import type { Aead } from "./aead.ts";
import { isSameTag } from "./tag.ts";

/** Encryption without authentication under a fixed key. */
export interface Cipher {
  /** The part of the nonce that is in the packet, its last bytes: they are authenticated. */
  readonly ivBytes: number;
  /** What the length of a message must be a multiple of. */
  readonly blockBytes: number;
  /** Encrypts `length` bytes at absolute offset `at` in place. */
  encrypt(nonce: Uint8Array, u8: Uint8Array, at: number, length: number): void;
  /** Decrypts them. */
  decrypt(nonce: Uint8Array, u8: Uint8Array, at: number, length: number): void;
}

/** A message authentication code under a fixed key: any number of `update()`, then `finish()`, then all over again. */
export interface Mac {
  /** Bytes of the whole code. */
  readonly macBytes: number;
  /** Takes in more of the message; nothing is kept. */
  update(bytes: Uint8Array): void;
  /** Writes the code, `macBytes` bytes, to the start of `out`, and is ready for the next message. */
  finish(out: Uint8Array): void;
}

/** Additional data with an extended sequence number: SPI, upper half, lower half. */
const EXTENDED_AAD_BYTES = 12;

/** A cipher authenticated with the first `tagBytes` bytes of a MAC. */
export class EncryptThenMac implements Aead {
  readonly tagBytes: number;
  readonly #cipher: Cipher;
  readonly #mac: Mac;
  readonly #code: Uint8Array;

  /** Takes `cipher` and `mac` for itself; `tagBytes` is `mac.macBytes` at most. */
  constructor(cipher: Cipher, mac: Mac, tagBytes: number) {
    this.tagBytes = tagBytes;
    this.#cipher = cipher;
    this.#mac = mac;
    this.#code = new Uint8Array(mac.macBytes);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.#cipher.encrypt(nonce, u8, at, length);
    this.#authenticate(nonce, aad, u8, at, length);
    for (let i = 0; i < this.tagBytes; i++) u8[at + length + i] = this.#code[i]!;
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const ciphertextBytes = length - this.tagBytes;
    if (ciphertextBytes < 0 || ciphertextBytes % this.#cipher.blockBytes !== 0) return false;
    this.#authenticate(nonce, aad, u8, at, ciphertextBytes);
    if (!isSameTag(u8, at + ciphertextBytes, this.#code, this.tagBytes)) return false;
    this.#cipher.decrypt(nonce, u8, at, ciphertextBytes);
    return true;
  }

  #authenticate(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, ciphertextBytes: number): void {
    const isExtended = aad.length === EXTENDED_AAD_BYTES;
    if (isExtended) {
      this.#mac.update(aad.subarray(0, 4));
      this.#mac.update(aad.subarray(8));
    } else {
      this.#mac.update(aad);
    }
    this.#mac.update(nonce.subarray(nonce.length - this.#cipher.ivBytes));
    this.#mac.update(u8.subarray(at, at + ciphertextBytes));
    if (isExtended) this.#mac.update(aad.subarray(4, 8));
    this.#mac.finish(this.#code);
  }
}
