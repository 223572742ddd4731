/**
 * Records what happens in the arena of one host (`skb/byte_watch.ts`): each operation becomes one of the byte program, with the
 * loads in front of it that make its bytes right (`shadow.ts`).
 *
 * @module
 */

import { ESP_HEADER_BYTES } from "../esp/arithmetic.ts";
import type { ByteWatch, PacketLayout } from "../skb/byte_watch.ts";
import type { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { partialSum } from "../wire/checksum.ts";
import { addSum, digestOf, OP, REST } from "./byte_program.ts";
import { DataPieces } from "./data_pieces.ts";
import type { Piece } from "./primitives.ts";
import { SPACE, type WrittenRequest } from "./program_writer.ts";
import { Shadow } from "./shadow.ts";
import type { WorkRecorder } from "./work_recorder.ts";

/** More than the longest packet. */
const BOUNCE_BYTES = 1 << 17;
/** A process reads into the same buffer over and over. */
const READ_BYTES = 1 << 17;

/** What a bounce buffer holds for the cipher that comes next. */
interface Bounced {
  readonly skb: Skb;
  /** Data offset of the text, and its place in the buffer. */
  readonly offset: number;
  readonly textAt: number;
  readonly bytesOut: number;
}

/** Records one arena. */
export class ArenaRecorder implements ByteWatch {
  readonly #pieces = new DataPieces();
  readonly #shadow = new Shadow();
  readonly #arena: number;
  readonly #bounceAt: number;
  readonly #readAt: number;
  #readBytes = 0;
  #bounced: Bounced | null = null;
  /** The request at work, and where its packet lies. */
  #request: WrittenRequest | null = null;
  #worked: { skb: Skb; offset: number; bytes: number } | null = null;
  readonly #load = (at: number, bytes: number): void => {
    this.recorder.writer.load(this.memory.u8, at, this.#arena + at, bytes);
  };

  constructor(readonly recorder: WorkRecorder, readonly memory: Memory) {
    this.#arena = recorder.writer.addSpace(() => memory.u8.length);
    this.#bounceAt = recorder.writer.addSpace(() => BOUNCE_BYTES + READ_BYTES);
    this.#readAt = this.#bounceAt + BOUNCE_BYTES;
  }

  filled(at: number, bytes: number): void {
    if (!this.#begin()) return;
    this.#load(at, bytes);
    this.#shadow.set(this.memory.u8, at, bytes);
  }

  moved(from: number, to: number, bytes: number): void {
    if (bytes === 0 || !this.#begin()) return;
    this.recorder.writer.write(OP.copy, REST, this.#arena + from, this.#arena + to, bytes);
    this.#shadow.moved(from, to, bytes);
  }

  summed(at: number, bytes: number, sum: number): void {
    if (!this.#begin()) return;
    const { writer } = this.recorder;
    this.#makeRight(at, bytes);
    writer.write(OP.sum, this.recorder.rowOfSum(bytes), this.#arena + at, 0, bytes);
    writer.sums = addSum(writer.sums, sum);
  }

  /** A copy to `to`, which has been written, is summed in `row`. */
  sumCopy(row: number, to: number, bytes: number): void {
    // As an integer: a remainder is a fraction to the compiler, and every sum from here on would take half as long again.
    const at = (to % SPACE) | 0;
    this.#makeRight(at, bytes);
    const { writer } = this.recorder;
    writer.write(OP.sum, row, to, 0, bytes);
    writer.sums = addSum(writer.sums, partialSum(this.memory.u8, at, bytes));
  }

  readOut(skb: Skb, offset: number, bytes: number): void {
    if (!this.#begin()) return;
    const pieces = this.#pieces;
    pieces.start(skb, offset, bytes);
    while (pieces.next()) {
      const { at, bytes: size } = pieces;
      if (this.#readBytes + size > READ_BYTES) this.#readBytes = 0;
      const to = this.#readAt + this.#readBytes;
      this.#readBytes += size;
      this.#makeRight(at, size);
      this.recorder.writer.write(OP.copy, REST, this.#arena + at, to, size);
      this.#comesOut(at, to, size);
    }
  }

  bouncing(skb: Skb, offset: number, assocBytes: number, bytesIn: number, bytesOut: number): void {
    if (!this.#begin()) return;
    const pieces = this.#pieces;
    let to = this.#bounceAt;
    pieces.start(skb, offset, bytesIn);
    while (pieces.next()) {
      this.#makeRight(pieces.at, pieces.bytes);
      this.recorder.writer.write(OP.copy, REST, this.#arena + pieces.at, to, pieces.bytes);
      to += pieces.bytes;
    }
    this.#bounced = { skb, offset: offset + assocBytes, textAt: this.#bounceAt + assocBytes, bytesOut };
  }

  ciphering(skb: Skb, espOffset: number, textBytes: number, association: PacketLayout, seals: boolean): void {
    if (!this.#begin()) return;
    const { recorder } = this;
    const number = recorder.writer.numberOf(association);
    if (number === undefined) return;
    const textOffset = espOffset + ESP_HEADER_BYTES + association.ivBytes;
    const { icvBytes } = association;
    const header = this.#pieces.list(skb, espOffset, textOffset - espOffset);
    const text = this.#pieces.list(skb, textOffset, textBytes);
    const icv = this.#pieces.list(skb, textOffset + textBytes, icvBytes);
    if (header.length !== 1) throw new Error(`Cannot record a cipher: the ESP header of skb ${skb.id} is in pieces`);
    for (const { at, bytes } of [...header, ...text, ...(seals ? [] : icv)]) this.#makeRight(at, bytes);
    const bounced = this.#bounced;
    const placed = (pieces: readonly Piece[]): Piece[] => {
      return pieces.map(({ at, bytes }) => ({ at: this.#arena + at, bytes }));
    };
    this.#request = {
      association: number,
      espAt: bounced === null ? this.#arena + header[0]!.at : bounced.textAt - header[0]!.bytes,
      high: skb.espSequenceHigh,
      text: bounced === null ? placed(text) : [{ at: bounced.textAt, bytes: textBytes }],
      icv: bounced === null ? placed(icv) : [{ at: bounced.textAt + textBytes, bytes: icvBytes }],
      isGood: true,
    };
    this.#worked = { skb, offset: textOffset, bytes: textBytes + icvBytes };
    recorder.writer.request(seals ? OP.seal : OP.open, recorder.cipherRow, this.#request);
    recorder.cipherRow = REST;
  }

  ciphered(isGood: boolean): void {
    const { recorder } = this;
    if (this.#request === null || this.#worked === null) return;
    this.#request.isGood = isGood;
    const { skb, offset, bytes: workedBytes } = this.#worked;
    if (this.#bounced !== null) this.#bringBack(this.#bounced);
    const pieces = this.#pieces;
    pieces.start(skb, offset, workedBytes);
    while (pieces.next()) {
      if (isGood) this.#shadow.set(this.memory.u8, pieces.at, pieces.bytes);
      else this.#shadow.forget(pieces.at, pieces.bytes);
    }
    this.#request = null;
    this.#worked = null;
    recorder.bounceRow = REST;
    this.#bounced = null;
  }

  sent(skb: Skb): void {
    if (!this.#begin()) return;
    const pieces = this.#pieces;
    pieces.start(skb, 0, skb.len);
    while (pieces.next()) {
      this.#makeRight(pieces.at, pieces.bytes);
      this.#comesOut(pieces.at, this.#arena + pieces.at, pieces.bytes);
    }
  }

  #begin(): boolean {
    if (!this.recorder.begin(this)) return false;
    this.#shadow.reach(this.memory.u8.length);
    return true;
  }

  /** What the cipher has made in the bounce buffer goes back to the packet. */
  #bringBack({ skb, offset, textAt, bytesOut }: Bounced): void {
    const pieces = this.#pieces;
    let from = textAt;
    pieces.start(skb, offset, bytesOut);
    while (pieces.next()) {
      this.recorder.writer.write(OP.copy, this.recorder.bounceRow, from, this.#arena + pieces.at, pieces.bytes);
      from += pieces.bytes;
    }
  }

  /** What is at `at` in the model has come out at `place` of the program. */
  #comesOut(at: number, place: number, bytes: number): void {
    const { writer } = this.recorder;
    writer.write(OP.out, REST, place, 0, bytes);
    writer.digest = digestOf(writer.digest, this.memory.u8, at, bytes);
  }

  /** Loads what stages have written there. */
  #makeRight(at: number, bytes: number): void {
    this.#shadow.eachStale(this.memory.u8, at, bytes, this.#load);
  }
}
