/**
 * The security association: the keys and counters that two ESP peers share (RFC 4301, section 4.4.2).
 *
 * The nonce is the salt, which belongs to the key, and the IV in the packet, where a suite has them (RFC 4106, section 4, and
 * its likes); the additional data is SPI and sequence number. A sequence number is one number here, also where it is extended
 * to 64 bits (ESN, RFC 4304): its lower half is in the packet, its upper half is only authenticated.
 *
 * IVs follow from the seed of the configuration, the SPI and the sequence number (`iv_source.ts`), so that a run can be repeated to
 * the byte.
 *
 * Departures: in transport mode one association protects packets of both IP versions and of any address. Extended sequence
 * numbers end at 2^53 - 1. Not modelled: lifetimes.
 *
 * ```ts
 * import { testSecurityAssociation } from "./sa.ts";
 * const sa = testSecurityAssociation({ seed: 1 });
 * const sequence = sa.nextSequence(); // 1
 * sa.ivFor(sequence); // 8 bytes, good until the next call
 * ```
 *
 * @module
 */
import { set32 } from "../wire/bytes.ts";
import type { Aead, CryptoEngine } from "../crypto/aead.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as udp from "../wire/udp.ts";
import type { EspMode, IpVersion } from "./arithmetic.ts";
import { IvSource } from "./iv_source.ts";
import { type OldCipherName, suiteNamed } from "./old_suites.ts";
import { type CipherName, type CipherSuite, SUITES } from "./suites.ts";
import { DEFAULT_TUNNEL_HEADER, type TunnelHeaderOptions } from "./tunnel_header.ts";

/** What makes up an association. All arrays are copied. */
export interface SecurityAssociationOptions {
  /** Security parameters index: 1 to 4294967295; those below 256 are reserved (RFC 4303, section 2.1). */
  readonly spi: number;
  /** Cipher suite. */
  readonly cipher: CipherName | OldCipherName;
  /** Key of the cipher, without the salt, as long as the suite wants it; empty for NULL. */
  readonly key: Uint8Array;
  /** The part of the nonce that belongs to the key, as long as the suite wants it: 3 or 4 bytes, or none. */
  readonly salt: Uint8Array;
  /** Key of the HMAC, as long as the suite wants it, else empty. */
  readonly authKey: Uint8Array;
  /** What is protected. */
  readonly mode: EspMode;
  /** Source address of the outer header: 4 bytes of IPv4 or 16 of IPv6. */
  readonly source: Uint8Array;
  /** Destination address of the outer header, of the same version. */
  readonly destination: Uint8Array;
  /** Seed of the configuration, an integer; the fixed part of the IVs follows from it. */
  readonly seed: number;
  /** Sequence numbers are extended to 64 bits (RFC 4304); absent: they are not. */
  readonly esn?: boolean;
  /** ESP goes behind a UDP header (RFC 3948); absent or null: behind the IP header. */
  readonly encapsulation?: UdpEncapsulation | null;
  /** How outer and inner header of tunnel mode are made of each other; absent: as without flags. */
  readonly tunnelHeader?: TunnelHeaderOptions;
  /** Traffic flow confidentiality: what is shorter is padded to this many bytes, 0 to 65535 (`tfcpad`); absent: 0. */
  readonly tfcPadBytes?: number;
}

/** UDP ports of encapsulated ESP. */
export interface UdpEncapsulation {
  /** Port of the sender. */
  readonly sourcePort: number;
  /** Port of the receiver, who expects ESP there. */
  readonly destinationPort: number;
}

/** Both ports of RFC 3948, section 2.1: those of IKE behind a NAT. */
export const NAT_TRAVERSAL: UdpEncapsulation = { sourcePort: 4500, destinationPort: 4500 };

/** 1 to 255 are reserved (RFC 4303, section 2.1), and used all the same: Linux takes them, and captures have them. */
const LOWEST_SPI = 1;
const LAST_SEQUENCE = 0xffffffff;
/** SPI and sequence number; with an extended one the upper half is in the middle. */
const AAD_BYTES = 8;
const EXTENDED_AAD_BYTES = 12;
const IPV4_ADDRESS_BYTES = 4;

/**
 * One direction of an ESP connection. `ivFor()`, `nonceFor()` and `aadFor()` return scratch arrays of this object: each is
 * overwritten by the next call of the same method and must not be kept or written.
 */
