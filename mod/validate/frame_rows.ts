/**
 * Which call of esp_output_head, a row of `expected.csv`, each frame of `output.pcap` was.
 *
 * @module
 */

import { isIdentOf, type OpenedFrame } from "./opened_frames.ts";
import type { TableRow } from "./table.ts";

/** Frames with their rows. */
export interface FrameRows {
  readonly rows: ReadonlyMap<OpenedFrame, TableRow>;
  /** The rows of no frame, in order. */
  readonly rest: readonly TableRow[];
}

/** Gives each frame, in the order of sequence numbers, the first of `all` rows that fits and that no other has. */
export function matchRows(all: readonly TableRow[], frames: readonly OpenedFrame[]): FrameRows {
  const rest = [...all];
  const rows = new Map<OpenedFrame, TableRow>();
  for (const frame of frames.toSorted((a, b) => a.sequence - b.sequence)) {
    const protectedBytes = frame.inner.length - frame.headersBytes;
    const at = rest.findIndex((row) => {
      return row.integer("len") === protectedBytes && isIdentOf(frame, row.text("inner"));
    });
    if (at !== -1) rows.set(frame, rest.splice(at, 1)[0]!);
  }
  return { rows, rest };
}
