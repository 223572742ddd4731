/**
 * Units of time, and what a frame takes on the wire: said once for the model, the folds and the reports.
 *
 * @module
 */

/** Picoseconds per nanosecond. */
export const PS_PER_NS = 1000;
/** Nanoseconds per microsecond. */
export const NS_PER_US = 1000;
/** Nanoseconds per millisecond. */
export const NS_PER_MS = 1e6;

/** FCS, preamble, start delimiter and inter-frame gap: what a frame takes on the wire besides its bytes. */
const WIRE_OVERHEAD_BYTES = 24;
/** Shortest frame on the wire, without FCS (ETH_ZLEN). */
const SHORTEST_FRAME_BYTES = 60;

/** Bytes that a frame of `frameBytes` bytes, without FCS, takes on the wire. */
export function wireBytes(frameBytes: number): number {
  return Math.max(frameBytes, SHORTEST_FRAME_BYTES) + WIRE_OVERHEAD_BYTES;
}
