/**
 * The ciphers that a calibration times, on ESP packets of one length, which lie in slots of an arena in one piece or in several.
 *
 * Pieces of a packet lie in lines of their own, with a line between them, as head, page and page fragment of a buffer have
 * nothing to do with each other.
 *
 * ```ts
 * import { SealWork } from "./calibrate_ciphers.ts";
 * const work = new SealWork(arena, [52, 1448, 4], 64, "aes-gcm-256", ENGINES.openssl);
 * work.pass(0, 64); // 64 texts of 1504 bytes, each in three pieces
 * ```
 *
 * @module
 */

import type { CryptoEngine } from "../crypto/aead.ts";
import { ESP_HEADER_BYTES } from "../esp/arithmetic.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";
import { type Arena, slotAt, type SlottedWork, strideOf } from "./calibrate_works.ts";
import type { CipherReason } from "./calibration.ts";
import { CipherRequest, type Piece, type PieceCipher, pieceCipher } from "./primitives.ts";

/** Ciphers that are measured. */
export type MeasuredCipher = "aes-gcm-128" | "aes-gcm-256" | "chacha20-poly1305";

/** Which cipher stands for all that are priced by a reason. */
export const CIPHERS: Readonly<Record<CipherReason, MeasuredCipher>> = {
  "aes-gcm": "aes-gcm-256",
  "aes-gcm-128": "aes-gcm-128",
  "chacha20-poly1305": "chacha20-poly1305",
};

/** Bytes that a packet has besides its text, and more. */
const PACKET_BYTES = 64;

/** Bytes from one packet to the next whose text is in pieces of `textBytes` bytes. */
export function packetStride(textBytes: readonly number[]): number {
  return textBytes.reduce((sum, bytes) => sum + strideOf(bytes + PACKET_BYTES), 0);
}

/** ESP packets of one length. */
class Packets {
  readonly cipher: PieceCipher;
  /** In the order in which they are taken up. */
  readonly requests: readonly CipherRequest[];
  readonly #u8: Uint8Array<ArrayBuffer>;
  readonly #ats: readonly number[];
  readonly #stride: number;

  constructor(
    arena: Arena,
    textBytes: readonly number[],
    slots: number,
    name: MeasuredCipher,
    engine: CryptoEngine,
  ) {
    const sa = testSecurityAssociation({ seed: 1, cipher: name });
    this.#u8 = arena.u8;
    this.#stride = packetStride(textBytes);
    const at = arena.take(slots * this.#stride);
    this.cipher = pieceCipher(sa, engine);
    this.#ats = Array.from({ length: slots }, (_, i) => slotAt(at, i, slots, this.#stride));
    this.requests = this.#ats.map((espAt) => requestAt(arena.u8, espAt, textBytes, sa));
  }

  /** Makes every packet the same, sealed under the same number: no harm is done, since nothing of it is sent. */
  sealAll(): void {
    const [first, ...others] = this.#ats;
    this.#u8.fill(0x5a, first!, first! + this.#stride);
    this.cipher.seal(this.requests[0]!);
    for (const at of others) this.#u8.copyWithin(at, first!, first! + this.#stride);
  }
}

/** The packet at `espAt`: the first piece begins with its header, the last ends with its ICV. */
function requestAt(
  u8: Uint8Array<ArrayBuffer>,
  espAt: number,
  textBytes: readonly number[],
  { ivBytes, icvBytes }: SecurityAssociation,
): CipherRequest {
  const text: Piece[] = [];
  let pieceAt = espAt;
  let textEnd = espAt + ESP_HEADER_BYTES + ivBytes;
  for (const [i, bytes] of textBytes.entries()) {
    const at = i === 0 ? textEnd : pieceAt;
    textEnd = at + bytes;
    if (bytes > 0) text.push({ at, bytes });
    pieceAt += strideOf(bytes + PACKET_BYTES);
  }
  return new CipherRequest(u8, espAt, text, [{ at: textEnd, bytes: icvBytes }], 0);
}

/** What sealing and opening have in common: packets with texts in pieces of `textBytes` bytes. */
class CipherWork {
  protected readonly packets: Packets;

  constructor(
    arena: Arena,
    textBytes: readonly number[],
    readonly slots: number,
    name: MeasuredCipher,
    engine: CryptoEngine,
  ) {
    this.packets = new Packets(arena, textBytes, slots, name, engine);
  }
}

/** Seals packets, again and again: what was sealed is as good a text as any. */
export class SealWork extends CipherWork implements SlottedWork {
  readonly isOnceOnly = false;

  prepare(): void {}

  pass(first: number, count: number): void {
    const { cipher, requests } = this.packets;
    for (let i = first; i < first + count; i++) cipher.seal(requests[i]!);
  }
}

/** Opens packets, each once. */
export class OpenWork extends CipherWork implements SlottedWork {
  readonly isOnceOnly = true;

  prepare(): void {
    this.packets.sealAll();
  }

  /** Throws Error if a packet was not sealed since it was opened. */
  pass(first: number, count: number): void {
    const { cipher, requests } = this.packets;
    let opened = 0;
    for (let i = first; i < first + count; i++) if (cipher.open(requests[i]!)) opened += 1;
    if (opened !== count) throw new Error(`Cannot measure: ${count - opened} of ${count} packets could not be opened`);
  }
}
