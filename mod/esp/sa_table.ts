/**
 * The table of security associations that Wireshark and tshark read: the file `esp_sa` of a configuration folder, or one
 * line of it per `-o uat:esp_sa:...`.
 *
 * Tried on tshark 4.0, which knows all suites but AES-CCM and AES-GMAC, which no version does, and ChaCha20-Poly1305, which later
 * ones do: their line is refused, those of other associations are not. With the cipher name "AES-GCM [RFC4106]", which is in its list as well, packets with 16 bytes of ICV
 * stay encrypted without a word. The ICV is judged with esp.enable_authentication_check only, and a packet whose ICV is
 * wrong is shown decrypted all the same.
 *
 * ```ts
 * import { testSecurityAssociation } from "./sa.ts";
 * import { saTable } from "./sa_table.ts";
 * saTable([testSecurityAssociation({ seed: 1 })]); // # Wireshark: ... \n"IPv4","198.18.0.1","198.18.0.2","0x00001001",...
 * ```
 *
 * @module
 */
import type { CipherAlgorithm, HashAlgorithm, OldCipher, OldHash } from "../crypto/aead.ts";
import { ALGORITHMS } from "../crypto/algorithms.ts";
import { get32 } from "../wire/bytes.ts";
import { formatAddress } from "../wire/ipv4.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import type { SecurityAssociation } from "./sa.ts";
import type { CipherSuite } from "./suites.ts";

/** Wireshark's names of what encrypts and of what authenticates, where that is another thing. */
interface AlgorithmNames {
  readonly encryption: string;
  readonly authentication: string;
}

const NULL = "NULL";
/** Of AES-GCM by length of the ICV. */
const AES_GCM: Readonly<Record<number, string>> = {
  8: "AES-GCM with 8 octet ICV [RFC4106]",
  12: "AES-GCM with 12 octet ICV [RFC4106]",
  16: "AES-GCM with 16 octet ICV [RFC4106]",
};
const CIPHERS: Readonly<Record<CipherAlgorithm | OldCipher, string>> = {
  "null": NULL,
  "aes-cbc": "AES-CBC [RFC3602]",
  "des-cbc": "DES-CBC [RFC2405]",
  "3des-cbc": "TripleDES-CBC [RFC2451]",
  "aes-ctr": "AES-CTR [RFC3686]",
};
const HMACS: Readonly<Record<HashAlgorithm | OldHash, string>> = {
  none: NULL,
  md5: "HMAC-MD5-96 [RFC2403]",
  sha1: "HMAC-SHA-1-96 [RFC2404]",
  sha256: "HMAC-SHA-256-128 [RFC4868]",
  sha384: "HMAC-SHA-384-192 [RFC4868]",
  sha512: "HMAC-SHA-512-256 [RFC4868]",
};

/** What Wireshark calls the algorithms of a suite; undefined where it knows none: AES-CCM, AES-GMAC. */
function namesOf({ algorithm, icvBytes }: CipherSuite): AlgorithmNames | undefined {
  const { parts } = ALGORITHMS[algorithm];
  if (parts !== undefined) return { encryption: CIPHERS[parts.cipher], authentication: HMACS[parts.hash] };
  switch (algorithm) {
    case "aes-gcm":
      return { encryption: AES_GCM[icvBytes]!, authentication: NULL };
    case "chacha20-poly1305":
      return { encryption: "ChaCha20 with Poly1305 [RFC7634]", authentication: NULL };
    case "null":
      return { encryption: NULL, authentication: NULL };
    default:
      return undefined;
  }
}

/**
 * The lines of one association, without line ends: quoted fields, keys in hex, the salt behind the key of the cipher. In
 * transport mode there is one line for each IP version, with any address. A comment says so where Wireshark has no name for the
 * suite, or will not follow the sequence numbers.
 */
export function saTableLines(sa: SecurityAssociation): string[] {
  const names = namesOf(sa.suite);
  if (names === undefined) return [`# Wireshark has no name for ${sa.suite.name}, the suite of SPI ${spiOf(sa)}.`];
  const remark = sa.esn
    ? [`# Wireshark 4.0 decrypts SPI ${spiOf(sa)}, and takes its ICVs for wrong: it knows no ESN.`]
    : [];
  return [...remark, ...addressesOf(sa).map((addresses) => line(addresses, names, sa))];
}

/** IP version, source and destination address, of each line. */
function addressesOf({ mode, outerVersion, source, destination }: SecurityAssociation): string[][] {
  if (mode === "transport") return [["IPv4", "*", "*"], ["IPv6", "*", "*"]];
  if (outerVersion === 6) return [["IPv6", formatAddress6(source, 0), formatAddress6(destination, 0)]];
  return [["IPv4", formatAddress(get32(source, 0)), formatAddress(get32(destination, 0))]];
}

function spiOf({ spi }: SecurityAssociation): string {
  return `0x${spi.toString(16).padStart(8, "0")}`;
}

function line(addresses: readonly string[], names: AlgorithmNames, sa: SecurityAssociation): string {
  return [
    ...addresses,
    spiOf(sa),
    names.encryption,
    hexKey(sa.key, sa.salt),
    names.authentication,
    hexKey(sa.authKey),
  ].map((field) => `"${field}"`).join(",");
}

/** The parts of a key as one hexadecimal number; nothing where there is no key. */
function hexKey(...parts: readonly Uint8Array[]): string {
  const digits = parts.map((part) => part.toHex()).join("");
  return digits === "" ? "" : `0x${digits}`;
}

/** The whole file: a comment, then the lines of each association, each with a line end. */
export function saTable(associations: readonly SecurityAssociation[]): string {
  const lines = ["# Wireshark: copy to the file esp_sa of a profile folder and set esp.enable_encryption_decode."];
  for (const sa of associations) lines.push(...saTableLines(sa));
  return lines.join("\n") + "\n";
}
