/**
 * The security association: the keys and counters that two ESP peers share (RFC 4301, section 4.4.2).
 *
 * AES-GCM as RFC 4106 uses it: the nonce is 4 bytes of salt, which belong to the key, and the 8 bytes of IV in the packet;
 * the additional data is SPI and sequence number. The IV is made as Linux `seqiv` does (crypto/seqiv.c, 4.4 and 6.1): the
 * 64-bit sequence number XOR 8 bytes that stay the same for the life of the association. Linux draws these at random; here
 * they follow from the seed of the configuration and the SPI, so that a run can be repeated to the byte.
 *
 * Not modelled yet: extended sequence numbers, lifetimes, the replay window.
 *
 * ```ts
 * import { testSecurityAssociation } from "./sa.ts";
 * const sa = testSecurityAssociation(1);
 * const sequence = sa.nextSequence(); // 1
 * sa.ivFor(sequence); // 8 bytes, good until the next call
 * ```
 *
 * @module
 */
import { set32 } from "../wire/bytes.ts";
import type { Aead, CryptoEngine } from "../crypto/aead.ts";
import type { EspMode } from "./arithmetic.ts";
import { splitmix64 } from "./splitmix.ts";

/** The ciphers there are; configuration key `cipher`. */
export type CipherName = "aes-gcm-128" | "aes-gcm-192" | "aes-gcm-256";

/** What makes up an association. */
export interface SecurityAssociationOptions {
  /** Security parameters index: 256 to 4294967295 (RFC 4303, section 2.1: lower ones are reserved). */
  spi: number;
  /** AES key of 16, 24 or 32 bytes; copied. */
  key: Uint8Array;
  /** The 4 bytes of nonce that belong to the key (RFC 4106, section 4); copied. */
  salt: Uint8Array;
  /** What is protected. */
  mode: EspMode;
  /** Source address of the outer header as an unsigned 32-bit number. */
  source: number;
  /** Destination address of the outer header. */
  destination: number;
  /** Seed of the configuration, an integer; the fixed part of the IVs follows from it. */
  seed: number;
}

/** The key of the test association, 00 01 ... 1f: public, never for real traffic. Read it, do not write it. */
export const TEST_KEY: Uint8Array = Uint8Array.from({ length: 32 }, (_, i) => i);
/** The salt of the test association: public, never for real traffic. Read it, do not write it. */
export const TEST_SALT: Uint8Array = Uint8Array.of(0xa0, 0xa1, 0xa2, 0xa3);
/** The SPI of the test association. */
export const TEST_SPI = 0x1001;
/** The outer source address of the test association, 198.18.0.1 (RFC 2544: for benchmarks). */
export const TEST_SOURCE = 0xc6120001;
/** The outer destination address of the test association, 198.18.0.2. */
export const TEST_DESTINATION = 0xc6120002;

const SALT_BYTES = 4;
const IV_BYTES = 8;
const LOWEST_SPI = 256;
const LAST_SEQUENCE = 0xffffffff;

/**
 * One direction of an ESP connection. `ivFor()`, `nonceFor()` and `aadFor()` return scratch arrays of this object: each is
 * overwritten by the next call of the same method and must not be kept or written.
 */
export class SecurityAssociation {
  /** Security parameters index. */
  readonly spi: number;
  /** AES key; not to be written. */
  readonly key: Uint8Array;
  /** The salt of the nonce, 4 bytes; not to be written. */
  readonly salt: Uint8Array;
  /** What is protected. */
  readonly mode: EspMode;
  /** The cipher, as the length of the key says. */
  readonly cipher: CipherName;
  /** Bytes of IV in every packet. */
  readonly ivBytes: number;
  /** Bytes of ICV in every packet. */
  readonly icvBytes: number;
  /** What the ciphertext is a multiple of. */
  readonly blockBytes: number;
  /** Source address of the outer header. */
  readonly source: number;
  /** Destination address of the outer header. */
  readonly destination: number;

  #lastSequence: number;
  readonly #ivHigh: number;
  readonly #ivLow: number;
  readonly #iv: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #aad: Uint8Array;

  /**
   * An association that has sent nothing yet.
   *
   * @throws {RangeError} if the SPI is reserved or key or salt have a wrong length.
   */
  constructor(options: SecurityAssociationOptions) {
    const { spi, key, salt } = options;
    if (!Number.isInteger(spi) || spi < LOWEST_SPI || spi > 0xffffffff) {
      throw new RangeError(
        `Cannot make a security association: the SPI ${spi} is not from ${LOWEST_SPI} to 4294967295`,
      );
    }
    if (salt.length !== SALT_BYTES) {
      throw new RangeError(`Cannot make a security association: the salt has ${salt.length} bytes, not ${SALT_BYTES}`);
    }
    this.spi = spi;
    this.cipher = cipherOf(key);
    this.key = key.slice();
    this.salt = salt.slice();
    this.mode = options.mode;
    this.ivBytes = IV_BYTES;
    this.icvBytes = 16;
    this.blockBytes = 4;
    this.source = options.source;
    this.destination = options.destination;
    const fixed = splitmix64(splitmix64(BigInt(options.seed)) ^ BigInt(spi));
    this.#ivHigh = Number(fixed >> 32n);
    this.#ivLow = Number(fixed & 0xffffffffn);
    this.#lastSequence = 0;
    this.#iv = new Uint8Array(IV_BYTES);
    this.#nonce = new Uint8Array(SALT_BYTES + IV_BYTES);
    this.#nonce.set(this.salt);
    this.#aad = new Uint8Array(8);
  }

  /** The AEAD that seals and opens packets of this association with `engine`. */
  aead(engine: CryptoEngine): Aead {
    return engine.aesGcm(this.key, this.icvBytes);
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

  /** The 8 bytes of IV for the packet of this sequence number, in a scratch array. */
  ivFor(sequence: number): Uint8Array {
    set32(this.#iv, 0, this.#ivHigh);
    set32(this.#iv, 4, this.#ivLow ^ sequence);
    return this.#iv;
  }

  /** The 12 bytes of nonce for the IV at absolute offset `ivAt`, in a scratch array. */
  nonceFor(u8: Uint8Array, ivAt: number): Uint8Array {
    for (let i = 0; i < IV_BYTES; i++) this.#nonce[SALT_BYTES + i] = u8[ivAt + i]!;
    return this.#nonce;
  }

  /** The 8 bytes of additional data, SPI and sequence number, of the ESP header at `espAt`, in a scratch array. */
  aadFor(u8: Uint8Array, espAt: number): Uint8Array {
    for (let i = 0; i < this.#aad.length; i++) this.#aad[i] = u8[espAt + i]!;
    return this.#aad;
  }
}

function cipherOf(key: Uint8Array): CipherName {
  switch (key.length) {
    case 16:
      return "aes-gcm-128";
    case 24:
      return "aes-gcm-192";
    case 32:
      return "aes-gcm-256";
    default:
      throw new RangeError(`Cannot make a security association: the key has ${key.length} bytes, not 16, 24 or 32`);
  }
}

/** A tunnel from 198.18.0.1 to 198.18.0.2 with the public test key: never for real traffic. */
export function testSecurityAssociation(seed: number): SecurityAssociation {
  return new SecurityAssociation({
    spi: TEST_SPI,
    key: TEST_KEY,
    salt: TEST_SALT,
    mode: "tunnel",
    source: TEST_SOURCE,
    destination: TEST_DESTINATION,
    seed,
  });
}
