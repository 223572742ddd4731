/**
 * The anti-replay window: which sequence numbers a receiver has seen (RFC 4303, section 3.4.3 and appendix A; Linux
 * xfrm_replay_check_bmp, xfrm_replay_check_esn, xfrm_replay_seqhi, xfrm_replay_advance, 4.4 and 6.1).
 *
 * A packet is checked before its ICV is, and remembered only after that was right. A window of 0 numbers checks nothing, as
 * Linux does unless told otherwise. Of an extended sequence number the packet has the lower half; the upper half is guessed: that
 * with which the number is in the window or, if none is, next behind it.
 *
 * ```ts
 * import { ReplayWindow } from "./replay_window.ts";
 * const window = new ReplayWindow(64);
 * window.accepts(7); // true
 * window.advance(7);
 * window.accepts(7); // false
 * window.startAfter(0x1_ffff_fff0);
 * window.extended(5); // 0x2_0000_0005
 * ```
 *
 * @module
 */

/** How many numbers have one upper half. */
const HALF = 0x100000000;

/** The window of one association. */
export class ReplayWindow {
  /** Highest number that was remembered; 0 before the first. */
  #top = 0;
  /** The number that each slot has seen last: number n belongs to slot n modulo the size. */
  readonly #seen: Float64Array;

  /** A window over the last `size` numbers. */
  constructor(readonly size: number) {
    this.#seen = new Float64Array(size);
  }

  /** Begins as if `sequence` had been the highest number that came, and none behind it had. */
  startAfter(sequence: number): void {
    this.#top = sequence;
  }

  /**
   * The whole of an extended number whose lower half is `low`. Below 0 where a window that begins at number 0 takes it for one
   * from before: no packet has such a number, and no ICV is right with it.
   */
  extended(low: number): number {
    const bottom = this.#top - this.size + 1;
    const lowBottom = ((bottom % HALF) + HALF) % HALF;
    return bottom - lowBottom + low + (low < lowBottom ? HALF : 0);
  }

  /** Whether `sequence` is new and not behind the window; 0 never is, since no sender uses it. */
  accepts(sequence: number): boolean {
    if (this.size === 0) return true;
    if (sequence === 0) return false;
    if (sequence > this.#top) return true;
    return this.#top - sequence < this.size && this.#seen[Math.abs(sequence) % this.size] !== sequence;
  }

  /** Remembers `sequence`, which was accepted. */
  advance(sequence: number): void {
    if (this.size === 0) return;
    this.#seen[sequence % this.size] = sequence;
    this.#top = Math.max(this.#top, sequence);
  }
}
