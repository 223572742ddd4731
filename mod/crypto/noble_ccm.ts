/**
 * AES-CCM (RFC 3610, NIST SP 800-38C) put together of AES-CBC and AES-CTR of the package `@noble/ciphers`.
 *
 * The length field has the bytes that the nonce leaves of a block less one: 4 for the nonces of 11 bytes that ESP has (RFC 4309,
 * section 4). Additional data are shorter than 65,280 bytes.
 *
 * ```ts
 * import { NobleAesCcm } from "./noble_ccm.ts";
 * new NobleAesCcm(new Uint8Array(16), 8).tagBytes; // 8
 * ```
 *
 * @module
 */
import { cbc, ctr } from "@noble/ciphers/aes.js";
import type { Aead } from "./aead.ts";
import { isSameTag } from "./tag.ts";

const BLOCK_BYTES = 16;
/** Flags of the first block: there are additional data. */
const HAS_AAD = 0x40;
/** Bytes of the length of short additional data, in front of them. */
const AAD_LENGTH_BYTES = 2;
const ZERO_IV = new Uint8Array(BLOCK_BYTES);
const NO_PADDING = { disablePadding: true };

/** AES-CCM with a tag of 4 to 16 bytes, an even number, and nonces of 7 to 13. */
export class NobleAesCcm implements Aead {
  readonly tagBytes: number;
  readonly #key: Uint8Array;

  /** Copies `key`. */
  constructor(key: Uint8Array, tagBytes: number) {
    this.#key = key.slice();
    this.tagBytes = tagBytes;
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    const clear = u8.subarray(at, at + length);
    const message = this.#count(nonce, this.#mac(nonce, aad, clear), clear);
    u8.set(message.subarray(BLOCK_BYTES), at);
    u8.set(message.subarray(0, this.tagBytes), at + length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const clearBytes = length - this.tagBytes;
    if (clearBytes < 0) return false;
    const tagAt = at + clearBytes;
    const tagBlock = new Uint8Array(BLOCK_BYTES);
    tagBlock.set(u8.subarray(tagAt, tagAt + this.tagBytes));
    const opened = this.#count(nonce, tagBlock, u8.subarray(at, tagAt));
    const clear = opened.subarray(BLOCK_BYTES);
    if (!isSameTag(opened, 0, this.#mac(nonce, aad, clear), this.tagBytes)) return false;
    u8.set(clear, at);
    return true;
  }

  /** CTR from counter 0, which is for the tag, on: RFC 3610, section 2.3. */
  #count(nonce: Uint8Array, tagBlock: Uint8Array, text: Uint8Array): Uint8Array {
    const counter = new Uint8Array(BLOCK_BYTES);
    counter[0] = lengthBytes(nonce) - 1;
    counter.set(nonce, 1);
    const message = new Uint8Array(BLOCK_BYTES + text.length);
    message.set(tagBlock);
    message.set(text, BLOCK_BYTES);
    return ctr(this.#key, counter).encrypt(message);
  }

  /** The last block of CBC over first block, additional data and message, each filled up with zeros: RFC 3610, section 2.2. */
  #mac(nonce: Uint8Array, aad: Uint8Array, clear: Uint8Array): Uint8Array {
    const aadBytes = aad.length === 0 ? 0 : blocksOf(AAD_LENGTH_BYTES + aad.length);
    const all = new Uint8Array(BLOCK_BYTES + aadBytes + blocksOf(clear.length));
    const view = new DataView(all.buffer);
    all[0] = (aadBytes > 0 ? HAS_AAD : 0) | ((this.tagBytes - 2) / 2) << 3 | lengthBytes(nonce) - 1;
    // The length goes first: of a long nonce it has only its lower bytes.
    view.setUint32(BLOCK_BYTES - 4, clear.length);
    all.set(nonce, 1);
    if (aadBytes > 0) view.setUint16(BLOCK_BYTES, aad.length);
    all.set(aad, BLOCK_BYTES + (aadBytes > 0 ? AAD_LENGTH_BYTES : 0));
    all.set(clear, BLOCK_BYTES + aadBytes);
    return cbc(this.#key, ZERO_IV, NO_PADDING).encrypt(all).subarray(all.length - BLOCK_BYTES);
  }
}

/** Bytes of the length field, and of the counter. */
function lengthBytes(nonce: Uint8Array): number {
  return BLOCK_BYTES - 1 - nonce.length;
}

function blocksOf(bytes: number): number {
  return Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;
}
