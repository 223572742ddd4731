/**
 * One cipher context of OpenSSL under a fixed key and in one direction (EVP_EncryptInit(3)): what all modes share.
 *
 * The context lives as long as its object; what it holds of the key is wiped when it is freed. Calls get views of the caller's
 * memory, whose bounds are checked here: on the other side nobody does.
 *
 * ```ts
 * import { OpensslContext } from "./openssl_cipher.ts";
 * const context = new OpensslContext(functions, "AES-256-GCM", key, true);
 * context.begin(nonce);
 * context.authenticate(aad);
 * context.update(u8, at, length, u8, at);
 * ```
 *
 * @module
 */
import type { Cipher } from "./encrypt_then_mac.ts";
import { cString, type Libcrypto, type Pointer, requirePointer, requireSuccess } from "./libcrypto.ts";

/** EVP_CTRL_AEAD_SET_IVLEN, EVP_CTRL_AEAD_GET_TAG, EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const CTRL_SET_IVLEN = 0x9;
const CTRL_GET_TAG = 0x10;
const CTRL_SET_TAG = 0x11;
const AES_BLOCK_BYTES = 16;
const CTR_IV_BYTES = 8;

/** Frees the contexts of objects that are gone. */
const contexts = new FinalizationRegistry<{ functions: Libcrypto; pointer: Pointer }>(
  ({ functions, pointer }) => functions.EVP_CIPHER_CTX_free(pointer),
);

/** What CCM wants to know ahead. */
export interface CcmLengths {
  /** Of every nonce. */
  readonly nonceBytes: number;
  /** Of every tag. */
  readonly tagBytes: number;
}

/** A cipher context; `begin()`, `authenticate()` and `update()` any number of times, `finish()`, and all over again. */
export class OpensslContext {
  readonly #functions: Libcrypto;
  readonly #context: Pointer;
  readonly #direction: number;
  /** Where OpenSSL says how much it has written, and what it writes at the end of a message: nothing. */
  readonly #written = new Uint8Array(AES_BLOCK_BYTES);
  /** The view of memory that was used last: mostly it is the one that is wanted next. */
  #view: Uint8Array<ArrayBuffer>;
  #viewOf: Uint8Array;
  #viewAt = 0;

