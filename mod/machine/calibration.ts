/**
 * What a calibration measures: pieces of work, for messages of several lengths, with memory cold and warm.
 *
 * Cold means that neither source nor target has been touched for longer than a last-level cache remembers; warm that the
 * same bytes are worked on again and again. A `line` is no work but one access to memory that the next one waits for: of
 * it `bytes` is how much memory the accesses are spread over, and thereby the cache that answers.
 *
 * Example: `{ work: "copy", bytes: 1460, state: "cold", by: "JavaScript", nsPerCall: [102, 99, 101] }` is three runs.
 *
 * @module
 */

/** Pieces of work, as the table of a calibration names them. */
export const WORKS = [
  "copy",
  "checksum",
  "copy+checksum",
  "seal aes-gcm",
  "open aes-gcm",
  "seal chacha20-poly1305",
  "open chacha20-poly1305",
  "line",
] as const;

/** A piece of work by name. */
export type Work = typeof WORKS[number];

/** Where the bytes are when the work begins. */
export type MemoryState = "cold" | "warm";

/** What answers an access to memory. */
export type LineLevel = "l2" | "l3" | "memory";

/** How much memory the accesses of `line` are spread over, in bytes: so much that the level named answers, on most machines. */
export const LINE_SPAN_BYTES: Readonly<Record<LineLevel, number>> = { l2: 192 << 10, l3: 3 << 20, memory: 256 << 20 };

/** What was measured of one piece of work, one length and one state of memory. */
export interface Measured {
  /** What was done. */
  readonly work: Work;
  /** Length of the message. */
  readonly bytes: number;
  /** Where its bytes were. */
  readonly state: MemoryState;
  /** What did it: a language or a library. */
  readonly by: string;
  /** Time of one call in each run, in ns. */
  readonly nsPerCall: readonly number[];
}

/** The clock of this machine. */
export interface MachineClock {
  /** Cycles per ns. */
  readonly ghz: number;
  /** Where that comes from, to stand in a sentence: `an estimate (spread 1.2 %)`. */
  readonly source: string;
}

/** Everything that a calibration knows of a machine. */
export interface Calibration {
  /** Its clock. */
  readonly clock: MachineClock;
  /** All that was measured. */
  readonly measured: readonly Measured[];
}
