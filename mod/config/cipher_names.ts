/**
 * The values of the key `cipher`: the cipher suites of `esp/suites.ts`, in the order of help.
 *
 * ```ts
 * import { CIPHER_NAMES } from "./cipher_names.ts";
 * CIPHER_NAMES.includes("aes-cbc-128-sha1"); // true
 * ```
 *
 * @module
 */

/** Every suite by its name. */
export const CIPHER_NAMES = [
  "aes-gcm-128",
  "aes-gcm-192",
  "aes-gcm-256",
  "aes-gcm-128-icv8",
  "aes-gcm-192-icv8",
  "aes-gcm-256-icv8",
  "aes-gcm-128-icv12",
  "aes-gcm-192-icv12",
  "aes-gcm-256-icv12",
  "aes-ccm-128",
  "aes-ccm-192",
  "aes-ccm-256",
  "aes-ccm-128-icv8",
  "aes-ccm-192-icv8",
  "aes-ccm-256-icv8",
  "aes-ccm-128-icv12",
  "aes-ccm-192-icv12",
  "aes-ccm-256-icv12",
  "aes-gmac-128",
  "aes-gmac-192",
  "aes-gmac-256",
  "chacha20-poly1305",
  "aes-cbc-128-sha1",
  "aes-cbc-192-sha1",
  "aes-cbc-256-sha1",
  "aes-cbc-128-sha256",
  "aes-cbc-192-sha256",
  "aes-cbc-256-sha256",
  "aes-cbc-128-sha384",
  "aes-cbc-192-sha384",
  "aes-cbc-256-sha384",
  "aes-cbc-128-sha512",
  "aes-cbc-192-sha512",
  "aes-cbc-256-sha512",
  "aes-ctr-128-sha1",
  "aes-ctr-192-sha1",
  "aes-ctr-256-sha1",
  "aes-ctr-128-sha256",
  "aes-ctr-192-sha256",
  "aes-ctr-256-sha256",
  "aes-ctr-128-sha384",
  "aes-ctr-192-sha384",
  "aes-ctr-256-sha384",
  "aes-ctr-128-sha512",
  "aes-ctr-192-sha512",
  "aes-ctr-256-sha512",
  "null",
  "null-sha1",
  "null-sha256",
  "null-sha384",
  "null-sha512",
] as const;

/** How help and messages say it in short: what is in brackets may be left out. */
export const CIPHER_NAMES_SHOWN: readonly string[] = [
  "aes-gcm-<128|192|256>[-icv8|-icv12]",
  "aes-ccm-<128|192|256>[-icv8|-icv12]",
  "aes-gmac-<128|192|256>",
  "chacha20-poly1305",
  "aes-cbc-<128|192|256>-<sha1|sha256|sha384|sha512>",
  "aes-ctr-<128|192|256>-<sha1|sha256|sha384|sha512>",
  "null[-<sha1|sha256|sha384|sha512>]",
];
