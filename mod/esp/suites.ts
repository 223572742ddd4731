/**
 * The cipher suites of ESP: what each needs in keys, and what it adds to a packet.
 *
 * A new suite is a name in `CipherName`, one row here, one in `sa_table.ts` and a value of the configuration key `cipher`;
 * the algorithm behind it may be one of `crypto/` that is there already.
 *
 * ```ts
 * import { SUITES } from "./suites.ts";
 * SUITES["aes-cbc-128-sha1"].icvBytes; // 12
 * ```
 *
 * @module
 */
import type { AeadAlgorithm, HashAlgorithm } from "../crypto/aead.ts";
import { ALGORITHMS } from "../crypto/algorithms.ts";
import { REASON } from "../ledger/schema.ts";
import type { OldCipherName } from "./old_suites.ts";

/** Lengths of AES keys, in bits. */
export type AesBits = 128 | 192 | 256;

/** The suites there are; configuration key `cipher`. An ICV whose length is not named has the usual one, 16 bytes of an AEAD. */
export type CipherName =
  | `aes-gcm-${AesBits}${"" | "-icv8" | "-icv12"}`
  | `aes-ccm-${AesBits}${"" | "-icv8" | "-icv12"}`
  | `aes-gmac-${AesBits}`
  | "chacha20-poly1305"
  | `aes-cbc-${AesBits}-${HashAlgorithm}`
  | `aes-ctr-${AesBits}-${HashAlgorithm}`
  | "null"
  | `null-${HashAlgorithm}`;

