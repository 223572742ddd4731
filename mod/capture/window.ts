/**
 * The sliding window over a source: one reused buffer, which grows to a few MiB.
 *
 * Reading is asynchronous once per window and everything inside a window is synchronous. What the reader has not used
 * up is carried to the front with `copyWithin` before more is read, so a record is always contiguous. The buffer grows with
 * what a source has given, so small captures have small windows, and nothing is ever allocated by a length that a file
 * claims.
 *
 * ```
 *   0          start                  end          bytes.length
 *   |  used up   |  not yet looked at  |    free    |
 *   ^ baseOffset in the source
 * ```
 *
 * @example
 * ```ts
 * import { sourceOfBytes } from "./byte_source.ts";
 * import { SlidingWindow } from "./window.ts";
 * const window = new SlidingWindow(sourceOfBytes(new Uint8Array(100)), "trace.pcap");
 * await window.fill();
 * window.start += 24; // The first 24 bytes are used up.
 * ```
 *
 * @module
 */

import type { ByteSource } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";

/** Longest window. Large enough that its asynchronous read is lost in the noise, small enough for the L2 cache. */
export const WINDOW_BYTES: number = 4 * 1024 * 1024;

/** A window begins this long, and grows by this factor when it is full. */
const START_BYTES = 64 * 1024;
const GROWTH = 4;

/** A source that keeps returning 0 bytes is broken: after this many in a row the read is given up. */
const EMPTY_READS_MAX = 1000;

/** A reused buffer that slides over a {@link ByteSource}. One reader owns it; the fields are public for its hot path. */
export class SlidingWindow {
  /** The whole buffer; only `start` to `end` holds bytes of the source. `fill()` may replace it. */
  bytes: Uint8Array;
  /** A view of the same memory; replaced with it. */
  view: DataView;
  /** How long it may grow, and with it the longest record. */
  readonly limitBytes: number;
  /** What the user called the input, for messages. */
  readonly name: string;
  /** First byte that is not used up. The owner moves it forward. */
  start: number;
  /** End of the valid bytes. */
  end: number;
  /** Offset in the source of `bytes[0]`. */
  baseOffset: number;
  /** Whether the source has ended: `end` will not grow any more. */
  ended: boolean;
  readonly #source: ByteSource;

  /**
   * Makes an empty window; nothing is read before `fill()`.
   *
   * @param source Read from its current position to its end; never closed here.
   * @param name What the user called the input, for messages.
   * @param windowBytes How long the buffer may grow; small ones are for tests.
   */
  constructor(source: ByteSource, name: string, windowBytes: number = WINDOW_BYTES) {
    this.limitBytes = windowBytes;
    this.bytes = new Uint8Array(Math.min(START_BYTES, windowBytes));
    this.view = new DataView(this.bytes.buffer);
    this.name = name;
    this.start = 0;
    this.end = 0;
    this.baseOffset = 0;
    this.ended = false;
    this.#source = source;
  }

  /** Offset in the source of the first byte that is not used up. */
  get sourceOffset(): number {
    return this.baseOffset + this.start;
  }

  /** Why the source ended too early, once it has ended; undefined where that is not known or not so. */
  get damage(): string | undefined {
    return this.#source.damage;
  }

  /**
   * Carries the bytes that are not used up to the front and reads on until at least `untilBytes` of them are there or
   * the source ends. What was read out of `bytes` before is not valid any more.
   *
   * @throws {CaptureError} When the source fails or gives nothing for ever.
   */
  async fill(untilBytes: number = this.limitBytes): Promise<void> {
    this.#carryOver();
    const wantedBytes = Math.min(untilBytes, this.limitBytes);
    let emptyReads = 0;
    // Where windows end does not depend on how they grow: a source that has filled one up to here may have more at hand.
    while (!this.ended && (this.end < wantedBytes || this.#canGrow)) {
      if (this.#canGrow) this.#grow();
      const readBytes = await this.#read();
      if (readBytes === null) {
        this.ended = true;
      } else if (readBytes > 0) {
        this.end += readBytes;
        emptyReads = 0;
      } else if (++emptyReads === EMPTY_READS_MAX) {
        throw new CaptureError(this.name, `the source gives no bytes, at byte ${this.baseOffset + this.end}`);
      }
    }
  }

  #carryOver(): void {
    if (this.start === 0) return;
    this.bytes.copyWithin(0, this.start, this.end);
    this.baseOffset += this.start;
    this.end -= this.start;
    this.start = 0;
  }

  get #canGrow(): boolean {
    return this.end === this.bytes.length && this.end < this.limitBytes;
  }

  #grow(): void {
    const grown = new Uint8Array(Math.min(GROWTH * this.bytes.length, this.limitBytes));
    grown.set(this.bytes);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  async #read(): Promise<number | null> {
    try {
      return await this.#source.read(this.bytes.subarray(this.end));
    } catch (error) {
      // A source that unpacks reads through a window of its own.
      if (error instanceof CaptureError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw new CaptureError(this.name, `${reason}, at byte ${this.baseOffset + this.end}`, { cause: error });
    }
  }
}
