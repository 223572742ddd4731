/**
 * A cipher and an HMAC put together as ESP does: encrypt, then authenticate what was encrypted (RFC 4303, section 3.3.2;
 * Linux `authenc`, crypto/authenc.c).
 *
 * Authenticated are the additional data (in ESP: SPI and sequence number), the IV where the algorithm has one in the packet,
 * and the ciphertext, in the order of the packet. The only cipher so far is NULL, which leaves the plaintext as it is and
 * has no IV (RFC 2410).
 *
 * ```ts
 * import { EncryptThenMac } from "./encrypt_then_mac.ts";
 * import { hmacSha256 } from "./noble_hmac.ts";
 * new EncryptThenMac(hmacSha256(new Uint8Array(32)), 16).tagBytes; // 16
 * ```
 *
 * @module
 */
import type { Aead } from "./aead.ts";

/** A message authentication code under a fixed key: any number of `update()`, then `finish()`, then all over again. */
export interface Mac {
  /** Bytes of the whole code. */
  readonly macBytes: number;
  /** Takes in more of the message; nothing is kept. */
  update(bytes: Uint8Array): void;
  /** Writes the code, `macBytes` bytes, to the start of `out`, and is ready for the next message. */
  finish(out: Uint8Array): void;
}

/** NULL encryption authenticated with the first `tagBytes` bytes of a MAC. */
export class EncryptThenMac implements Aead {
  readonly tagBytes: number;
  readonly #mac: Mac;
  readonly #code: Uint8Array;

  /** Takes `mac` for itself; `tagBytes` is `mac.macBytes` at most. */
  constructor(mac: Mac, tagBytes: number) {
    this.tagBytes = tagBytes;
    this.#mac = mac;
    this.#code = new Uint8Array(mac.macBytes);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.#authenticate(nonce, aad, u8, at, length);
    for (let i = 0; i < this.tagBytes; i++) u8[at + length + i] = this.#code[i]!;
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const ciphertextBytes = length - this.tagBytes;
    if (ciphertextBytes < 0) return false;
    this.#authenticate(nonce, aad, u8, at, ciphertextBytes);
    let difference = 0;
    for (let i = 0; i < this.tagBytes; i++) difference |= u8[at + ciphertextBytes + i]! ^ this.#code[i]!;
    return difference === 0;
  }

  #authenticate(iv: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, ciphertextBytes: number): void {
    this.#mac.update(aad);
    this.#mac.update(iv);
    this.#mac.update(u8.subarray(at, at + ciphertextBytes));
    this.#mac.finish(this.#code);
  }
}
