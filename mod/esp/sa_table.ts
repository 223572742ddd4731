/**
 * The table of security associations that Wireshark and tshark read: the file `esp_sa` of a configuration folder, or one
 * line of it per `-o uat:esp_sa:...`.
 *
 * Tried on tshark 4.0: with the cipher name "AES-GCM [RFC4106]", which is in its list as well, packets with 16 bytes of ICV
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
import { get32 } from "../wire/bytes.ts";
import { formatAddress } from "../wire/ipv4.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import type { SecurityAssociation } from "./sa.ts";
import type { CipherName } from "./suites.ts";

/** Wireshark's names of what encrypts and of what authenticates, where that is another thing. */
interface AlgorithmNames {
  readonly encryption: string;
  readonly authentication: string;
}

const AES_GCM: AlgorithmNames = { encryption: "AES-GCM with 16 octet ICV [RFC4106]", authentication: "NULL" };

const ALGORITHM_NAMES: Readonly<Record<CipherName, AlgorithmNames>> = {
  "aes-gcm-128": AES_GCM,
  "aes-gcm-192": AES_GCM,
  "aes-gcm-256": AES_GCM,
  "null": { encryption: "NULL", authentication: "NULL" },
  "null-sha256": { encryption: "NULL", authentication: "HMAC-SHA-256-128 [RFC4868]" },
};

/**
 * The lines of one association, without line ends: quoted fields, keys in hex, the salt behind the key of the cipher. In
 * transport mode there is one line for each IP version, with any address.
 */
export function saTableLines(sa: SecurityAssociation): string[] {
  if (sa.mode === "transport") return [line("IPv4", "*", "*", sa), line("IPv6", "*", "*", sa)];
  if (sa.outerVersion === 6) {
    return [line("IPv6", formatAddress6(sa.source, 0), formatAddress6(sa.destination, 0), sa)];
  }
  return [line("IPv4", formatAddress(get32(sa.source, 0)), formatAddress(get32(sa.destination, 0)), sa)];
}

function line(protocol: string, source: string, destination: string, sa: SecurityAssociation): string {
  const { encryption, authentication } = ALGORITHM_NAMES[sa.suite.name];
  return [
    protocol,
    source,
    destination,
    `0x${sa.spi.toString(16).padStart(8, "0")}`,
    encryption,
    hexKey(sa.key, sa.salt),
    authentication,
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
