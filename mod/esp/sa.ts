/**
 * The security association: the keys and counters that two ESP peers share (RFC 4301, section 4.4.2).
 *
 * AES-GCM as RFC 4106 uses it: the nonce is 4 bytes of salt, which belong to the key, and the 8 bytes of IV in the packet;
 * the additional data is SPI and sequence number. The IV is made as Linux `seqiv` does (crypto/seqiv.c, 4.4 and 6.1): the
 * 64-bit sequence number XOR 8 bytes that stay the same for the life of the association. Linux draws these at random; here
 * they follow from the seed of the configuration and the SPI, so that a run can be repeated to the byte. ESP-NULL has
 * neither salt nor IV, and its nonce is empty.
 *
 * Departures: in transport mode one association protects packets of both IP versions and of any address. Not modelled yet:
 * extended sequence numbers, lifetimes, the replay window.
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
import type { EspMode, IpVersion } from "./arithmetic.ts";
import { splitmix64 } from "./splitmix.ts";
import { type CipherName, type CipherSuite, SUITES } from "./suites.ts";

/** What makes up an association. All arrays are copied. */
export interface SecurityAssociationOptions {
  /** Security parameters index: 256 to 4294967295 (RFC 4303, section 2.1: lower ones are reserved). */
  readonly spi: number;
  /** Cipher suite. */
  readonly cipher: CipherName;
  /** Key of the cipher, without the salt, as long as the suite wants it; empty for NULL. */
  readonly key: Uint8Array;
  /** The part of the nonce that belongs to the key (RFC 4106, section 4): 4 bytes for AES-GCM, else empty. */
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
}

const LOWEST_SPI = 256;
const LAST_SEQUENCE = 0xffffffff;
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

  #lastSequence: number;
  readonly #ivHigh: number;
  readonly #ivLow: number;
  readonly #iv: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #aad: Uint8Array;

  /**
   * An association that has sent nothing yet.
   *
   * @throws {RangeError} if the SPI is reserved, a key or the salt has a wrong length, or the addresses are of no IP version.
   */
  constructor(options: SecurityAssociationOptions) {
    this.suite = SUITES[options.cipher];
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
    const fixed = splitmix64(splitmix64(BigInt(options.seed)) ^ BigInt(options.spi));
    this.#ivHigh = Number(fixed >> 32n);
    this.#ivLow = Number(fixed & 0xffffffffn);
    this.#lastSequence = 0;
    this.#iv = new Uint8Array(this.ivBytes);
    this.#nonce = new Uint8Array(this.salt.length + this.ivBytes);
    this.#nonce.set(this.salt);
    this.#aad = new Uint8Array(8);
  }

  /** What seals and opens packets of this association with `engine`. */
  aead(engine: CryptoEngine): Aead {
    return engine.aead(this.suite.algorithm, this, this.icvBytes);
  }

  /**
   * The next sequence number to send, 1 first, or 0 when 2^32 - 1 has been sent: then the packet must be dropped, because
   * a nonce would be used twice (RFC 4303, section 3.3.3; Linux xfrm_replay_overflow: EOVERFLOW).
   */
  nextSequence(): number {
    return this.reserveSequences(1);
  }

  /**
   * The first of `count` sequence numbers in a row, for the segments of one aggregate, or 0 when they do not all fit: then
   * none is taken (Linux 6.1 xfrm_replay_overflow_offload).
   */
  reserveSequences(count: number): number {
    if (this.#lastSequence + count > LAST_SEQUENCE) return 0;
    const first = this.#lastSequence + 1;
    this.#lastSequence += count;
    return first;
  }

  /** Goes on after `sequence`, 0 to 2^32 - 1, as if it had been sent: for captures that begin in the middle. */
  resumeAfter(sequence: number): void {
    this.#lastSequence = sequence;
  }

  /** The IV for the packet of this sequence number, in a scratch array; empty where the suite has none. */
  ivFor(sequence: number): Uint8Array {
    if (this.ivBytes === 0) return this.#iv;
    set32(this.#iv, 0, this.#ivHigh);
    set32(this.#iv, 4, this.#ivLow ^ sequence);
    return this.#iv;
  }

  /** The nonce, salt and the IV at absolute offset `ivAt`, in a scratch array; empty where the suite has neither. */
  nonceFor(u8: Uint8Array, ivAt: number): Uint8Array {
    const saltBytes = this.salt.length;
    for (let i = 0; i < this.ivBytes; i++) this.#nonce[saltBytes + i] = u8[ivAt + i]!;
    return this.#nonce;
  }

  /** The 8 bytes of additional data, SPI and sequence number, of the ESP header at `espAt`, in a scratch array. */
  aadFor(u8: Uint8Array, espAt: number): Uint8Array {
    for (let i = 0; i < this.#aad.length; i++) this.#aad[i] = u8[espAt + i]!;
    return this.#aad;
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
}

/** The SPI of the test association. */
export const TEST_SPI = 0x1001;
/** Cut to the length that a suite wants: 00 01 ... 1f, public, never for real traffic. Read it, do not write it. */
export const TEST_KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);
/** The salt of the test association: public, never for real traffic. Read it, do not write it. */
export const TEST_SALT: Uint8Array = Uint8Array.of(0xa0, 0xa1, 0xa2, 0xa3);
/** The HMAC key, 40 41 ... 5f: public, never for real traffic. Read it, do not write it. */
export const TEST_AUTH_KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i);
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
  const { seed, cipher = "aes-gcm-256", mode = "tunnel", ip = 4 } = options;
  const suite = SUITES[cipher];
  return new SecurityAssociation({
    spi: TEST_SPI,
    cipher,
    key: TEST_KEY.subarray(0, suite.keyBytes),
    salt: TEST_SALT.subarray(0, suite.saltBytes),
    authKey: TEST_AUTH_KEY.subarray(0, suite.authKeyBytes),
    mode,
    source: TEST_SOURCES[ip],
    destination: TEST_DESTINATIONS[ip],
    seed,
  });
}
