/**
 * The portable engine: the packages `@noble/ciphers` and `@noble/hashes`, pure JavaScript, the reference for all other
 * engines.
 *
 * It needs no permission and is slow (aead_bench.ts).
 *
 * ```ts
 * import { noble } from "./noble.ts";
 * noble.aead("aes-gcm", { key: new Uint8Array(32), authKey: new Uint8Array(0) }, 16).tagBytes; // 16
 * ```
 *
 * @module
 */
import type { Aead, AeadAlgorithm, AeadKeys, CryptoEngine } from "./aead.ts";
import { ALGORITHMS, checkParameters } from "./algorithms.ts";
import { EncryptThenMac } from "./encrypt_then_mac.ts";
import { NobleAesCcm } from "./noble_ccm.ts";
import { NobleChacha } from "./noble_chacha.ts";
import { NOBLE_CIPHERS } from "./noble_ciphers.ts";
import { NobleAesGcm, NobleAesGmac } from "./noble_gcm.ts";
import { nobleHmac } from "./noble_hmac.ts";
import { NULL_AEAD } from "./null_cipher.ts";

type Maker = (key: Uint8Array, tagBytes: number) => Aead;

/** Algorithms that are not put together of a cipher and an HMAC. */
const MAKERS: Readonly<Partial<Record<AeadAlgorithm, Maker>>> = {
  "aes-gcm": (key, tagBytes) => new NobleAesGcm(key, tagBytes),
  "aes-ccm": (key, tagBytes) => new NobleAesCcm(key, tagBytes),
  "aes-gmac": (key, tagBytes) => new NobleAesGmac(key, tagBytes),
  "chacha20-poly1305": (key) => new NobleChacha(key),
  "null": () => NULL_AEAD,
};

/** The engine. */
export const noble: CryptoEngine = {
  name: "noble",
  encrypts: true,
  whyUnavailable: () => undefined,
  aead(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): Aead {
    checkParameters(algorithm, keys, tagBytes);
    const { parts } = ALGORITHMS[algorithm];
    if (parts === undefined) return MAKERS[algorithm]!(keys.key, tagBytes);
    return new EncryptThenMac(NOBLE_CIPHERS[parts.cipher](keys.key), nobleHmac(parts.hash, keys.authKey), tagBytes);
  },
};
