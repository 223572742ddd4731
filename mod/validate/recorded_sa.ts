/**
 * Security associations of recordings: what `ip xfrm state` says, as this program knows it.
 *
 * ```ts
 * import { associationOf } from "./recorded_sa.ts";
 * associationOf({
 *   src: "192.0.2.1",
 *   dst: "192.0.2.2",
 *   spi: "0x1001",
 *   mode: "tunnel",
 *   enc: "ecb(cipher_null)",
 *   auth: "digest_null",
 * })?.suite.name; // "null"
 * ```
 *
 * @module
 */

import type { EspMode } from "../esp/arithmetic.ts";
import { sequenceHigh } from "../esp/framing.ts";
import {
  NAT_TRAVERSAL,
  SecurityAssociation,
  type SecurityAssociationOptions,
  type UdpEncapsulation,
} from "../esp/sa.ts";
import { type CipherName, isCipherName, SUITES } from "../esp/suites.ts";
import type { TunnelHeaderOptions } from "../esp/tunnel_header.ts";
import { set32 } from "../wire/bytes.ts";
import { parseAddress } from "../wire/ipv4.ts";
import { parseAddress6 } from "../wire/ipv6_address.ts";
import type { LeftOutReason } from "./left_out.ts";
import type { RecordedSa } from "./scenario.ts";

/** What a suite adds to a packet, in bytes: all that the shape of a buffer depends on. */
export interface SuiteSizes {
  readonly ivBytes: number;
  readonly icvBytes: number;
  readonly blockBytes: number;
}

/** IV and block of the algorithms of `ip xfrm state` (linux-datapath 3.1). */
const ALGORITHMS: Readonly<Record<string, Pick<SuiteSizes, "ivBytes" | "blockBytes">>> = {
  "rfc4106(gcm(aes))": { ivBytes: 8, blockBytes: 4 },
  "rfc4309(ccm(aes))": { ivBytes: 8, blockBytes: 4 },
  "rfc4543(gcm(aes))": { ivBytes: 8, blockBytes: 4 },
  "rfc7539esp(chacha20,poly1305)": { ivBytes: 8, blockBytes: 4 },
  "rfc3686(ctr(aes))": { ivBytes: 8, blockBytes: 4 },
  "cbc(aes)": { ivBytes: 16, blockBytes: 16 },
  "ecb(cipher_null)": { ivBytes: 0, blockBytes: 4 },
};

/** Flags that `tunnelHeaderOf()` reads. */
const HEADER_FLAGS = ["noecn", "nopmtudisc", "dont-encap-dscp", "decap-dscp"];
/** Flags that change nothing in a packet: which selectors and ICMP errors an association takes, how AH is aligned. */
const HARMLESS_FLAGS = ["af-unspec", "esn", "wildrecv", "icmp", "align4"];

/** The sizes of the suite of an association; undefined for an algorithm that is not known here. */
export function sizesOf({ aead, enc, auth, icv_bits = 0 }: RecordedSa): SuiteSizes | undefined {
  const algorithm = ALGORITHMS[aead ?? enc ?? ""];
  if (algorithm === undefined) return undefined;
  return { ...algorithm, icvBytes: auth === "digest_null" ? 0 : icv_bits / 8 };
}

/** Suites of this program by the AEADs of `ip xfrm state`, and what of their keys is the salt. */
const AEADS: Readonly<Record<string, { readonly suite: string; readonly saltBytes: number }>> = {
  "rfc4106(gcm(aes))": { suite: "aes-gcm", saltBytes: 4 },
  "rfc4309(ccm(aes))": { suite: "aes-ccm", saltBytes: 3 },
  "rfc4543(gcm(aes))": { suite: "aes-gmac", saltBytes: 4 },
};
/** The same of ciphers that need an HMAC. */
const CIPHERS: Readonly<Record<string, { readonly suite: string; readonly saltBytes: number }>> = {
  "cbc(aes)": { suite: "aes-cbc", saltBytes: 0 },
  "rfc3686(ctr(aes))": { suite: "aes-ctr", saltBytes: 4 },
};
const CHACHA = "rfc7539esp(chacha20,poly1305)";

/** The suite of this program that an association uses; undefined where it is not built. */
function cipherOf(sa: RecordedSa): CipherName | undefined {
  const name = sa.aead === undefined ? nameOfPair(sa) : nameOfAead(sa.aead, bytesOf(sa.key).length, sa.icv_bits);
  if (name === undefined || !isCipherName(name)) return undefined;
  return SUITES[name].icvBytes * 8 === (name === "null" ? 0 : sa.icv_bits) ? name : undefined;
}

function nameOfAead(aead: string, keyBytes: number, icvBits: number | undefined): string | undefined {
  if (aead === CHACHA) return "chacha20-poly1305";
  const known = AEADS[aead];
  if (known === undefined) return undefined;
  const name = `${known.suite}-${(keyBytes - known.saltBytes) * 8}`;
  return icvBits === 128 ? name : `${name}-icv${(icvBits ?? 0) / 8}`;
}

function nameOfPair({ enc = "", enc_key, auth = "" }: RecordedSa): string | undefined {
  const hash = /^hmac\((sha\d+)\)$/.exec(auth)?.[1];
  if (enc === "ecb(cipher_null)") return auth === "digest_null" ? "null" : `null-${hash}`;
  const known = CIPHERS[enc];
  return known === undefined ? undefined : `${known.suite}-${(bytesOf(enc_key).length - known.saltBytes) * 8}-${hash}`;
}

