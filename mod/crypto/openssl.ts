/**
 * The fast engine: OpenSSL 3 through foreign functions, where `--allow-ffi` is granted and the library is there
 * (`libcrypto.ts`).
 *
 * One context for each key and direction, which is kept; nothing is allocated per packet but, where packets lie in many places,
 * a view of each. It gives the same bytes as every other engine (aead_bench.ts has its speed). Departures: what is only for old captures is noble's; nonces of AES-GCM have
 * 128 bytes at most.
 *
 * ```ts
 * import { openssl } from "./openssl.ts";
 * openssl.whyUnavailable(); // "--allow-ffi is not granted"
 * ```
 *
 * @module
 */
import type { Aead, AeadAlgorithm, AeadKeys, CryptoEngine, HashAlgorithm } from "./aead.ts";
import { ALGORITHMS, checkParameters } from "./algorithms.ts";
import { type Cipher, EncryptThenMac } from "./encrypt_then_mac.ts";
import { type Libcrypto, openLibcrypto } from "./libcrypto.ts";
import { noble } from "./noble.ts";
import { NULL_AEAD, NULL_CIPHER } from "./null_cipher.ts";
import { opensslAead, type OpensslAeadAlgorithm } from "./openssl_aead.ts";
import { opensslAesCbc, opensslAesCtr } from "./openssl_cipher.ts";
import { opensslHmac } from "./openssl_hmac.ts";

/** The engine; `aead()` throws an Error where it is unavailable. */
export const openssl: CryptoEngine = {
  name: "openssl",
  encrypts: true,
  whyUnavailable(): string | undefined {
    const search = openLibcrypto();
    return "missing" in search ? search.missing : undefined;
  },
  aead(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): Aead {
    checkParameters(algorithm, keys, tagBytes);
    const search = openLibcrypto();
    if ("missing" in search) throw new Error(`Cannot encrypt with OpenSSL: ${search.missing}`);
    const { functions } = search;
    const { parts, isOld = false } = ALGORITHMS[algorithm];
    if (isOld) return noble.aead(algorithm, keys, tagBytes);
    if (parts !== undefined) {
      const cipher = cipherOf(functions, parts.cipher, keys.key);
      return new EncryptThenMac(cipher, opensslHmac(functions, parts.hash as HashAlgorithm, keys.authKey), tagBytes);
    }
    if (algorithm === "null") return NULL_AEAD;
    return opensslAead(functions, algorithm as OpensslAeadAlgorithm, keys.key, tagBytes);
  },
};

function cipherOf(functions: Libcrypto, cipher: string, key: Uint8Array): Cipher {
  if (cipher === "aes-cbc") return opensslAesCbc(functions, key);
  if (cipher === "aes-ctr") return opensslAesCtr(functions, key);
  return NULL_CIPHER;
}
