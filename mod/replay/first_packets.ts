/**
 * The first packets of a capture, as if it had no more.
 *
 * ```ts
 * const reader = new FirstPackets(await openCapture(source, name), 10_000);
 * // ... read it to its end ...
 * if (await reader.hasMore()) say("there are more");
 * ```
 *
 * @module
 */

import { type CaptureInterface, CapturePacket, type CaptureReader, type LinkTypeCount } from "../capture/mod.ts";

/** Reads `most` packets of `reader` at most. */
export class FirstPackets implements CaptureReader {
  #left: number;

  /** `reader` belongs to the caller. */
  constructor(readonly reader: CaptureReader, most: number) {
    this.#left = most;
  }

  /** Name of the file format. */
  get format(): string {
    return this.reader.format;
  }

  /** Stamp of the first packet. */
  get t0EpochNs(): bigint | undefined {
    return this.reader.t0EpochNs;
  }

  /** What is wrong with the part that is read. */
  get warnings(): readonly string[] {
    return this.reader.warnings;
  }

  /** Link types of the packets read. */
  get linkTypes(): readonly LinkTypeCount[] {
    return this.reader.linkTypes;
  }

  /** Interfaces described so far. */
  get interfaces(): readonly CaptureInterface[] {
    return this.reader.interfaces;
  }

  /** Reads on; false at the end, or when the packets have been given. */
  async fill(): Promise<boolean> {
    return this.#left > 0 && await this.reader.fill();
  }

  /** Fills in `packet`, if it is one of the first. */
  next(packet: CapturePacket): boolean {
    if (this.#left === 0 || !this.reader.next(packet)) return false;
    this.#left -= 1;
    return true;
  }

  /** Whether the capture has more than was given; looks at its next packet, which nobody gets. */
  async hasMore(): Promise<boolean> {
    const packet = new CapturePacket();
    while (this.#left === 0 && await this.reader.fill()) if (this.reader.next(packet)) return true;
    return false;
  }
}
