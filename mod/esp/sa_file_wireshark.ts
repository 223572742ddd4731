/**
 * Wireshark's table of security associations (file `esp_sa`): one line each, quoted fields between commas.
 *
 * Fields are protocol (IPv4 or IPv6), source, destination, SPI, encryption, its key, authentication, its key. Addresses and SPIs
 * may have wildcards. A key that begins with `0x` is hexadecimal, any other is its characters. Behind them later versions have
 * one more field, whether sequence numbers are extended ("32-bit" or "64-bit").
 *
 * ```ts
 * import { parseWiresharkTable } from "./sa_file_wireshark.ts";
 * parseWiresharkTable('"IPv4","*","*","0x00001001","NULL","","NULL",""'); // One entry.
 * ```
 *
 * @module
 */
import { suiteOf, WIRESHARK_AUTHENTICATION, WIRESHARK_ENCRYPTION } from "./sa_algorithms.ts";
import { addressPattern, type SaEntry, SaFileError, spiPattern } from "./sa_entry.ts";
import { DEFAULT_TUNNEL_HEADER } from "./tunnel_header.ts";
import { suiteNamed } from "./old_suites.ts";

const FIELDS = [
  "protocol",
  "source",
  "destination",
  "SPI",
  "encryption",
  "key",
  "authentication",
  "authentication key",
];
/** Names that come without a standard. */
const OTHER_NAMES = /^(?:TWOFISH-CBC|ANY \d{2,3} bit authentication \[no checking\])$/;

/** A quoted field, in which a byte may stand as \xNN. */
const FIELD = /^\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)/;

/**
 * The entries of a table.
 *
 * @throws {SaFileError} if a line is not one of such a table, or names what is not known.
 */
export function parseWiresharkTable(text: string): SaEntry[] {
  const entries: SaEntry[] = [];
  text.split(/\r?\n/).forEach((content, i) => {
    if (content.trim() === "" || content.trimStart().startsWith("#")) return;
    entries.push(parseLine(content, i + 1));
  });
  return entries;
}

function parseLine(content: string, line: number): SaEntry {
  const fields = fieldsOf(content, line);
  const [protocol, source, destination, spi, encryption, key, authentication, authKey, length = "32-bit"] = fields;
  const known = WIRESHARK_ENCRYPTION.get(encryption!);
  if (known === undefined) throw refusal(line, 4, `${nameOf(encryption!)} is not built`);
  if (!WIRESHARK_AUTHENTICATION.has(authentication!)) {
    throw refusal(line, 6, `${nameOf(authentication!)} is not built`);
  }
  const hash = WIRESHARK_AUTHENTICATION.get(authentication!);
  const [secret, authSecret] = [secretOf(key!, line, 5), secretOf(authKey!, line, 7)];
  const suite = suiteOf(known, hash, secret.length);
  if (suite === undefined) {
    throw refusal(line, 5, `${secret.length} bytes are no key for ${encryption} with ${authentication}`);
  }
  const { authKeyBytes } = suiteNamed(suite.cipher);
  if (authSecret.length !== authKeyBytes) {
    throw refusal(line, 7, `it has ${authSecret.length} bytes, not ${authKeyBytes}`);
  }
  const { keyBytes } = suite;
  return {
    line,
    version: versionOf(protocol!, line),
    source: required(addressPattern(source!), line, 1, "it is no address, and none with wildcards"),
    destination: required(addressPattern(destination!), line, 2, "it is no address, and none with wildcards"),
    spi: required(spiPattern(spi!), line, 3, "it is no SPI, and none with wildcards"),
    cipher: suite.cipher,
    key: secret.subarray(0, keyBytes),
    salt: secret.subarray(keyBytes),
    authKey: authSecret,
    mode: undefined,
    esn: length.startsWith("64"),
    encapsulation: undefined,
    tunnelHeader: DEFAULT_TUNNEL_HEADER,
    tfcPadBytes: 0,
    lastSequence: 0,
  };
}

function fieldsOf(content: string, line: number): string[] {
  const fields: string[] = [];
  let rest = content;
  while (rest.trim() !== "") {
    const found = FIELD.exec(rest);
    if (found === null) throw refusal(line, fields.length, "it is not in quotes");
    fields.push(found[1]!.replace(/\\x([0-9a-fA-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))));
    rest = rest.slice(found[0].length);
  }
  if (fields.length < FIELDS.length) throw refusal(line, fields.length, "it is missing");
  return fields;
}

function versionOf(protocol: string, line: number): 4 | 6 {
  if (protocol === "IPv4") return 4;
  if (protocol === "IPv6") return 6;
  throw refusal(line, 0, "it is neither IPv4 nor IPv6");
}

/** The bytes of a key. */
function secretOf(text: string, line: number, field: number): Uint8Array {
  if (!/^0x/i.test(text)) return new TextEncoder().encode(text);
  if (!/^0x(?:[0-9a-f]{2})*$/i.test(text)) throw refusal(line, field, "it is not pairs of hexadecimal digits");
  return Uint8Array.fromHex(text.slice(2));
}

function required<T>(value: T | undefined, line: number, field: number, what: string): T {
  if (value === undefined) throw refusal(line, field, what);
  return value;
}

/** A name as Wireshark has them, with its standard in brackets; nothing that could be a key in the wrong field. */
function nameOf(text: string): string {
  const isName = /^[A-Za-z][\w ./-]{1,47} \[(?:RFC ?\d+|draft-[\w-]{1,40})\]$/.test(text) || OTHER_NAMES.test(text);
  return isName ? `"${text}"` : "what is there";
}

function refusal(line: number, field: number, what: string): SaFileError {
  return new SaFileError(`${what}, field ${FIELDS[field] ?? field + 1}, line ${line}`);
}
