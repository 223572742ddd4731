/**
 * A recording held against the stages of the model, each skb through its stage alone: it needs no whole path, and nothing
 * that the timing of the recording decided.
 *
 * @module
 */

import { Comparison } from "./comparison.ts";
import { compareCopyTotals, copyTotalsOf } from "./copy_totals.ts";
import { compareDriverRows } from "./driver_rows.ts";
import { compareEspInputRows } from "./esp_input_rows.ts";
import { compareEspOutputRows } from "./esp_output_rows.ts";
import type { Recording } from "./recording.ts";
import { compareSealedFrames } from "./sealed_frames.ts";
import { compareSegmentRows } from "./segment_rows.ts";
import { compareWireRows, wireResults } from "./wire_rows.ts";
import { compareXfrmOutputRows } from "./xfrm_output_rows.ts";

/** Compares all that stages alone decide. */
export function compareStages(recording: Recording): Comparison {
  const comparison = new Comparison();
  const copies = {
    espOutput: compareEspOutputRows(recording, comparison),
    segments: compareSegmentRows(recording, comparison),
    xfrmOutput: compareXfrmOutputRows(recording, comparison),
  };
  compareCopyTotals(recording, copies, comparison);
  const buffers = compareSealedFrames(recording, comparison);
  compareDriverRows(recording, comparison);
  compareWireRows(recording, comparison);
  compareEspInputRows(recording, buffers, comparison);
  for (const [table, values] of stageValues(recording)) comparison.close(table, values);
  return comparison;
}

/** How many results of stages a recording has, by table; a frame of `output.pcap` that ESP made is one. */
function stageValues(recording: Recording): Map<string, number> {
  const { tables, scenario, output } = recording;
  const values = new Map<string, number>();
  for (const [file, table] of tables) values.set(file, table.rows.length * table.results("stage").length);
  if (scenario.path === "forward" || scenario.path === "send") values.set("output.pcap", output.length);
  values.set("expected_copies.csv", copyTotalsOf(recording));
  values.set("expected_wire.csv", wireResults(recording));
  return values;
}