  /**
   * The cipher that OpenSSL knows as `name`, without padding. `key` is copied. `lengths` are for CCM, which must know them
   * before it gets the key.
   */
  constructor(functions: Libcrypto, name: string, key: Uint8Array, encrypts: boolean, lengths?: CcmLengths) {
    this.#functions = functions;
    this.#direction = encrypts ? 1 : 0;
    const cipher = requirePointer(functions.EVP_CIPHER_fetch(null, cString(name), null), "EVP_CIPHER_fetch");
    this.#context = requirePointer(functions.EVP_CIPHER_CTX_new(), "EVP_CIPHER_CTX_new");
    contexts.register(this, { functions, pointer: this.#context });
    this.#viewOf = this.#view = new Uint8Array(0);
    this.#initialize(cipher, null);
    if (lengths !== undefined) {
      this.setNonceBytes(lengths.nonceBytes);
      this.#control(CTRL_SET_TAG, lengths.tagBytes, null);
    }
    this.#initialize(null, bufferOf(key));
    requireSuccess(functions.EVP_CIPHER_CTX_set_padding(this.#context, 0), "EVP_CIPHER_CTX_set_padding");
  }

  #initialize(cipher: Pointer | null, key: Uint8Array<ArrayBuffer> | null): void {
    const { EVP_CipherInit_ex } = this.#functions;
    requireSuccess(EVP_CipherInit_ex(this.#context, cipher, null, key, null, this.#direction), "EVP_CipherInit_ex");
  }

  /** Sets the length of nonces, 12 unless it is. */
  setNonceBytes(bytes: number): void {
    this.#control(CTRL_SET_IVLEN, bytes, null);
  }

  /** Begins a message. */
  begin(nonce: Uint8Array): void {
    const { EVP_CipherInit_ex } = this.#functions;
    requireSuccess(
      EVP_CipherInit_ex(this.#context, null, null, null, bufferOf(nonce), this.#direction),
      "EVP_CipherInit_ex",
    );
  }

  /** Takes in all of `bytes` as additional data. */
  authenticate(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { EVP_CipherUpdate } = this.#functions;
    const result = EVP_CipherUpdate(this.#context, null, this.#written, bufferOf(bytes), bytes.length);
    requireSuccess(result, "EVP_CipherUpdate");
  }

  /** As `authenticate()`, of a part of `u8`. */
  authenticatePart(u8: Uint8Array, at: number, length: number): void {
    if (length === 0) return;
    const { EVP_CipherUpdate } = this.#functions;
    const view = this.#viewAs(u8, at, length);
    requireSuccess(EVP_CipherUpdate(this.#context, null, this.#written, view, length), "EVP_CipherUpdate");
  }

  /** Announces the length of a message (CCM). */
  announce(length: number): void {
    const { EVP_CipherUpdate } = this.#functions;
    requireSuccess(EVP_CipherUpdate(this.#context, null, this.#written, null, length), "EVP_CipherUpdate");
  }

  /** Encrypts or decrypts `length` bytes at absolute offset `at` in place. */
  update(u8: Uint8Array, at: number, length: number): void {
    if (length === 0) return;
    const view = this.#viewAs(u8, at, length);
    const { EVP_CipherUpdate } = this.#functions;
    requireSuccess(EVP_CipherUpdate(this.#context, view, this.#written, view, length), "EVP_CipherUpdate");
  }

  /** As `update()`, of all of `bytes`: makes no view of them. */
  updateWhole(bytes: Uint8Array<ArrayBuffer>): void {
    if (bytes.length === 0) return;
    const { EVP_CipherUpdate } = this.#functions;
    requireSuccess(EVP_CipherUpdate(this.#context, bytes, this.#written, bytes, bytes.length), "EVP_CipherUpdate");
  }

  /** As `update()`, to the start of `out`, which must not be `u8`; whether it could be done: CCM refuses a wrong tag here. */
  updateInto(out: Uint8Array<ArrayBuffer>, u8: Uint8Array, at: number, length: number): boolean {
    if (out.length < length) throw new RangeError(`Cannot decrypt: ${length} bytes do not fit into ${out.length}`);
    // Without data the null pointer would be taken for additional data.
    const view = length === 0 ? this.#written : this.#viewAs(u8, at, length);
    const { EVP_CipherUpdate } = this.#functions;
    return EVP_CipherUpdate(this.#context, out, this.#written, view, length) === 1;
  }

  /** Ends the message; false where it was decrypted and its tag is wrong. */
  finish(): boolean {
    const { EVP_CipherFinal_ex } = this.#functions;
    return EVP_CipherFinal_ex(this.#context, this.#written, this.#written) === 1;
  }

  /** Writes the tag of the message that was ended to `tag`, all of it. */
  getTag(tag: Uint8Array<ArrayBuffer>): void {
    this.#control(CTRL_GET_TAG, tag.length, tag);
  }

  /** The tag that the message must have (decrypting). */
  setTag(tag: Uint8Array<ArrayBuffer>): void {
    this.#control(CTRL_SET_TAG, tag.length, tag);
  }

  #control(type: number, bytes: number, data: Uint8Array<ArrayBuffer> | null): void {
    requireSuccess(
      this.#functions.EVP_CIPHER_CTX_ctrl(this.#context, type, bytes, data),
      "EVP_CIPHER_CTX_ctrl",
    );
  }

  #viewAs(u8: Uint8Array, at: number, length: number): Uint8Array<ArrayBuffer> {
    if (at < 0 || length < 0 || at + length > u8.length) {
      throw new RangeError(`Cannot encrypt ${length} bytes at ${at}: the array has ${u8.length}`);
    }
    if (this.#viewOf !== u8 || this.#viewAt !== at) {
      this.#view = bufferOf(u8).subarray(at);
      this.#viewOf = u8;
      this.#viewAt = at;
    }
    return this.#view;
  }
}

/** The same bytes: what foreign functions take is not shared memory, as far as types can tell. */
function bufferOf(u8: Uint8Array): Uint8Array<ArrayBuffer> {
  return u8 as Uint8Array<ArrayBuffer>;
}

class OpensslAesCbc implements Cipher {
  readonly ivBytes = AES_BLOCK_BYTES;
  readonly blockBytes = AES_BLOCK_BYTES;
  readonly #encryption: OpensslContext;
  readonly #decryption: OpensslContext;

  constructor(functions: Libcrypto, key: Uint8Array) {
    const name = `AES-${8 * key.length}-CBC`;
    this.#encryption = new OpensslContext(functions, name, key, true);
    this.#decryption = new OpensslContext(functions, name, key, false);
  }

  encrypt(iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.#run(this.#encryption, iv, u8, at, length);
  }

  decrypt(iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.#run(this.#decryption, iv, u8, at, length);
  }

  #run(context: OpensslContext, iv: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    if (iv.length !== AES_BLOCK_BYTES) throw new RangeError(`Cannot use an IV of ${iv.length} bytes: AES-CBC wants 16`);
    context.begin(iv);
    context.update(u8, at, length);
  }
}

/** The counter block is salt, IV, and a counter that starts at 1 (RFC 3686, section 4). */
class OpensslAesCtr implements Cipher {
  readonly ivBytes = CTR_IV_BYTES;
  readonly blockBytes = 1;
  readonly #context: OpensslContext;
  readonly #counter = new Uint8Array(AES_BLOCK_BYTES);

  constructor(functions: Libcrypto, key: Uint8Array) {
    this.#context = new OpensslContext(functions, `AES-${8 * key.length}-CTR`, key, true);
    this.#counter[AES_BLOCK_BYTES - 1] = 1;
  }

  encrypt(nonce: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.#counter.set(nonce);
    this.#context.begin(this.#counter);
    this.#context.update(u8, at, length);
  }

  decrypt(nonce: Uint8Array, u8: Uint8Array, at: number, length: number): void {
    this.encrypt(nonce, u8, at, length);
  }
}

/** AES-CBC under `key`, which is copied (RFC 3602, without padding). */
export function opensslAesCbc(functions: Libcrypto, key: Uint8Array): Cipher {
  return new OpensslAesCbc(functions, key);
}

/** AES-CTR under `key`, which is copied (RFC 3686). */
export function opensslAesCtr(functions: Libcrypto, key: Uint8Array): Cipher {
  return new OpensslAesCtr(functions, key);
}
