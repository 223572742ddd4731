/**
 * The error of a capture that cannot be played.
 *
 * @module
 */

/** The capture can be read, but the path cannot play it, or nothing of it. */
export class UnplayableError extends Error {
  /** Name of the class. */
  override name = "UnplayableError";
}
