/**
 * The ciphers of OpenSSL that authenticate: AES-GCM, AES-CCM, ChaCha20-Poly1305, and AES-GMAC as ESP uses it (RFC 4543).
 *
 * A message is opened aside and moved to its place when its tag is right: until then nothing of it may change.
 *
 * ```ts
 * import { opensslAead } from "./openssl_aead.ts";
 * opensslAead(functions, "aes-gcm", new Uint8Array(32), 16).tagBytes; // 16
 * ```
 *
 * @module
 */
import type { Aead } from "./aead.ts";
import { ALGORITHMS } from "./algorithms.ts";
import type { Libcrypto } from "./libcrypto.ts";
import { type CcmLengths, OpensslContext } from "./openssl_cipher.ts";

/** Algorithms that authenticate themselves. */
export type OpensslAeadAlgorithm = "aes-gcm" | "aes-ccm" | "aes-gmac" | "chacha20-poly1305";

/** The longest tag. */
const WHOLE_TAG_BYTES = 16;
/** The part of the nonce that is in the packet. */
const GMAC_IV_BYTES = 8;
/** Nonces of ESP: RFC 4309, section 4. */
const CCM_NONCE_BYTES = ALGORITHMS["aes-ccm"].nonceBytes;
/** What a nonce has when nothing was said. */
const USUAL_NONCE_BYTES = 12;
/** More than an IP packet. */
const SCRATCH_BYTES = 1 << 16;

/** Both directions under one key, and a place to decrypt to. */
class OpensslAead implements Aead {
  readonly tagBytes: number;
  protected readonly encryption: OpensslContext;
  protected readonly decryption: OpensslContext;
  protected readonly tag: Uint8Array<ArrayBuffer>;
  #nonceBytes = USUAL_NONCE_BYTES;
  #scratch = SHARED_SCRATCH;

  constructor(functions: Libcrypto, name: string, key: Uint8Array, tagBytes: number, lengths?: CcmLengths) {
    this.tagBytes = tagBytes;
    this.encryption = new OpensslContext(functions, name, key, true, lengths);
    this.decryption = new OpensslContext(functions, name, key, false, lengths);
    this.tag = new Uint8Array(tagBytes);
  }

  seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    const context = this.encryption;
    this.setNonceBytes(nonce.length);
    context.begin(nonce);
    context.authenticate(aad);
    context.update(u8, at, length);
    this.writeTag(u8, at + length);
  }

  open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const clearBytes = length - this.tagBytes;
    if (clearBytes < 0) return false;
    const context = this.decryption;
    this.setNonceBytes(nonce.length);
    context.begin(nonce);
    context.authenticate(aad);
    const scratch = this.scratchOf(clearBytes);
    if (clearBytes > 0) context.updateInto(scratch, u8, at, clearBytes);
    this.readTag(u8, at + clearBytes);
    context.setTag(this.tag);
    if (!context.finish()) return false;
    this.moveBack(scratch, u8, at, clearBytes);
    return true;
  }

  protected setNonceBytes(bytes: number): void {
    if (bytes === this.#nonceBytes) return;
    this.encryption.setNonceBytes(bytes);
    this.decryption.setNonceBytes(bytes);
    this.#nonceBytes = bytes;
  }

  /** Ends the message that is encrypted and writes its tag at absolute offset `at`. */
  protected writeTag(u8: Uint8Array, at: number): void {
    const { encryption, tag } = this;
    if (!encryption.finish()) throw new Error("Cannot encrypt with OpenSSL: EVP_CipherFinal_ex failed");
    encryption.getTag(tag);
    for (let i = 0; i < tag.length; i++) u8[at + i] = tag[i]!;
  }

  protected readTag(u8: Uint8Array, at: number): void {
    const { tag } = this;
    for (let i = 0; i < tag.length; i++) tag[i] = u8[at + i]!;
  }

  protected scratchOf(bytes: number): Uint8Array<ArrayBuffer> {
    if (this.#scratch.length < bytes) this.#scratch = new Uint8Array(bytes);
    return this.#scratch;
  }

  protected moveBack(scratch: Uint8Array, u8: Uint8Array, at: number, bytes: number): void {
    if (bytes > 0) u8.set(scratch.subarray(0, bytes), at);
  }
}

/** What is decrypted and not yet in its place; calls are synchronous, so that one serves all. */
const SHARED_SCRATCH: Uint8Array<ArrayBuffer> = new Uint8Array(SCRATCH_BYTES);

/** OpenSSL wants the length of a message of CCM before its additional data, and its tag before anything. */
class OpensslCcm extends OpensslAead {
  override seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    const context = this.encryption;
    this.#checkNonce(nonce);
    context.begin(nonce);
    context.announce(length);
    context.authenticate(aad);
    if (length > 0) context.update(u8, at, length);
    else context.updateInto(this.scratchOf(0), u8, at, 0);
    this.writeTag(u8, at + length);
  }

  override open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const clearBytes = length - this.tagBytes;
    if (clearBytes < 0) return false;
    const context = this.decryption;
    this.#checkNonce(nonce);
    this.readTag(u8, at + clearBytes);
    context.setTag(this.tag);
    context.begin(nonce);
    context.announce(clearBytes);
    context.authenticate(aad);
    const scratch = this.scratchOf(clearBytes);
    if (!context.updateInto(scratch, u8, at, clearBytes)) return false;
    this.moveBack(scratch, u8, at, clearBytes);
    return true;
  }

  #checkNonce(nonce: Uint8Array): void {
    if (nonce.length === CCM_NONCE_BYTES) return;
    throw new RangeError(`Cannot use a nonce of ${nonce.length} bytes: AES-CCM was told ${CCM_NONCE_BYTES}`);
  }
}

/** Additional data, IV and the message, which stays clear, are the additional data of AES-GCM over nothing. */
class OpensslGmac extends OpensslAead {
  override seal(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.setNonceBytes(nonce.length);
    this.#authenticate(this.encryption, nonce, aad, u8, at, length);
    this.writeTag(u8, at + length);
  }

  override open(nonce: Uint8Array, aad: Uint8Array, u8: Uint8Array, at: number, length: number): boolean {
    const clearBytes = length - this.tagBytes;
    if (clearBytes < 0) return false;
    this.setNonceBytes(nonce.length);
    this.#authenticate(this.decryption, nonce, aad, u8, at, clearBytes);
    this.readTag(u8, at + clearBytes);
    this.decryption.setTag(this.tag);
    return this.decryption.finish();
  }

  #authenticate(
    context: OpensslContext,
    nonce: Uint8Array,
    aad: Uint8Array,
    u8: Uint8Array,
    at: number,
    length: number,
  ): void {
    context.begin(nonce);
    context.authenticate(aad);
    context.authenticate(nonce.subarray(nonce.length - GMAC_IV_BYTES));
    context.authenticatePart(u8, at, length);
  }
}

/** The algorithm under `key`, which is copied, with a tag of `tagBytes` bytes, 16 at most. */
export function opensslAead(
  functions: Libcrypto,
  algorithm: OpensslAeadAlgorithm,
  key: Uint8Array,
  tagBytes: number,
): Aead {
  const bits = 8 * key.length;
  switch (algorithm) {
    case "aes-gcm":
      return new OpensslAead(functions, `AES-${bits}-GCM`, key, tagBytes);
    case "aes-ccm":
      return new OpensslCcm(functions, `AES-${bits}-CCM`, key, tagBytes, { nonceBytes: CCM_NONCE_BYTES, tagBytes });
    case "aes-gmac":
      return new OpensslGmac(functions, `AES-${bits}-GCM`, key, tagBytes);
    case "chacha20-poly1305":
      return new OpensslAead(functions, "ChaCha20-Poly1305", key, WHOLE_TAG_BYTES);
  }
}
