/**
 * Which lengths of keys and tags an algorithm takes: what every engine checks before it makes one.
 *
 * A new algorithm is a name in `AeadAlgorithm`, one row here and one line in every engine that computes it; a cipher with an
 * HMAC needs no line in an engine that has both.
 *
 * ```ts
 * import { checkParameters } from "./algorithms.ts";
 * checkParameters("aes-gcm", { key: new Uint8Array(32), authKey: new Uint8Array(0) }, 16);
 * ```
 *
 * @module
 */
import type { AeadAlgorithm, AeadKeys, CipherAlgorithm, HashAlgorithm, OldCipher, OldHash } from "./aead.ts";

/** What is fixed of an algorithm. Lengths are in bytes; 0 where an algorithm has no such thing. */
export interface AlgorithmParameters {
  /** Legal lengths of the key of the cipher. */
  readonly keyBytes: readonly number[];
  /** Legal lengths of the key of the HMAC. */
  readonly authKeyBytes: readonly number[];
  /** Legal lengths of the tag. */
  readonly tagBytes: readonly number[];
  /** Length of the nonce as ESP has it: salt, where there is one, and IV. */
  readonly nonceBytes: number;
  /** What it is put together of (`encrypt_then_mac.ts`); undefined where the cipher authenticates itself, or nothing does. */
  readonly parts?: { readonly cipher: CipherAlgorithm | OldCipher; readonly hash: HashAlgorithm | OldHash };
  /** It is there to open old captures. */
  readonly isOld?: true;
}

const AES_KEYS = [16, 24, 32];
const NONE = [0];

/** Nonce and IV of DES: one block. */
const DES_IV_BYTES = 8;

/** Keys of the ciphers that need an HMAC (RFC 2410, 3602, 3686), and their nonces: an IV of 16 bytes, or salt and IV. */
const CIPHERS: Readonly<Record<CipherAlgorithm, Pick<AlgorithmParameters, "keyBytes" | "nonceBytes">>> = {
  "null": { keyBytes: NONE, nonceBytes: 0 },
  "aes-cbc": { keyBytes: AES_KEYS, nonceBytes: 16 },
  "aes-ctr": { keyBytes: AES_KEYS, nonceBytes: 12 },
};

/**
 * The key of an HMAC is as long as the hash, and so is the tag, cut: HMAC-SHA1-96 (RFC 2404, section 3), HMAC-SHA256-128,
 * HMAC-SHA384-192 and HMAC-SHA512-256 (RFC 4868, sections 2.1.1 and 2.3).
 */
const HMACS: Readonly<Record<HashAlgorithm, Pick<AlgorithmParameters, "authKeyBytes" | "tagBytes">>> = {
  sha1: { authKeyBytes: [20], tagBytes: [12] },
  sha256: { authKeyBytes: [32], tagBytes: [16] },
  sha384: { authKeyBytes: [48], tagBytes: [24] },
  sha512: { authKeyBytes: [64], tagBytes: [32] },
};

/**
 * All algorithms: AES-GCM (RFC 4106, section 6), AES-CCM (RFC 4309, sections 3 and 6), AES-GMAC, which encrypts nothing (RFC
 * 4543, section 3), ChaCha20-Poly1305 (RFC 7634, section 2), NULL (RFC 2410), and the ciphers with each HMAC.
 */
export const ALGORITHMS: Readonly<Record<AeadAlgorithm, AlgorithmParameters>> = {
  "aes-gcm": { keyBytes: AES_KEYS, authKeyBytes: NONE, tagBytes: [8, 12, 16], nonceBytes: 12 },
  "aes-ccm": { keyBytes: AES_KEYS, authKeyBytes: NONE, tagBytes: [8, 12, 16], nonceBytes: 11 },
  "aes-gmac": { keyBytes: AES_KEYS, authKeyBytes: NONE, tagBytes: [16], nonceBytes: 12 },
  "chacha20-poly1305": { keyBytes: [32], authKeyBytes: NONE, tagBytes: [16], nonceBytes: 12 },
  "null": { keyBytes: NONE, authKeyBytes: NONE, tagBytes: NONE, nonceBytes: 0 },
  "null-hmac-sha1": withHmac("null", "sha1"),
  "null-hmac-sha256": withHmac("null", "sha256"),
  "null-hmac-sha384": withHmac("null", "sha384"),
  "null-hmac-sha512": withHmac("null", "sha512"),
  "aes-cbc-hmac-sha1": withHmac("aes-cbc", "sha1"),
  "aes-cbc-hmac-sha256": withHmac("aes-cbc", "sha256"),
  "aes-cbc-hmac-sha384": withHmac("aes-cbc", "sha384"),
  "aes-cbc-hmac-sha512": withHmac("aes-cbc", "sha512"),
  "aes-ctr-hmac-sha1": withHmac("aes-ctr", "sha1"),
  "aes-ctr-hmac-sha256": withHmac("aes-ctr", "sha256"),
  "aes-ctr-hmac-sha384": withHmac("aes-ctr", "sha384"),
  "aes-ctr-hmac-sha512": withHmac("aes-ctr", "sha512"),
  "aes-cbc": old("aes-cbc", AES_KEYS, 16, "none"),
  "aes-cbc-hmac-md5": old("aes-cbc", AES_KEYS, 16, "md5"),
  "null-hmac-md5": old("null", NONE, 0, "md5"),
  "des-cbc": old("des-cbc", [8], DES_IV_BYTES, "none"),
  "des-cbc-hmac-sha1": old("des-cbc", [8], DES_IV_BYTES, "sha1"),
  "des-cbc-hmac-md5": old("des-cbc", [8], DES_IV_BYTES, "md5"),
  "3des-cbc": old("3des-cbc", [24], DES_IV_BYTES, "none"),
  "3des-cbc-hmac-sha1": old("3des-cbc", [24], DES_IV_BYTES, "sha1"),
  "3des-cbc-hmac-md5": old("3des-cbc", [24], DES_IV_BYTES, "md5"),
};

/** HMAC-MD5-96 (RFC 2403), HMAC-SHA1-96, or no authentication. */
function old(
  cipher: CipherAlgorithm | OldCipher,
  keyBytes: readonly number[],
  nonceBytes: number,
  hash: OldHash | "sha1",
): AlgorithmParameters {
  const authKeyBytes = hash === "none" ? NONE : hash === "md5" ? [16] : [20];
  return {
    keyBytes,
    authKeyBytes,
    tagBytes: hash === "none" ? NONE : [12],
    nonceBytes,
    parts: { cipher, hash },
    isOld: true,
  };
}

function withHmac(cipher: CipherAlgorithm, hash: HashAlgorithm): AlgorithmParameters {
  return { ...CIPHERS[cipher], ...HMACS[hash], parts: { cipher, hash } };
}

/**
 * Refuses parameters that no engine takes.
 *
 * @throws {RangeError} if a key or the tag has a length that the algorithm does not know.
 */
export function checkParameters(algorithm: AeadAlgorithm, keys: AeadKeys, tagBytes: number): void {
  const lengths = ALGORITHMS[algorithm];
  checkLength(algorithm, "key", keys.key.length, lengths.keyBytes);
  checkLength(algorithm, "authentication key", keys.authKey.length, lengths.authKeyBytes);
  checkLength(algorithm, "tag", tagBytes, lengths.tagBytes);
}

function checkLength(algorithm: AeadAlgorithm, what: string, bytes: number, legal: readonly number[]): void {
  if (legal.includes(bytes)) return;
  throw new RangeError(`Cannot make ${algorithm}: the ${what} has ${bytes} bytes, not ${legal.join(" or ")}`);
}
