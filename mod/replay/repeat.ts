/**
 * A capture read several times in a row (`repeat`), as one that goes on: packets are numbered on, and their stamps move on
 * by what a pass lasts, which is the time from its first to its last stamp and one mean gap.
 *
 * ```ts
 * const reader = new RepeatedReader(firstReader, 3, () => openAgain());
 * while (await reader.fill()) while (reader.next(packet)) packet.index; // 0, 1, ..., 3 times as many as the capture has
 * reader.close();
 * ```
 *
 * @module
 */

import type { CaptureInterface, CapturePacket, CaptureReader, LinkTypeCount } from "../capture/mod.ts";

/** A capture opened again. */
export interface Reopened {
  readonly reader: CaptureReader;
  /** Lets go of it. */
  close(): void;
}

/** Reads a capture `passes` times. */
export class RepeatedReader implements CaptureReader {
  /** The pass that is read now, from 0. */
  pass = 0;

  readonly #first: CaptureReader;
  readonly #passes: number;
  readonly #reopen: () => Promise<Reopened>;
  #reopened: Reopened | null = null;
  /** Packets and latest stamp of the first pass. */
  #packets = 0;
  #latestNs = 0;
  #passNs = 0;

  /** `first` is read first and belongs to the caller; `reopen` opens the same capture from its start. */
  constructor(first: CaptureReader, passes: number, reopen: () => Promise<Reopened>) {
    this.#first = first;
    this.#passes = passes;
    this.#reopen = reopen;
  }

  /** Name of the file format. */
  get format(): string {
    return this.#first.format;
  }

  /** Stamp of the first packet of the first pass. */
  get t0EpochNs(): bigint | undefined {
    return this.#first.t0EpochNs;
  }

  /** What is wrong with the capture, once. */
  get warnings(): readonly string[] {
    return this.#first.warnings;
  }

  /** Link types of one pass. */
  get linkTypes(): readonly LinkTypeCount[] {
    return this.#first.linkTypes;
  }

  /** Interfaces of one pass. */
  get interfaces(): readonly CaptureInterface[] {
    return this.#first.interfaces;
  }

  /** Reads on, in the next pass when one is at its end. */
  async fill(): Promise<boolean> {
    while (!await (this.#reopened?.reader ?? this.#first).fill()) {
      if (this.pass === 0) this.#measure();
      if (this.#packets === 0 || this.pass + 1 >= this.#passes) return false;
      this.close();
      this.#reopened = await this.#reopen();
      this.pass += 1;
    }
    return true;
  }

  /** Fills in `packet`, its number and stamp moved on. */
  next(packet: CapturePacket): boolean {
    if (!(this.#reopened?.reader ?? this.#first).next(packet)) return false;
    if (this.pass === 0) {
      this.#packets += 1;
      this.#latestNs = Math.max(this.#latestNs, packet.timeNs);
    } else {
      packet.index += this.pass * this.#packets;
      packet.timeNs += this.pass * this.#passNs;
    }
    return true;
  }

  /** Closes what was opened again. */
  close(): void {
    this.#reopened?.close();
    this.#reopened = null;
  }

  #measure(): void {
    const gaps = this.#packets - 1;
    this.#passNs = this.#latestNs + (gaps > 0 ? Math.round(this.#latestNs / gaps) : 0);
  }
}