export class SecurityAssociation {
  /** Security parameters index. */
  readonly spi: number;
  /** The cipher suite. */
  readonly suite: CipherSuite;
  /** Key of the cipher; not to be written. */
  readonly key: Uint8Array;
  /** The salt of the nonce; not to be written. */
  readonly salt: Uint8Array;
  /** Key of the HMAC; not to be written. */
  readonly authKey: Uint8Array;
  /** What is protected. */
  readonly mode: EspMode;
  /** Bytes of IV in every packet. */
  readonly ivBytes: number;
  /** Bytes of ICV in every packet. */
  readonly icvBytes: number;
  /** What the ciphertext is a multiple of. */
  readonly blockBytes: number;
  /** Version of the outer header of tunnel mode. */
  readonly outerVersion: IpVersion;
  /** Source address of the outer header, 4 or 16 bytes; not to be written. Means nothing in transport mode. */
  readonly source: Uint8Array;
  /** Destination address of the outer header, 4 or 16 bytes; not to be written. Means nothing in transport mode. */
  readonly destination: Uint8Array;
  /** Sequence numbers are extended. */
  readonly esn: boolean;
  /** UDP ports in front of ESP; null where there is no UDP. */
  readonly encapsulation: UdpEncapsulation | null;
  /** Bytes of the UDP header; 0 where there is none. */
  readonly encapsulationBytes: number;
  /** How outer and inner header of tunnel mode are made of each other. */
  readonly tunnelHeader: TunnelHeaderOptions;
  /** What is shorter is padded to this many bytes, as far as the MTU allows; 0 pads nothing. */
  readonly tfcPadBytes: number;

  #lastSequence: number;
  readonly #ivs: IvSource;
  readonly #nonce: Uint8Array;
  readonly #aad: Uint8Array;

  /**
   * An association that has sent nothing yet.
   *
   * @throws {RangeError} if the SPI is reserved, a key or the salt has a wrong length, or the addresses are of no IP version.
   */
  constructor(options: SecurityAssociationOptions) {
    this.suite = suiteNamed(options.cipher);
    checkOptions(options, this.suite);
    this.spi = options.spi;
    this.key = options.key.slice();
    this.salt = options.salt.slice();
    this.authKey = options.authKey.slice();
    this.mode = options.mode;
    this.ivBytes = this.suite.ivBytes;
    this.icvBytes = this.suite.icvBytes;
    this.blockBytes = this.suite.blockBytes;
    this.outerVersion = options.source.length === ipv6.ADDRESS_BYTES ? 6 : 4;
    this.source = options.source.slice();
    this.destination = options.destination.slice();
    this.tunnelHeader = options.tunnelHeader ?? DEFAULT_TUNNEL_HEADER;
    this.tfcPadBytes = options.tfcPadBytes ?? 0;
    this.esn = options.esn ?? false;
    this.encapsulation = options.encapsulation ?? null;
    this.encapsulationBytes = this.encapsulation === null ? 0 : udp.HEADER_BYTES;
    this.#ivs = new IvSource(options.seed, options.spi, this.ivBytes);
    this.#lastSequence = 0;
    this.#nonce = new Uint8Array(this.salt.length + this.ivBytes);
    this.#nonce.set(this.salt);
    this.#aad = new Uint8Array(this.esn ? EXTENDED_AAD_BYTES : AAD_BYTES);
  }

  /** Bytes of additional data: 8, or 12 with the upper half of an extended sequence number. */
  get aadBytes(): number {
    return this.#aad.length;
  }

  /** What seals and opens packets of this association with `engine`. */
  aead(engine: CryptoEngine): Aead {
    return engine.aead(this.suite.algorithm, this, this.icvBytes);
  }

  /**
   * The next sequence number to send, 1 first, or 0 when the last has been sent, 2^32 - 1 if it is not extended: then the packet
   * must be dropped, because a nonce would be used twice (RFC 4303, section 3.3.3; Linux xfrm_replay_overflow: EOVERFLOW).
   */
  nextSequence(): number {
    return this.reserveSequences(1);
  }

