/**
 * What goes wrong when a recording is read.
 *
 * @example
 * ```ts
 * import { RecordingError } from "./errors.ts";
 * throw new RecordingError("gro-off", "there is no column ttl", { file: "expected.csv", line: 1, column: "ttl" });
 * // Cannot read recording gro-off: there is no column ttl, expected.csv, line 1, column ttl
 * ```
 *
 * @module
 */

/** Where in a recording something is wrong. */
export interface Place {
  /** File of the recording. */
  readonly file?: string;
  /** Line of the file, from 1. */
  readonly line?: number;
  /** Column of the table, or key of the JSON object. */
  readonly column?: string;
}

/** A recording is damaged, incomplete, or says something that is not of the documented form. One line for people. */
export class RecordingError extends Error {
  /** The name by which the error is known after the class itself is out of sight. */
  override readonly name = "RecordingError";

  /** Puts the line together: "Cannot read recording NAME: REASON, FILE, line N, column C". */
  constructor(recording: string, reason: string, place: Place = {}, options?: ErrorOptions) {
    const { file, line, column } = place;
    const where = [
      file,
      line === undefined ? undefined : `line ${line}`,
      column === undefined ? undefined : `column ${column}`,
    ].filter((part) => part !== undefined);
    super([`Cannot read recording ${recording}: ${reason}`, ...where].join(", "), options);
  }
}
