/**
 * Security associations as JSONC: an array of objects, or an object with an array `sas`.
 *
 * ```jsonc
 * [{
 *   "spi": "0x1001", "src": "192.0.2.1", "dst": "192.0.2.2", // Addresses may have wildcards and prefixes.
 *   "cipher": "aes-gcm-256", // A value of the configuration key `cipher`.
 *   "key": "0x...", // Hexadecimal: the key of the cipher, and behind it the salt, where the suite has one.
 *   "auth_key": "0x...", // Of the HMAC.
 *   "mode": "tunnel", "esn": false, "encap": "udp", "flags": ["noecn"], "tfcpad": 0, "last_sequence": 0
 * }]
 * ```
 *
 * `encap` is `none`, `udp` (ports 4500) or `{ "sport": 4500, "dport": 4500 }`. `flags` are those of `ip xfrm state`: `noecn`,
 * `decap-dscp`, `nopmtudisc`, `dont-encap-dscp`. Without `src` or `dst` it is any address, without `mode` and `encap` packets say
 * what they are.
 *
 * @module
 */
import { parse } from "@std/jsonc";
import { NAT_TRAVERSAL, type UdpEncapsulation } from "./sa.ts";
import {
  type AddressPattern,
  addressPattern,
  type SaEntry,
  SaFileError,
  type SpiPattern,
  spiPattern,
} from "./sa_entry.ts";
import { type CipherName, isCipherName } from "./suites.ts";
import { isOldCipherName, type OldCipherName, suiteNamed } from "./old_suites.ts";
import type { TunnelHeaderOptions } from "./tunnel_header.ts";

const FIELDS = "spi src dst cipher key auth_key mode esn encap flags tfcpad last_sequence".split(" ");
const FLAGS = ["noecn", "decap-dscp", "nopmtudisc", "dont-encap-dscp"];

/** An object of the file, and the line where it begins. */
interface Source {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly line: number;
}

/**
 * The entries of a file.
 *
 * @throws {SaFileError} if it is no such file, or a field is wrong.
 */
export function parseJsoncAssociations(text: string): SaEntry[] {
  const lines = linesOfEntries(text);
  return entriesOf(text).map((fields, i) => {
    const line = lines[i] ?? 1;
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      throw new SaFileError(`an entry is not an object, line ${line}`);
    }
    return entryOf({ fields: fields as Record<string, unknown>, line });
  });
}

function entriesOf(text: string): unknown[] {
  let content: unknown;
  try {
    content = parse(text);
  } catch {
    // What the parser says would show a part of the file, and that may be a key.
    throw new SaFileError("it is not JSONC");
  }
  if (Array.isArray(content)) return content;
  const { sas } = (content ?? {}) as { sas?: unknown };
  if (!Array.isArray(sas)) {
    throw new SaFileError("it is no array of associations, and no object with an array, field sas");
  }
  return sas;
}

/** Lines on which the objects of the array begin. */
function linesOfEntries(text: string): number[] {
  const lines: number[] = [];
  const tokens = /"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|[{}[\]\n]/g;
  let [line, arrays, objects] = [1, 0, 0];
  for (const [token] of text.matchAll(tokens)) {
    line += token.split("\n").length - 1;
    if (token === "[") arrays += 1;
    else if (token === "]") arrays -= 1;
    else if (token === "}") objects -= 1;
    else if (token === "{") {
      objects += 1;
      if (arrays === 1) lines.push(line);
    }
  }
  return lines;
}

function entryOf(source: Source): SaEntry {
  const { fields, line } = source;
  const unknown = Object.keys(fields).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) {
    throw refusal(
      source,
      /^[a-z_]{1,20}$/.test(unknown) ? unknown : "...",
      `there is no such field, there are ${FIELDS.join(", ")}`,
    );
  }
  const cipher = cipherOf(source);
  const { keyBytes, saltBytes, authKeyBytes } = suiteNamed(cipher);
  const secret = secretOf(source, "key", keyBytes + saltBytes);
  return {
    line,
    version: undefined,
    source: addressOf(source, "src"),
    destination: addressOf(source, "dst"),
    spi: spiOf(source),
    cipher,
    key: secret.subarray(0, keyBytes),
    salt: secret.subarray(keyBytes),
    authKey: secretOf(source, "auth_key", authKeyBytes),
    mode: modeOf(source),
    esn: fields["esn"] === undefined ? false : booleanOf(source, "esn"),
    encapsulation: encapsulationOf(source),
    tunnelHeader: tunnelHeaderOf(source),
    tfcPadBytes: numberOf(source, "tfcpad", 65535),
    lastSequence: numberOf(source, "last_sequence", Number.MAX_SAFE_INTEGER),
  };
}

