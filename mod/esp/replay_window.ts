/**
 * The anti-replay window: which sequence numbers a receiver has seen (RFC 4303, section 3.4.3; Linux xfrm_replay_check_bmp,
 * xfrm_replay_advance_bmp, 4.4 and 6.1).
 *
 * A packet is checked before its ICV is, and remembered only after that was right. A window of 0 numbers checks nothing, as
 * Linux does unless told otherwise.
 *
 * ```ts
 * import { ReplayWindow } from "./replay_window.ts";
 * const window = new ReplayWindow(64);
 * window.accepts(7); // true
 * window.advance(7);
 * window.accepts(7); // false
 * ```
 *
 * @module
 */

/** The window of one association; extended sequence numbers are not known to it. */
export class ReplayWindow {
  /** Highest number that was remembered; 0 before the first. */
  #top = 0;
  /** The number that each slot has seen last: number n belongs to slot n modulo the size. */
  readonly #seen: Float64Array;

  /** A window over the last `size` numbers. */
  constructor(readonly size: number) {
    this.#seen = new Float64Array(size);
  }

  /** Whether `sequence` is new and not behind the window; 0 never is, since no sender uses it. */
  accepts(sequence: number): boolean {
    if (this.size === 0) return true;
    if (sequence === 0) return false;
    if (sequence > this.#top) return true;
    return this.#top - sequence < this.size && this.#seen[sequence % this.size] !== sequence;
  }

  /** Remembers `sequence`, which was accepted. */
  advance(sequence: number): void {
    if (this.size === 0) return;
    this.#seen[sequence % this.size] = sequence;
    this.#top = Math.max(this.#top, sequence);
  }
}
