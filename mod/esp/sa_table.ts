/**
 * The table of security associations that Wireshark and tshark read: the file `esp_sa` of a configuration folder, or one
 * line of it per `-o uat:esp_sa:...`.
 *
 * Tried on tshark 4.0: with the cipher name "AES-GCM [RFC4106]", which is in its list as well, packets with 16 bytes of ICV
 * stay encrypted without a word; and with the right name it decrypts without looking at the ICV. It judges encryption,
 * padding and framing, not authentication.
 *
 * ```ts
 * import { testSecurityAssociation } from "./sa.ts";
 * import { saTable } from "./sa_table.ts";
 * saTable([testSecurityAssociation(1)]); // # Test keys ... \n"IPv4","198.18.0.1","198.18.0.2","0x00001001",...
 * ```
 *
 * @module
 */
import { formatAddress } from "../wire/ipv4.ts";
import type { SecurityAssociation } from "./sa.ts";

const ENCRYPTION = "AES-GCM with 16 octet ICV [RFC4106]";

/** The line of one association, without line end: quoted fields; the key is followed by the salt, both in hex. */
export function saTableLine(sa: SecurityAssociation): string {
  return [
    "IPv4",
    formatAddress(sa.source),
    formatAddress(sa.destination),
    `0x${sa.spi.toString(16).padStart(8, "0")}`,
    ENCRYPTION,
    `0x${sa.key.toHex()}${sa.salt.toHex()}`,
    "NULL",
    "",
  ].map((field) => `"${field}"`).join(",");
}

/** The whole file: a comment, then one line per association, each with a line end. */
export function saTable(associations: readonly SecurityAssociation[]): string {
  const lines = ["# Wireshark: copy to the file esp_sa of a profile folder and set esp.enable_encryption_decode."];
  for (const sa of associations) lines.push(saTableLine(sa));
  return lines.join("\n") + "\n";
}
