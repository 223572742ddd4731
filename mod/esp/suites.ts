/**
 * The cipher suites of ESP: what each needs in keys, and what it adds to a packet.
 *
 * A new suite is a name in `CipherName`, one row here, one in `sa_table.ts` and a value of the configuration key `cipher`;
 * the algorithm behind it may be one of `crypto/` that is there already.
 *
 * ```ts
 * import { SUITES } from "./suites.ts";
 * SUITES["null-sha256"].icvBytes; // 16
 * ```
 *
 * @module
 */
import type { AeadAlgorithm } from "../crypto/aead.ts";
import { REASON } from "../ledger/schema.ts";

/** The suites there are; configuration key `cipher`. */
export type CipherName = "aes-gcm-128" | "aes-gcm-192" | "aes-gcm-256" | "null" | "null-sha256";

/** One suite. All lengths are in bytes and 0 where the suite has no such thing. */
export interface CipherSuite {
  /** Name in the configuration. */
  readonly name: CipherName;
  /** What seals and opens. */
  readonly algorithm: AeadAlgorithm;
  /** Key of the cipher, without the salt. */
  readonly keyBytes: number;
  /** The part of the nonce that belongs to the key. */
  readonly saltBytes: number;
  /** Key of the HMAC. */
  readonly authKeyBytes: number;
  /** IV in every packet. */
  readonly ivBytes: number;
  /** ICV in every packet. */
  readonly icvBytes: number;
  /** What the ciphertext is a multiple of: at least 4 (RFC 4303, section 2.4). */
  readonly blockBytes: number;
  /** Reason of the rows `seal` and `open` in the ledger, a number of `REASON`: profiles price suites apart by it. */
  readonly reason: number;
}

/**
 * Every suite by its name: AES-GCM with 16 bytes of ICV (RFC 4106; RFC 8221 calls it ENCR_AES_GCM_16), NULL without
 * authentication (RFC 2410; Linux `ecb(cipher_null)` with `digest_null`), which RFC 4303, section 3.2, forbids and which is
 * for measuring, and NULL with HMAC-SHA256-128 (RFC 4868).
 */
export const SUITES: Readonly<Record<CipherName, CipherSuite>> = {
  "aes-gcm-128": aesGcm("aes-gcm-128", 16),
  "aes-gcm-192": aesGcm("aes-gcm-192", 24),
  "aes-gcm-256": aesGcm("aes-gcm-256", 32),
  "null": {
    name: "null",
    algorithm: "null",
    keyBytes: 0,
    saltBytes: 0,
    authKeyBytes: 0,
    ivBytes: 0,
    icvBytes: 0,
    blockBytes: 4,
    reason: REASON.espNull,
  },
  "null-sha256": {
    name: "null-sha256",
    algorithm: "null-hmac-sha256",
    keyBytes: 0,
    saltBytes: 0,
    authKeyBytes: 32,
    ivBytes: 0,
    icvBytes: 16,
    blockBytes: 4,
    reason: REASON.nullSha256,
  },
};

function aesGcm(name: CipherName, keyBytes: number): CipherSuite {
  return {
    name,
    algorithm: "aes-gcm",
    keyBytes,
    saltBytes: 4,
    authKeyBytes: 0,
    ivBytes: 8,
    icvBytes: 16,
    blockBytes: 4,
    reason: REASON.aesGcm,
  };
}
