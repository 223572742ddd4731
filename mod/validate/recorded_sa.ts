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
import { SecurityAssociation, type SecurityAssociationOptions } from "../esp/sa.ts";
import { type CipherName, SUITES } from "../esp/suites.ts";
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

/** Flags that change neither the packet nor its headers on output. */
const HARMLESS_FLAGS = ["af-unspec", "esn", "decap-dscp"];

/** The sizes of the suite of an association; undefined for an algorithm that is not known here. */
export function sizesOf({ aead, enc, auth, icv_bits = 0 }: RecordedSa): SuiteSizes | undefined {
  const algorithm = ALGORITHMS[aead ?? enc ?? ""];
  if (algorithm === undefined) return undefined;
  return { ...algorithm, icvBytes: auth === "digest_null" ? 0 : icv_bits / 8 };
}

/** The suite of this program that an association uses; undefined where it is not built. */
function cipherOf({ aead, key, enc, auth, icv_bits }: RecordedSa): CipherName | undefined {
  if (aead === "rfc4106(gcm(aes))" && icv_bits === 128) {
    const name = `aes-gcm-${(bytesOf(key).length - 4) * 8}`;
    return Object.hasOwn(SUITES, name) ? name as CipherName : undefined;
  }
  if (enc !== "ecb(cipher_null)") return undefined;
  if (auth === "digest_null") return "null";
  return auth === "hmac(sha256)" && icv_bits === 128 ? "null-sha256" : undefined;
}

/** Why packets of an association cannot be sealed here; undefined where they can. */
export function whyNotSealed(sa: RecordedSa): LeftOutReason | undefined {
  if (cipherOf(sa) === undefined) return "suite";
  const { flags = [] } = sa;
  if (flags.includes("esn")) return "esn";
  if (sa.encap !== undefined) return "udpEncap";
  return flags.every((flag) => HARMLESS_FLAGS.includes(flag)) ? undefined : "headerFlags";
}

/** The association; undefined where it uses a suite, ESN or an encapsulation that is not built. */
export function associationOf(recorded: RecordedSa): RecordedAssociation | undefined {
  const cipher = cipherOf(recorded);
  if (cipher === undefined || recorded.encap !== undefined || recorded.flags?.includes("esn")) return undefined;
  const key = bytesOf(recorded.key);
  const { keyBytes } = SUITES[cipher];
  const source = addressOf(recorded.src);
  const destination = addressOf(recorded.dst);
  if (source === undefined || destination === undefined) return undefined;
  return new RecordedAssociation({
    spi: Number(recorded.spi),
    cipher,
    key: key.subarray(0, keyBytes),
    salt: key.subarray(keyBytes),
    authKey: bytesOf(recorded.auth_key),
    mode: recorded.mode as EspMode,
    source,
    destination,
    seed: 0,
  });
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

/** A recorded association of given sizes that never seals: for suites of which only the sizes matter. */
export class SizedAssociation extends SecurityAssociation {
  override readonly ivBytes: number;
  override readonly icvBytes: number;
  override readonly blockBytes: number;

  constructor(sizes: SuiteSizes, { spi, mode, src, dst }: Pick<RecordedSa, "spi" | "mode" | "src" | "dst">) {
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
    });
    this.ivBytes = sizes.ivBytes;
    this.icvBytes = sizes.icvBytes;
    this.blockBytes = sizes.blockBytes;
  }
}
