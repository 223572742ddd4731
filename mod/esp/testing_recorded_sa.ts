/**
 * The security associations of the kernel recordings, for tests. Not part of the library.
 *
 * ```ts
 * const { sa: [recorded] } = JSON.parse(Deno.readTextFileSync("scenario.json"));
 * associationOf(recorded)?.suite.name; // "aes-gcm-256"
 * ```
 *
 * @module
 */
import { set32 } from "../wire/bytes.ts";
import { parseAddress } from "../wire/ipv4.ts";
import { parseAddress6 } from "../wire/ipv6_address.ts";
import type { EspMode } from "./arithmetic.ts";
import { SecurityAssociation } from "./sa.ts";
import { type CipherName, SUITES } from "./suites.ts";

/** An SA as `scenario.json` states it, in the words of `ip xfrm state`. */
export interface RecordedSa {
  readonly src: string;
  readonly dst: string;
  readonly spi: string;
  readonly mode: string;
  readonly aead?: string;
  /** Key and salt of the AEAD, "0x" in front. */
  readonly key?: string;
  readonly enc?: string;
  readonly auth?: string;
  /** "0x" in front, or empty. */
  readonly auth_key?: string;
  readonly icv_bits?: number;
  readonly encap?: string;
  readonly flags?: readonly string[];
}

/** The association; undefined where it uses what `esp/` does not know: another suite, ESN, UDP encapsulation. */
export function associationOf(recorded: RecordedSa): SecurityAssociation | undefined {
  const cipher = cipherOf(recorded);
  if (cipher === undefined || recorded.encap !== undefined || recorded.flags?.includes("esn")) return undefined;
  const key = bytesOf(recorded.key);
  const { keyBytes } = SUITES[cipher];
  return new SecurityAssociation({
    spi: Number(recorded.spi),
    cipher,
    key: key.subarray(0, keyBytes),
    salt: key.subarray(keyBytes),
    authKey: bytesOf(recorded.auth_key),
    mode: recorded.mode as EspMode,
    source: addressOf(recorded.src),
    destination: addressOf(recorded.dst),
    seed: 0,
  });
}

function cipherOf({ aead, key, enc, auth, icv_bits }: RecordedSa): CipherName | undefined {
  if (aead === "rfc4106(gcm(aes))" && icv_bits === 128) {
    return `aes-gcm-${(bytesOf(key).length - 4) * 8}` as CipherName;
  }
  if (enc !== "ecb(cipher_null)") return undefined;
  if (auth === "digest_null") return "null";
  return auth === "hmac(sha256)" && icv_bits === 128 ? "null-sha256" : undefined;
}

function bytesOf(key: string | undefined): Uint8Array {
  return Uint8Array.fromHex((key ?? "").replace("0x", ""));
}

function addressOf(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) return parseAddress6(text)!;
  const bytes = new Uint8Array(4);
  set32(bytes, 0, address);
  return bytes;
}