/** Why packets of an association cannot be sealed here; undefined where they can. */
export function whyNotSealed(sa: RecordedSa): LeftOutReason | undefined {
  if (cipherOf(sa) === undefined) return "suite";
  const { flags = [] } = sa;
  return flags.every((flag) => [...HARMLESS_FLAGS, ...HEADER_FLAGS].includes(flag)) ? undefined : "flags";
}

/** What the flags say about the headers of tunnel mode. */
function tunnelHeaderOf({ flags = [] }: Pick<RecordedSa, "flags">): TunnelHeaderOptions {
  return {
    ecn: !flags.includes("noecn"),
    encapsulatesDscp: !flags.includes("dont-encap-dscp"),
    decapsulatesDscp: flags.includes("decap-dscp"),
    pathMtuDiscovery: !flags.includes("nopmtudisc"),
  };
}

/** The association; undefined where it uses a suite that is not built. */
export function associationOf(recorded: RecordedSa): RecordedAssociation | undefined {
  const cipher = cipherOf(recorded);
  if (cipher === undefined) return undefined;
  const key = bytesOf(recorded.key ?? recorded.enc_key);
  const { keyBytes } = SUITES[cipher];
  const source = addressOf(recorded.src);
  const destination = addressOf(recorded.dst);
  if (source === undefined || destination === undefined) return undefined;
  const association = new RecordedAssociation({
    spi: Number(recorded.spi),
    cipher,
    key: key.subarray(0, keyBytes),
    salt: key.subarray(keyBytes),
    authKey: bytesOf(recorded.auth_key),
    mode: recorded.mode as EspMode,
    source,
    destination,
    seed: 0,
    esn: isExtended(recorded),
    encapsulation: encapsulationOf(recorded),
    tunnelHeader: tunnelHeaderOf(recorded),
    tfcPadBytes: recorded.tfc_pad ?? 0,
  });
  association.resumeAfter(recorded.replay_oseq ?? 0);
  return association;
}

/** The upper halves that sequence numbers of an association may have: that which it begins with, or the next. */
export function upperHalves(recorded: RecordedSa): readonly number[] {
  const first = sequenceHigh(recorded.replay_oseq ?? 0);
  return isExtended(recorded) ? [first, first + 1] : [0];
}

function isExtended({ flags = [] }: Pick<RecordedSa, "flags">): boolean {
  return flags.includes("esn");
}

function encapsulationOf(
  { encap, encap_sport, encap_dport }: Pick<RecordedSa, "encap" | "encap_sport" | "encap_dport">,
): UdpEncapsulation | null {
  if (encap === undefined) return null;
  const { sourcePort, destinationPort } = NAT_TRAVERSAL;
  return { sourcePort: encap_sport ?? sourcePort, destinationPort: encap_dport ?? destinationPort };
}

function bytesOf(key: string | undefined): Uint8Array {
  return Uint8Array.fromHex((key ?? "").replace("0x", ""));
}

function addressOf(text: string): Uint8Array | undefined {
  const address = parseAddress(text);
  if (address === undefined) return parseAddress6(text);
  const bytes = new Uint8Array(4);
  set32(bytes, 0, address);
  return bytes;
}

/** An association that uses the IVs of recorded packets: Linux draws what IVs are made of. */
export class RecordedAssociation extends SecurityAssociation {
  readonly #ivs = new Map<number, Uint8Array>();

  constructor(options: SecurityAssociationOptions) {
    super(options);
  }

  /** The packet of this sequence number is to have this IV, which is kept. */
  useIv(sequence: number, iv: Uint8Array): void {
    this.#ivs.set(sequence, iv);
  }

  override ivFor(sequence: number): Uint8Array {
    return this.#ivs.get(sequence) ?? super.ivFor(sequence);
  }
}

/** What of a recorded association matters where nothing is sealed. */
export type SizedSa = Pick<
  RecordedSa,
  "spi" | "mode" | "src" | "dst" | "flags" | "tfc_pad" | "encap" | "encap_sport" | "encap_dport"
>;

/** A recorded association of given sizes that never seals: for suites of which only the sizes matter. */
export class SizedAssociation extends SecurityAssociation {
  override readonly ivBytes: number;
  override readonly icvBytes: number;
  override readonly blockBytes: number;

  constructor(sizes: SuiteSizes, recorded: SizedSa) {
    const { spi, mode, src, dst } = recorded;
    const none = new Uint8Array(0);
    super({
      spi: Number(spi),
      cipher: "null",
      key: none,
      salt: none,
      authKey: none,
      mode: mode as EspMode,
      source: addressOf(src) ?? none,
      destination: addressOf(dst) ?? none,
      seed: 0,
      esn: isExtended(recorded),
      encapsulation: encapsulationOf(recorded),
      tunnelHeader: tunnelHeaderOf(recorded),
      tfcPadBytes: recorded.tfc_pad ?? 0,
    });
    this.ivBytes = sizes.ivBytes;
    this.icvBytes = sizes.icvBytes;
    this.blockBytes = sizes.blockBytes;
  }
}
