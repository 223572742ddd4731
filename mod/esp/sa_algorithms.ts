/**
 * From the names that others have for algorithms, and the lengths of keys, to a cipher suite of ours: Wireshark's, and those of
 * the kernel's crypto API as `ip xfrm state` prints them.
 *
 * ```ts
 * import { suiteOf } from "./sa_algorithms.ts";
 * suiteOf({ family: "aes-gcm", icvBytes: 16 }, undefined, 36); // { cipher: "aes-gcm-256", keyBytes: 32, saltBytes: 4 }
 * ```
 *
 * @module
 */
import type { HashAlgorithm } from "../crypto/aead.ts";
import { isOldCipherName, type OldCipherName, suiteNamed } from "./old_suites.ts";
import { type CipherName, isCipherName } from "./suites.ts";

/** Hashes of suites, old ones too. */
export type HashName = HashAlgorithm | "md5";

/** What encrypts, whatever the length of its key; an AEAD says how long its ICV is, where its name does. */
export interface Encryption {
  readonly family:
    | "aes-gcm"
    | "aes-ccm"
    | "aes-gmac"
    | "chacha20-poly1305"
    | "aes-cbc"
    | "aes-ctr"
    | "des-cbc"
    | "3des-cbc"
    | "null";
  readonly icvBytes?: number;
}

/** A suite, and how the bytes of its key are divided. */
export interface SuiteOfKey {
  readonly cipher: CipherName | OldCipherName;
  readonly keyBytes: number;
  readonly saltBytes: number;
}

/** Names of Wireshark's table of SAs, field `Encryption`. */
export const WIRESHARK_ENCRYPTION: ReadonlyMap<string, Encryption> = new Map([
  ["NULL", { family: "null" }],
  ["AES-CBC [RFC3602]", { family: "aes-cbc" }],
  ["AES-CTR [RFC3686]", { family: "aes-ctr" }],
  ["DES-CBC [RFC2405]", { family: "des-cbc" }],
  ["TripleDES-CBC [RFC2451]", { family: "3des-cbc" }],
  ["AES-GCM [RFC4106]", { family: "aes-gcm", icvBytes: 16 }],
  ["AES-GCM with 8 octet ICV [RFC4106]", { family: "aes-gcm", icvBytes: 8 }],
  ["AES-GCM with 12 octet ICV [RFC4106]", { family: "aes-gcm", icvBytes: 12 }],
  ["AES-GCM with 16 octet ICV [RFC4106]", { family: "aes-gcm", icvBytes: 16 }],
  ["ChaCha20 with Poly1305 [RFC7634]", { family: "chacha20-poly1305" }],
]);

/** Names of the same table, field `Authentication`; undefined for none. */
export const WIRESHARK_AUTHENTICATION: ReadonlyMap<string, HashName | undefined> = new Map<
  string,
  HashName | undefined
>([
  ["NULL", undefined],
  ["HMAC-MD5-96 [RFC2403]", "md5"],
  ["HMAC-SHA-1-96 [RFC2404]", "sha1"],
  ["HMAC-SHA-256-128 [RFC4868]", "sha256"],
  ["HMAC-SHA-384-192 [RFC4868]", "sha384"],
  ["HMAC-SHA-512-256 [RFC4868]", "sha512"],
]);

/** Names of the kernel for what authenticates itself; the length of the ICV follows the key. */
export const KERNEL_AEADS: ReadonlyMap<string, Encryption["family"]> = new Map([
  ["rfc4106(gcm(aes))", "aes-gcm"],
  ["rfc4309(ccm(aes))", "aes-ccm"],
  ["rfc4543(gcm(aes))", "aes-gmac"],
  ["rfc7539esp(chacha20,poly1305)", "chacha20-poly1305"],
]);

/** Names of the kernel for ciphers. */
export const KERNEL_CIPHERS: ReadonlyMap<string, Encryption["family"]> = new Map([
  ["ecb(cipher_null)", "null"],
  ["cipher_null", "null"],
  ["cbc(aes)", "aes-cbc"],
  ["cbc(des)", "des-cbc"],
  ["cbc(des3_ede)", "3des-cbc"],
  ["rfc3686(ctr(aes))", "aes-ctr"],
]);

/** Names of the kernel for what authenticates, and the bytes that are kept of each; undefined for none. */
export const KERNEL_HASHES: ReadonlyMap<
  string,
  { readonly hash: HashName | undefined; readonly icvBits: number }
> = new Map([
  ["digest_null", { hash: undefined, icvBits: 0 }],
  ["hmac(md5)", { hash: "md5", icvBits: 96 }],
  ["hmac(sha1)", { hash: "sha1", icvBits: 96 }],
  ["hmac(sha256)", { hash: "sha256", icvBits: 128 }],
  ["hmac(sha384)", { hash: "sha384", icvBits: 192 }],
  ["hmac(sha512)", { hash: "sha512", icvBits: 256 }],
]);

/** Bytes of salt behind each key. */
const SALT_BYTES: Readonly<Record<Encryption["family"], number>> = {
  "aes-gcm": 4,
  "aes-ccm": 3,
  "aes-gmac": 4,
  "chacha20-poly1305": 4,
  "aes-cbc": 0,
  "aes-ctr": 4,
  "des-cbc": 0,
  "3des-cbc": 0,
  "null": 0,
};

/**
 * The suite that encrypts and authenticates so, with `secretBytes` bytes of key and salt; undefined where there is none, be it
 * that the two do not go together or that the key has a wrong length.
 */
export function suiteOf(
  { family, icvBytes }: Encryption,
  hash: HashName | undefined,
  secretBytes: number,
): SuiteOfKey | undefined {
  const saltBytes = SALT_BYTES[family];
  const keyBytes = secretBytes - saltBytes;
  const bits = `-${8 * keyBytes}`;
  const names: string = family.startsWith("aes") ? family + bits : family;
  const icv = icvBytes === undefined || icvBytes === 16 ? "" : `-icv${icvBytes}`;
  const name = `${names}${hash === undefined ? icv : `-${hash}`}`;
  if (!isCipherName(name) && !isOldCipherName(name)) return undefined;
  if (suiteNamed(name).keyBytes !== keyBytes) return undefined;
  return { cipher: name, keyBytes, saltBytes };
}
