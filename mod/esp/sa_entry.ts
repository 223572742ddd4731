/**
 * What a file says of one security association, before there is one: some formats leave addresses, SPI or mode open.
 *
 * `sa_file.ts` reads files; `sa_directory.ts` makes associations of entries when packets come that they are for.
 *
 * ```ts
 * import { addressPattern, matchesAddress } from "./sa_entry.ts";
 * matchesAddress(addressPattern("192.168.*.1")!, Uint8Array.of(192, 168, 7, 1), 0); // true
 * ```
 *
 * @module
 */
import * as ipv4 from "../wire/ipv4.ts";
import { parseAddress6 } from "../wire/ipv6_address.ts";
import { set32 } from "../wire/bytes.ts";
import type { EspMode } from "./arithmetic.ts";
import type { UdpEncapsulation } from "./sa.ts";
import type { OldCipherName } from "./old_suites.ts";
import type { CipherName } from "./suites.ts";
import type { TunnelHeaderOptions } from "./tunnel_header.ts";

/** Addresses of which only some bits matter: 4 bytes each of IPv4, 16 of IPv6, or none, which is any address of any version. */
export interface AddressPattern {
  /** The bits, 0 where they do not matter. */
  readonly value: Uint8Array;
  /** 1 where they do. */
  readonly mask: Uint8Array;
}

/** SPIs of which only some bits matter, as 32-bit numbers. */
export interface SpiPattern {
  /** The bits, 0 where they do not matter. */
  readonly value: number;
  /** 1 where they do. */
  readonly mask: number;
}

/** One entry of a file. */
export interface SaEntry {
  /** The line where it begins, from 1. */
  readonly line: number;
  /** IP version of the packets with ESP in them; undefined where the addresses say so, or nothing does. */
  readonly version: 4 | 6 | undefined;
  /** Source of the packets with ESP in them. */
  readonly source: AddressPattern;
  /** Their destination. */
  readonly destination: AddressPattern;
  /** Their SPI. */
  readonly spi: SpiPattern;
  /** The suite. */
  readonly cipher: CipherName | OldCipherName;
  /** Without the salt. */
  readonly key: Uint8Array;
  /** The part of the nonce that belongs to the key. */
  readonly salt: Uint8Array;
  /** Key of the HMAC. */
  readonly authKey: Uint8Array;
  /** Undefined where the format does not tell: packets do. */
  readonly mode: EspMode | undefined;
  /** Sequence numbers are extended. */
  readonly esn: boolean;
  /** Undefined where the format does not tell: packets do. */
  readonly encapsulation: UdpEncapsulation | null | undefined;
  /** How outer and inner header are made of each other. */
  readonly tunnelHeader: TunnelHeaderOptions;
  /** What is shorter is padded to this many bytes. */
  readonly tfcPadBytes: number;
  /** Sequence number that was sent last. */
  readonly lastSequence: number;
  /** Numbers that the replay window of its receiver covers, 0 for none checked; absent where the format does not tell. */
  readonly replayWindow?: number | undefined;
}

/** A file of associations is wrong. The message tells line and field, and nothing of a key. */
export class SaFileError extends Error {
  /** Name of the class. */
  override name = "SaFileError";
}

/** Every address of every version. */
export const ANY_ADDRESS: AddressPattern = { value: new Uint8Array(0), mask: new Uint8Array(0) };

/** The pattern that takes one SPI. */
export function oneSpi(spi: number): SpiPattern {
  return { value: spi, mask: 0xffffffff };
}

/** Whether the pattern takes one address, or one SPI, and no other. */
export function isExact({ value, mask }: AddressPattern): boolean {
  return value.length > 0 && mask.every((byte) => byte === 0xff);
}

/** Whether the address that begins at absolute offset `at` is one of the pattern's; of another version it is not asked here. */
export function matchesAddress({ value, mask }: AddressPattern, u8: Uint8Array, at: number): boolean {
  return value.every((byte, i) => (u8[at + i]! & mask[i]!) === byte);
}

/** Whether the SPI is one of the pattern's. */
export function matchesSpi({ value, mask }: SpiPattern, spi: number): boolean {
  return ((spi & mask) >>> 0) === value;
}

/**
 * Addresses as Wireshark writes them: `*`, an address, one with `*` in place of a part, or one with the length of a prefix
 * behind a slash. Undefined for anything else.
 */
export function addressPattern(text: string): AddressPattern | undefined {
  if (text === "*") return ANY_ADDRESS;
  const [address = "", prefix, ...more] = text.split("/");
  if (more.length > 0) return undefined;
  const pattern = address.includes(":") ? patternOf6(address) : patternOf4(address);
  if (pattern === undefined || prefix === undefined) return pattern;
  const bits = /^[0-9]{1,3}$/.test(prefix) ? Number(prefix) : Infinity;
  return bits > 8 * pattern.mask.length ? undefined : shortened(pattern, bits);
}

function patternOf4(text: string): AddressPattern | undefined {
  const parts = text.split(".");
  const address = ipv4.parseAddress(parts.map((part) => part === "*" ? "0" : part).join("."));
  if (address === undefined) return undefined;
  const value = new Uint8Array(4);
  set32(value, 0, address);
  return { value, mask: Uint8Array.from(parts, (part) => part === "*" ? 0 : 0xff) };
}

/** The same address with its wildcards once as 0 and once as ffff tells which bits they are. */
function patternOf6(text: string): AddressPattern | undefined {
  const parts = text.split(":");
  const [value, filled] = ["0", "ffff"].map((group) => {
    return parseAddress6(parts.map((part) => part === "*" ? group : part).join(":"));
  });
  if (value === undefined || filled === undefined) return undefined;
  return { value, mask: value.map((byte, i) => ~(byte ^ filled[i]!)) };
}

function shortened({ value, mask }: AddressPattern, bits: number): AddressPattern {
  const kept = mask.map((byte, i) => byte & (0xff << Math.max(0, 8 - Math.max(0, bits - 8 * i))));
  return { value: value.map((byte, i) => byte & kept[i]!), mask: kept };
}

/** SPIs as Wireshark writes them: `*`, a decimal number, or `0x` and digits, of which some may be `*`; else undefined. */
export function spiPattern(text: string): SpiPattern | undefined {
  if (text === "*") return { value: 0, mask: 0 };
  if (/^[0-9]{1,10}$/.test(text)) return Number(text) <= 0xffffffff ? oneSpi(Number(text)) : undefined;
  if (!/^0x[0-9a-f*]{1,8}$/i.test(text)) return undefined;
  const digits = text.slice(2).padStart(8, "0");
  return {
    value: parseInt(digits.replaceAll("*", "0"), 16),
    mask: parseInt(digits.replace(/[^*]/g, "f").replaceAll("*", "0"), 16),
  };
}
