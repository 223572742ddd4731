/**
 * Keys that the design names and nobody has built: they are refused as such, never ignored.
 *
 * Building one means moving it into the table of `schema.ts`.
 *
 * @module
 */

/** Name of each unbuilt key, with what the design (sections 3 and 4) says it will decide. */
export const PLANNED_KEYS: Readonly<Record<string, string>> = {};