function cipherOf(source: Source): CipherName | OldCipherName {
  const { cipher } = source.fields;
  if (typeof cipher === "string" && (isCipherName(cipher) || isOldCipherName(cipher))) return cipher;
  const isName = typeof cipher === "string" && /^[a-z][a-z0-9-]{1,31}$/i.test(cipher) && !/[0-9a-f]{8}/i.test(cipher);
  throw refusal(
    source,
    "cipher",
    `${isName ? cipher : "it"} is no suite that is built (see tailbits configs, key cipher)`,
  );
}

function addressOf(source: Source, field: string): AddressPattern {
  const { [field]: text = "*" } = source.fields;
  const pattern = typeof text === "string" ? addressPattern(text) : undefined;
  if (pattern === undefined) throw refusal(source, field, "it is no address, and none with wildcards");
  return pattern;
}

function spiOf(source: Source): SpiPattern {
  const { spi } = source.fields;
  const pattern = typeof spi === "string" || typeof spi === "number" ? spiPattern(String(spi)) : undefined;
  if (pattern === undefined) throw refusal(source, "spi", "it is no SPI, and none with wildcards");
  return pattern;
}

function secretOf(source: Source, field: string, bytes: number): Uint8Array {
  const { [field]: text = "" } = source.fields;
  if (typeof text !== "string" || !/^(?:0x)?(?:[0-9a-f]{2})*$/i.test(text)) {
    throw refusal(source, field, "it is not pairs of hexadecimal digits");
  }
  const secret = Uint8Array.fromHex(text.replace(/^0x/i, ""));
  if (secret.length !== bytes) throw refusal(source, field, `it has ${secret.length} bytes, not ${bytes}`);
  return secret;
}

function modeOf(source: Source): "tunnel" | "transport" | undefined {
  const { mode } = source.fields;
  if (mode === undefined || mode === "tunnel" || mode === "transport") return mode;
  throw refusal(source, "mode", "it is neither tunnel nor transport");
}

function booleanOf(source: Source, field: string): boolean {
  const value = source.fields[field];
  if (typeof value !== "boolean") throw refusal(source, field, "it is neither true nor false");
  return value;
}

function numberOf(source: Source, field: string, most: number): number {
  const { [field]: value = 0 } = source.fields;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw refusal(source, field, `it is no whole number from 0 to ${most}`);
}

function encapsulationOf(source: Source): UdpEncapsulation | null | undefined {
  const { encap } = source.fields;
  if (encap === undefined) return undefined;
  if (encap === "none") return null;
  if (encap === "udp") return NAT_TRAVERSAL;
  const { sport, dport } = (encap ?? {}) as { sport?: unknown; dport?: unknown };
  if (isPort(sport) && isPort(dport)) return { sourcePort: sport, destinationPort: dport };
  throw refusal(source, "encap", "it is neither none nor udp, nor an object with sport and dport");
}

function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 65535;
}

function tunnelHeaderOf(source: Source): TunnelHeaderOptions {
  const { flags = [] } = source.fields;
  if (!Array.isArray(flags) || !flags.every((flag) => FLAGS.includes(flag))) {
    throw refusal(source, "flags", `it is no array of ${FLAGS.join(", ")}`);
  }
  return {
    ecn: !flags.includes("noecn"),
    encapsulatesDscp: !flags.includes("dont-encap-dscp"),
    decapsulatesDscp: flags.includes("decap-dscp"),
    pathMtuDiscovery: !flags.includes("nopmtudisc"),
  };
}

function refusal({ line }: Source, field: string, what: string): SaFileError {
  return new SaFileError(`${what}, field ${field}, line ${line}`);
}