/** One suite. All lengths are in bytes and 0 where the suite has no such thing. */
export interface CipherSuite {
  /** Name in the configuration. */
  readonly name: CipherName | OldCipherName;
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

/** A suite that the configuration names. */
export interface ConfiguredSuite extends CipherSuite {
  readonly name: CipherName;
}

/** IV of counter modes: the number of the packet, whatever the sender makes of it. */
const COUNTER_IV_BYTES = 8;
const AES_BLOCK_BYTES = 16;
/** Block of what has none of its own. */
const WORD_BYTES = 4;

/**
 * Every suite by its name: AES-GCM (RFC 4106), AES-CCM (RFC 4309), AES-GMAC, which authenticates and does not encrypt (RFC
 * 4543), ChaCha20-Poly1305 (RFC 7634), AES-CBC (RFC 3602) and AES-CTR (RFC 3686) with HMAC-SHA1-96 (RFC 2404),
 * HMAC-SHA256-128, HMAC-SHA384-192 or HMAC-SHA512-256 (RFC 4868), NULL (RFC 2410) with each of these, and NULL without
 * authentication (Linux `ecb(cipher_null)` with `digest_null`), which RFC 4303, section 3.2, forbids and which is for
 * measuring.
 */
export const SUITES: Readonly<Record<CipherName, ConfiguredSuite>> = {
  "aes-gcm-128": aesGcm("aes-gcm-128", 128, 16),
  "aes-gcm-192": aesGcm("aes-gcm-192", 192, 16),
  "aes-gcm-256": aesGcm("aes-gcm-256", 256, 16),
  "aes-gcm-128-icv8": aesGcm("aes-gcm-128-icv8", 128, 8),
  "aes-gcm-192-icv8": aesGcm("aes-gcm-192-icv8", 192, 8),
  "aes-gcm-256-icv8": aesGcm("aes-gcm-256-icv8", 256, 8),
  "aes-gcm-128-icv12": aesGcm("aes-gcm-128-icv12", 128, 12),
  "aes-gcm-192-icv12": aesGcm("aes-gcm-192-icv12", 192, 12),
  "aes-gcm-256-icv12": aesGcm("aes-gcm-256-icv12", 256, 12),
  "aes-ccm-128": aesCcm("aes-ccm-128", 128, 16),
  "aes-ccm-192": aesCcm("aes-ccm-192", 192, 16),
  "aes-ccm-256": aesCcm("aes-ccm-256", 256, 16),
  "aes-ccm-128-icv8": aesCcm("aes-ccm-128-icv8", 128, 8),
  "aes-ccm-192-icv8": aesCcm("aes-ccm-192-icv8", 192, 8),
  "aes-ccm-256-icv8": aesCcm("aes-ccm-256-icv8", 256, 8),
  "aes-ccm-128-icv12": aesCcm("aes-ccm-128-icv12", 128, 12),
  "aes-ccm-192-icv12": aesCcm("aes-ccm-192-icv12", 192, 12),
  "aes-ccm-256-icv12": aesCcm("aes-ccm-256-icv12", 256, 12),
  "aes-gmac-128": aesGmac("aes-gmac-128", 128),
  "aes-gmac-192": aesGmac("aes-gmac-192", 192),
  "aes-gmac-256": aesGmac("aes-gmac-256", 256),
  "chacha20-poly1305": aead("chacha20-poly1305", "chacha20-poly1305", 256, 16, REASON.chacha),
  "aes-cbc-128-sha1": aesCbc("aes-cbc-128-sha1", 128, "sha1", REASON.aesCbc128Sha1),
  "aes-cbc-192-sha1": aesCbc("aes-cbc-192-sha1", 192, "sha1", REASON.aesCbcSha1),
  "aes-cbc-256-sha1": aesCbc("aes-cbc-256-sha1", 256, "sha1", REASON.aesCbcSha1),
  "aes-cbc-128-sha256": aesCbc("aes-cbc-128-sha256", 128, "sha256", REASON.aesCbc128Sha256),
  "aes-cbc-192-sha256": aesCbc("aes-cbc-192-sha256", 192, "sha256", REASON.aesCbcSha256),
  "aes-cbc-256-sha256": aesCbc("aes-cbc-256-sha256", 256, "sha256", REASON.aesCbcSha256),
  "aes-cbc-128-sha384": aesCbc("aes-cbc-128-sha384", 128, "sha384", REASON.aesCbc128Sha384),
  "aes-cbc-192-sha384": aesCbc("aes-cbc-192-sha384", 192, "sha384", REASON.aesCbcSha384),
  "aes-cbc-256-sha384": aesCbc("aes-cbc-256-sha384", 256, "sha384", REASON.aesCbcSha384),
  "aes-cbc-128-sha512": aesCbc("aes-cbc-128-sha512", 128, "sha512", REASON.aesCbc128Sha512),
  "aes-cbc-192-sha512": aesCbc("aes-cbc-192-sha512", 192, "sha512", REASON.aesCbcSha512),
  "aes-cbc-256-sha512": aesCbc("aes-cbc-256-sha512", 256, "sha512", REASON.aesCbcSha512),
  "aes-ctr-128-sha1": aesCtr("aes-ctr-128-sha1", 128, "sha1", REASON.aesCtr128Sha1),
  "aes-ctr-192-sha1": aesCtr("aes-ctr-192-sha1", 192, "sha1", REASON.aesCtrSha1),
  "aes-ctr-256-sha1": aesCtr("aes-ctr-256-sha1", 256, "sha1", REASON.aesCtrSha1),
  "aes-ctr-128-sha256": aesCtr("aes-ctr-128-sha256", 128, "sha256", REASON.aesCtr128Sha256),
  "aes-ctr-192-sha256": aesCtr("aes-ctr-192-sha256", 192, "sha256", REASON.aesCtrSha256),
  "aes-ctr-256-sha256": aesCtr("aes-ctr-256-sha256", 256, "sha256", REASON.aesCtrSha256),
  "aes-ctr-128-sha384": aesCtr("aes-ctr-128-sha384", 128, "sha384", REASON.aesCtr128Sha384),
  "aes-ctr-192-sha384": aesCtr("aes-ctr-192-sha384", 192, "sha384", REASON.aesCtrSha384),
  "aes-ctr-256-sha384": aesCtr("aes-ctr-256-sha384", 256, "sha384", REASON.aesCtrSha384),
  "aes-ctr-128-sha512": aesCtr("aes-ctr-128-sha512", 128, "sha512", REASON.aesCtr128Sha512),
  "aes-ctr-192-sha512": aesCtr("aes-ctr-192-sha512", 192, "sha512", REASON.aesCtrSha512),
  "aes-ctr-256-sha512": aesCtr("aes-ctr-256-sha512", 256, "sha512", REASON.aesCtrSha512),
  "null": {
    name: "null",
    algorithm: "null",
    keyBytes: 0,
    saltBytes: 0,
    authKeyBytes: 0,
    ivBytes: 0,
    icvBytes: 0,
    blockBytes: WORD_BYTES,
    reason: REASON.espNull,
  },
  "null-sha1": withHmac("null-sha1", "null-hmac-sha1", 0, 0, REASON.nullSha1),
  "null-sha256": withHmac("null-sha256", "null-hmac-sha256", 0, 0, REASON.nullSha256),
  "null-sha384": withHmac("null-sha384", "null-hmac-sha384", 0, 0, REASON.nullSha384),
  "null-sha512": withHmac("null-sha512", "null-hmac-sha512", 0, 0, REASON.nullSha512),
};

/** Whether there is a suite of that name. */
export function isCipherName(name: string): name is CipherName {
  return Object.hasOwn(SUITES, name);
}

/** What belongs to the key of the nonce of `algorithm` is the salt; 8 bytes are in the packet. */
function aead(
  name: CipherName,
  algorithm: AeadAlgorithm,
  bits: number,
  icvBytes: number,
  reason: number,
): ConfiguredSuite {
  return {
    name,
    algorithm,
    keyBytes: bits / 8,
    saltBytes: ALGORITHMS[algorithm].nonceBytes - COUNTER_IV_BYTES,
    authKeyBytes: 0,
    ivBytes: COUNTER_IV_BYTES,
    icvBytes,
    blockBytes: WORD_BYTES,
    reason,
  };
}

function aesGcm(name: CipherName, bits: AesBits, icvBytes: number): ConfiguredSuite {
  return aead(name, "aes-gcm", bits, icvBytes, bits === 128 ? REASON.aesGcm128 : REASON.aesGcm);
}

function aesCcm(name: CipherName, bits: AesBits, icvBytes: number): ConfiguredSuite {
  return aead(name, "aes-ccm", bits, icvBytes, REASON.aesCcm);
}

function aesGmac(name: CipherName, bits: AesBits): ConfiguredSuite {
  return aead(name, "aes-gmac", bits, 16, REASON.aesGmac);
}

/** Key, ICV and nonce are those of the algorithm, which has no choice; of the nonce `saltBytes` belong to the key. */
function withHmac(
  name: CipherName,
  algorithm: AeadAlgorithm,
  bits: number,
  saltBytes: number,
  reason: number,
): ConfiguredSuite {
  const { authKeyBytes, tagBytes, nonceBytes } = ALGORITHMS[algorithm];
  return {
    name,
    algorithm,
    keyBytes: bits / 8,
    saltBytes,
    authKeyBytes: authKeyBytes[0]!,
    ivBytes: nonceBytes - saltBytes,
    icvBytes: tagBytes[0]!,
    blockBytes: WORD_BYTES,
    reason,
  };
}

function aesCbc(name: CipherName, bits: AesBits, hash: HashAlgorithm, reason: number): ConfiguredSuite {
  return { ...withHmac(name, `aes-cbc-hmac-${hash}`, bits, 0, reason), blockBytes: AES_BLOCK_BYTES };
}

/** Salt and IV as of an AEAD: RFC 3686, section 4. */
function aesCtr(name: CipherName, bits: AesBits, hash: HashAlgorithm, reason: number): ConfiguredSuite {
  return withHmac(name, `aes-ctr-hmac-${hash}`, bits, 4, reason);
}
