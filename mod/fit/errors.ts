/**
 * The one error of fits.
 *
 * Example: `new FitError("Cannot read rows.csv: row 3, column gbps: 2,6 is not a number")`.
 *
 * @module
 */

/** Rows or ties that nothing can be fitted to; the message names where. */
export class FitError extends Error {
  /** Name of the class. */
  override name = "FitError";
}
