/**
 * What goes wrong when a capture is read.
 *
 * Damage *inside* a capture is not an error but a warning of the reader: the packets before it are still good. A
 * {@link CaptureError} means that there is nothing to play at all, or that the source itself failed.
 *
 * @example
 * ```ts
 * import { CaptureError } from "./errors.ts";
 * throw new CaptureError("trace.pcap", "it is empty (0 bytes)"); // Cannot read trace.pcap: it is empty (0 bytes)
 * ```
 *
 * @module
 */

/**
 * The warning of a reader about a damaged end, one line for people.
 *
 * @param captureName What the user called the input.
 * @param damage What is wrong, without capital or period.
 * @param packets How many packets were good.
 * @param offset Where in the capture the damage begins, in bytes; of a compressed capture, in what was unpacked.
 */
export function damageWarning(captureName: string, damage: string, packets: number, offset: number): string {
  const good = packets === 1 ? "1 packet" : `${packets} packets`;
  return `Cannot read ${captureName} to its end: ${damage}, after ${good}, at byte ${offset}`;
}

/** The input cannot be read as a capture (exit code 3 on the command line). The message is one line for people. */
export class CaptureError extends Error {
  /** The name by which the error is known after the class itself is out of sight. */
  override readonly name = "CaptureError";

  /**
   * Puts the line together: "Cannot read NAME: REASON".
   *
   * @param captureName What the user called the input: a file name or `-`.
   * @param reason What is wrong with it, without capital or period.
   * @param options `cause`: the error of the operating system, when there was one.
   */
  constructor(captureName: string, reason: string, options?: ErrorOptions) {
    super(`Cannot read ${captureName}: ${reason}`, options);
  }
}