  /**
   * The first of `count` sequence numbers in a row, for the segments of one aggregate, or 0 when they do not all fit: then
   * none is taken (Linux 6.1 xfrm_replay_overflow_offload).
   */
  reserveSequences(count: number): number {
    const last = this.esn ? Number.MAX_SAFE_INTEGER : LAST_SEQUENCE;
    if (this.#lastSequence + count > last) return 0;
    const first = this.#lastSequence + 1;
    this.#lastSequence += count;
    return first;
  }

  /** Goes on after `sequence`, 0 or more, as if it had been sent: for captures that begin in the middle. */
  resumeAfter(sequence: number): void {
    this.#lastSequence = sequence;
  }

  /** The IV for the packet of this sequence number, in a scratch array; empty where the suite has none. */
  ivFor(sequence: number): Uint8Array {
    return this.#ivs.ivFor(sequence);
  }

  /** The nonce, salt and the IV at absolute offset `ivAt`, in a scratch array; empty where the suite has neither. */
  nonceFor(u8: Uint8Array, ivAt: number): Uint8Array {
    const saltBytes = this.salt.length;
    for (let i = 0; i < this.ivBytes; i++) this.#nonce[saltBytes + i] = u8[ivAt + i]!;
    return this.#nonce;
  }

  /**
   * The additional data, SPI and sequence number, of the ESP header at `espAt`, in a scratch array: 8 bytes, or 12 with
   * `high`, the upper half of an extended sequence number, in the middle.
   */
  aadFor(u8: Uint8Array, espAt: number, high: number = 0): Uint8Array {
    const aad = this.#aad;
    const lowAt = aad.length - 4;
    for (let i = 0; i < 4; i++) {
      aad[i] = u8[espAt + i]!;
      aad[lowAt + i] = u8[espAt + 4 + i]!;
    }
    if (this.esn) set32(aad, 4, high);
    return aad;
  }
}

function checkOptions(options: SecurityAssociationOptions, suite: CipherSuite): void {
  const { spi, source, destination } = options;
  if (!Number.isInteger(spi) || spi < LOWEST_SPI || spi > 0xffffffff) {
    throw new RangeError(`Cannot make a security association: the SPI ${spi} is not from ${LOWEST_SPI} to 4294967295`);
  }
  checkLength("key", options.key, suite.keyBytes, suite.name);
  checkLength("salt", options.salt, suite.saltBytes, suite.name);
  checkLength("authentication key", options.authKey, suite.authKeyBytes, suite.name);
  const lengths = [source.length, destination.length];
  if (lengths.some((bytes) => bytes !== IPV4_ADDRESS_BYTES) && lengths.some((bytes) => bytes !== ipv6.ADDRESS_BYTES)) {
    throw new RangeError(
      `Cannot make a security association: the addresses have ${lengths.join(" and ")} bytes, not both 4 or both 16`,
    );
  }
}

function checkLength(what: string, secret: Uint8Array, bytes: number, suite: string): void {
  if (secret.length === bytes) return;
  throw new RangeError(
    `Cannot make a security association: the ${what} has ${secret.length} bytes, not ${bytes} as ${suite} wants`,
  );
}

/** What may be chosen of the test association. */
export interface TestAssociationOptions {
  /** Seed of the configuration, an integer. */
  readonly seed: number;
  /** Configuration key `cipher`; absent: aes-gcm-256. */
  readonly cipher?: CipherName;
  /** Configuration key `mode`; absent: tunnel. */
  readonly mode?: EspMode;
  /** Configuration key `ip`, the version of the outer header; absent: 4. */
  readonly ip?: IpVersion;
  /** Configuration key `esn`; absent: off. */
  readonly esn?: "on" | "off";
  /** Configuration key `encap`; absent: none. */
  readonly encap?: "none" | "udp";
  /** The association of the other direction: SPI, keys and addresses of its own; absent: false. */
  readonly isReverse?: boolean;
}

/** The SPI of the test association. */
export const TEST_SPI = 0x1001;
/** The SPI of the test association of the other direction. */
export const TEST_REVERSE_SPI = 0x1002;
/** What the bytes of the keys of the other direction differ in. */
const REVERSE_KEY_BITS = 0x80;
/** Cut to the length that a suite wants: 00 01 ... 1f, public, never for real traffic. Read it, do not write it. */
export const TEST_KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);
/** The salt of the test association, cut likewise: public, never for real traffic. Read it, do not write it. */
export const TEST_SALT: Uint8Array = Uint8Array.of(0xa0, 0xa1, 0xa2, 0xa3);
/** The HMAC key, 40 41 ... 7f, cut likewise: public, never for real traffic. Read it, do not write it. */
export const TEST_AUTH_KEY: Uint8Array = Uint8Array.from({ length: 64 }, (_, i) => 0x40 + i);
/** Outer source addresses by version: 198.18.0.1 (RFC 2544: for benchmarks) and 2001:2::1 (RFC 5180: likewise). */
export const TEST_SOURCES: Readonly<Record<IpVersion, Uint8Array>> = {
  4: Uint8Array.of(198, 18, 0, 1),
  6: Uint8Array.of(0x20, 0x01, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1),
};
/** Outer destination addresses by version: 198.18.0.2 and 2001:2::2. */
export const TEST_DESTINATIONS: Readonly<Record<IpVersion, Uint8Array>> = {
  4: Uint8Array.of(198, 18, 0, 2),
  6: Uint8Array.of(0x20, 0x01, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2),
};

/** The association of every run: public keys, which are those of the kernel recordings. Never for real traffic. */
export function testSecurityAssociation(options: TestAssociationOptions): SecurityAssociation {
  const { seed, cipher = "aes-gcm-256", mode = "tunnel", ip = 4, esn = "off", encap = "none" } = options;
  const { isReverse = false } = options;
  const suite = SUITES[cipher];
  const secret = (bytes: Uint8Array, length: number): Uint8Array => {
    return bytes.subarray(0, length).map((byte) => isReverse ? byte ^ REVERSE_KEY_BITS : byte);
  };
  return new SecurityAssociation({
    spi: isReverse ? TEST_REVERSE_SPI : TEST_SPI,
    cipher,
    key: secret(TEST_KEY, suite.keyBytes),
    salt: secret(TEST_SALT, suite.saltBytes),
    authKey: secret(TEST_AUTH_KEY, suite.authKeyBytes),
    mode,
    source: (isReverse ? TEST_DESTINATIONS : TEST_SOURCES)[ip],
    destination: (isReverse ? TEST_SOURCES : TEST_DESTINATIONS)[ip],
    seed,
    esn: esn === "on",
    encapsulation: encap === "udp" ? NAT_TRAVERSAL : null,
  });
}
