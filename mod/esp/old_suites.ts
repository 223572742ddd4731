/**
 * Suites of old captures, which a receiver opens and nobody seals with (RFC 8221): DES and triple DES, HMAC-MD5-96, and CBC
 * without authentication.
 *
 * They are no values of the configuration key `cipher`; files of associations name them (`sa_file.ts`).
 *
 * ```ts
 * import { OLD_SUITES } from "./old_suites.ts";
 * OLD_SUITES["3des-cbc-md5"].icvBytes; // 12
 * ```
 *
 * @module
 */
import type { OldAlgorithm } from "../crypto/aead.ts";
import { ALGORITHMS } from "../crypto/algorithms.ts";
import { REASON } from "../ledger/schema.ts";
import { type AesBits, type CipherName, type CipherSuite, SUITES } from "./suites.ts";

/** Their names. */
export type OldCipherName =
  | `aes-cbc-${AesBits}`
  | `aes-cbc-${AesBits}-md5`
  | "null-md5"
  | `${"des" | "3des"}-cbc${"" | "-sha1" | "-md5"}`;

const WORD_BYTES = 4;

/** Every one by its name. */
export const OLD_SUITES: Readonly<Record<OldCipherName, CipherSuite>> = {
  "aes-cbc-128": old("aes-cbc-128", "aes-cbc", 16),
  "aes-cbc-192": old("aes-cbc-192", "aes-cbc", 24),
  "aes-cbc-256": old("aes-cbc-256", "aes-cbc", 32),
  "aes-cbc-128-md5": old("aes-cbc-128-md5", "aes-cbc-hmac-md5", 16),
  "aes-cbc-192-md5": old("aes-cbc-192-md5", "aes-cbc-hmac-md5", 24),
  "aes-cbc-256-md5": old("aes-cbc-256-md5", "aes-cbc-hmac-md5", 32),
  "null-md5": old("null-md5", "null-hmac-md5", 0),
  "des-cbc": old("des-cbc", "des-cbc", 8),
  "des-cbc-sha1": old("des-cbc-sha1", "des-cbc-hmac-sha1", 8),
  "des-cbc-md5": old("des-cbc-md5", "des-cbc-hmac-md5", 8),
  "3des-cbc": old("3des-cbc", "3des-cbc", 24),
  "3des-cbc-sha1": old("3des-cbc-sha1", "3des-cbc-hmac-sha1", 24),
  "3des-cbc-md5": old("3des-cbc-md5", "3des-cbc-hmac-md5", 24),
};

/** Whether there is an old suite of that name. */
export function isOldCipherName(name: string): name is OldCipherName {
  return Object.hasOwn(OLD_SUITES, name);
}

/** The suite of that name, old or not. */
export function suiteNamed(name: CipherName | OldCipherName): CipherSuite {
  return isOldCipherName(name) ? OLD_SUITES[name] : SUITES[name];
}

function old(name: OldCipherName, algorithm: OldAlgorithm, keyBytes: number): CipherSuite {
  const { authKeyBytes, tagBytes, nonceBytes } = ALGORITHMS[algorithm];
  return {
    name,
    algorithm,
    keyBytes,
    saltBytes: 0,
    authKeyBytes: authKeyBytes[0]!,
    ivBytes: nonceBytes,
    icvBytes: tagBytes[0]!,
    // The IV of CBC is one block.
    blockBytes: Math.max(WORD_BYTES, nonceBytes),
    reason: REASON.oldCipher,
  };
}
