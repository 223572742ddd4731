/**
 * What a calibration measures: pieces of work, for messages of several lengths, with memory cold and warm.
 *
 * Cold means that neither source nor target has been touched for longer than a last-level cache remembers; warm that the
 * same bytes, which fit into the second cache level, are worked on again and again. A `line` is no work but one access to
 * memory that the next one waits for: of it `bytes` is how much memory the accesses are spread over, and thereby the cache
 * that answers.
 *
 * A cipher has its request in one piece, and, of one length, in as many as preset `nocopy` leaves it in (`in pieces`).
 *
 * Example: `{ work: "copy", bytes: 1460, state: "cold", by: "JavaScript", nsPerCall: [102, 99, 101] }` is three runs.
 *
 * @module
 */

/** Ciphers that are measured, by the reason of their events. */
export const CIPHER_REASONS = ["aes-gcm", "aes-gcm-128", "chacha20-poly1305"] as const;

/** Reason of an event of a cipher that is measured. */
export type CipherReason = typeof CIPHER_REASONS[number];

/** What a cipher does. */
export type CipherEvent = "seal" | "open";

/** Work on messages of one length or another, of which a line is made. */
export type LinedWork = "copy" | "checksum" | "copy+checksum" | `${CipherEvent} ${CipherReason}`;

/** Work on a request in several pieces, of one length. */
export type PiecesWork = `${CipherEvent} ${CipherReason} in pieces`;

/** A piece of work by name. */
export type Work = LinedWork | PiecesWork | "line";

/** All of the first kind, as the table of a calibration names them. */
export const LINED_WORKS: readonly LinedWork[] = [
  "copy",
  "checksum",
  "copy+checksum",
  ...CIPHER_REASONS.flatMap((reason) => [`seal ${reason}`, `open ${reason}`] as const),
];

/** All of the second kind. */
export const PIECES_WORKS: readonly PiecesWork[] = CIPHER_REASONS.flatMap((reason) => {
  return [`seal ${reason} in pieces`, `open ${reason} in pieces`] as const;
});

/** Whether the work is measured with several lengths, so that a line can be made of it. */
export function isLined(work: Work): work is LinedWork {
  return (LINED_WORKS as readonly Work[]).includes(work);
}

/** Payload of a TCP segment of full length, as it is copied and summed. */
export const FULL_SEGMENT_BYTES = 1460;
/** Text of an ESP packet of full length: a packet of 1500 bytes in a tunnel, and the trailer. Whole words of 4 bytes. */
export const FULL_TEXT_BYTES = 1504;

/**
 * How much of the text of a full packet is in each piece under preset `nocopy`. The first piece begins with the ESP header, the
 * last ends with the ICV; each is one entry of a scatterlist.
 */
export const PIECES: Readonly<Record<CipherEvent, readonly number[]>> = {
  /** Headers of the packet, its payload where the NIC wrote it, and the trailer. */
  seal: [52, 1448, 4],
  /** The driver has pulled the ESP header from all the rest. */
  open: [0, 1504],
};

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
