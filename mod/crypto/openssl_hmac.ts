/**
 * HMAC (RFC 2104) of OpenSSL (EVP_MAC(3)).
 *
 * ```ts
 * import { opensslHmac } from "./openssl_hmac.ts";
 * const mac = opensslHmac(functions, "sha256", new Uint8Array(32));
 * mac.update(new Uint8Array(100));
 * mac.finish(new Uint8Array(32));
 * ```
 *
 * @module
 */
import type { HashAlgorithm } from "./aead.ts";
import type { Mac } from "./encrypt_then_mac.ts";
import { addressOf, cString, type Libcrypto, type Pointer, requirePointer, requireSuccess } from "./libcrypto.ts";

/** OpenSSL's name of each hash, and the bytes of its code. */
const HASHES: Readonly<Record<HashAlgorithm, { readonly name: string; readonly macBytes: number }>> = {
  sha1: { name: "SHA1", macBytes: 20 },
  sha256: { name: "SHA2-256", macBytes: 32 },
  sha384: { name: "SHA2-384", macBytes: 48 },
  sha512: { name: "SHA2-512", macBytes: 64 },
};
/** Two entries of OSSL_PARAM on a machine of 64 bits: name, type, data, their length, and a length returned. */
const PARAMETER_BYTES = 40;
/** OSSL_PARAM_UTF8_STRING of openssl/core.h. */
const UTF8_STRING = 4;

/** Frees the contexts of objects that are gone. */
const contexts = new FinalizationRegistry<{ functions: Libcrypto; pointer: Pointer }>(
  ({ functions, pointer }) => functions.EVP_MAC_CTX_free(pointer),
);

class OpensslHmac implements Mac {
  readonly macBytes: number;
  readonly #functions: Libcrypto;
  readonly #context: Pointer;
  readonly #written = new Uint8Array(8);

  constructor(functions: Libcrypto, hash: HashAlgorithm, key: Uint8Array) {
    const { name, macBytes } = HASHES[hash];
    this.macBytes = macBytes;
    this.#functions = functions;
    const mac = requirePointer(functions.EVP_MAC_fetch(null, cString("HMAC"), null), "EVP_MAC_fetch");
    this.#context = requirePointer(functions.EVP_MAC_CTX_new(mac), "EVP_MAC_CTX_new");
    contexts.register(this, { functions, pointer: this.#context });
    const [parameter, digest] = [cString("digest"), cString(name)];
    const parameters = textParameter(parameter, digest);
    const keyBytes = key as Uint8Array<ArrayBuffer>;
    const result = functions.EVP_MAC_init(this.#context, keyBytes, BigInt(key.length), parameters);
    requireSuccess(result, "EVP_MAC_init");
  }

  update(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { EVP_MAC_update } = this.#functions;
    requireSuccess(
      EVP_MAC_update(this.#context, bytes as Uint8Array<ArrayBuffer>, BigInt(bytes.length)),
      "EVP_MAC_update",
    );
  }

  finish(out: Uint8Array): void {
    if (out.length < this.macBytes) {
      throw new RangeError(`Cannot authenticate: the code does not fit into ${out.length} bytes`);
    }
    const { EVP_MAC_final, EVP_MAC_init } = this.#functions;
    requireSuccess(
      EVP_MAC_final(this.#context, out as Uint8Array<ArrayBuffer>, this.#written, BigInt(out.length)),
      "EVP_MAC_final",
    );
    // Without a key it begins again under the one it has.
    requireSuccess(EVP_MAC_init(this.#context, null, 0n, null), "EVP_MAC_init");
  }
}

/** A list of one parameter, whose bytes are `name` and `text`: both must outlive the call. */
function textParameter(name: Uint8Array<ArrayBuffer>, text: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const list = new BigUint64Array(2 * PARAMETER_BYTES / 8);
  list[0] = addressOf(name);
  list[1] = BigInt(UTF8_STRING);
  list[2] = addressOf(text);
  list[3] = BigInt(text.length - 1);
  return new Uint8Array(list.buffer);
}

/** The HMAC with `hash` under `key`, which is copied. */
export function opensslHmac(functions: Libcrypto, hash: HashAlgorithm, key: Uint8Array): Mac {
  return new OpensslHmac(functions, hash, key);
}
