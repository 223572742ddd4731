/**
 * `expected_copies.csv`: bytes copied, by stage and function, summed over the recording.
 *
 * Each row is a copy with the functions around it. Those of ESP output, of segmentation and of xfrm output are held against
 * what these stages copied when they were driven alone; the others belong to the whole path.
 *
 * @module
 */

import type { Comparison } from "./comparison.ts";
import type { Recording } from "./recording.ts";
import type { StageCopies, Work } from "./stage_host.ts";
import type { TableRow } from "./table.ts";
import { isOfXfrmOutput } from "./xfrm_output_rows.ts";

const FILE = "expected_copies.csv";
/** Of its copies, those of at most 64 bytes are not in the table. */
export const FUSED = "skb_copy_and_csum_bits";

/** A stage, which rows are of it, and the functions that copy there. */
interface StageGroup {
  readonly name: string;
  readonly functions: readonly string[];
  readonly has: (copy: TableRow) => boolean;
}

const GROUPS = {
  espOutput: {
    name: "esp_output_head",
    functions: ["__pskb_pull_tail", "pskb_expand_head", "skb_copy", "skb_copy_expand"],
    has: (copy) => /\besp6?_output_head\b/.test(copy.text("context")),
  },
  segments: {
    name: "skb_segment",
    functions: [FUSED],
    has: (copy) => /\bskb_segment$/.test(copy.text("context")),
  },
  xfrmOutput: { name: "xfrm_output", functions: ["pskb_expand_head"], has: isOfXfrmOutput },
} as const satisfies Record<string, StageGroup>;

/** What each stage copied when it was driven alone. */
export type CopiesByStage = Readonly<Record<keyof typeof GROUPS, StageCopies>>;

/** How many sums are compared or left out. */
export function copyTotalsOf({ tables }: Recording): number {
  if (!tables.has(FILE)) return 0;
  return Object.values(GROUPS).reduce((sum, { functions }) => sum + functions.length, 0);
}

/** Compares the sums. */
export function compareCopyTotals({ tables }: Recording, ours: CopiesByStage, comparison: Comparison): void {
  const table = tables.get(FILE);
  if (table === undefined) return;
  for (const [key, group] of Object.entries(GROUPS) as [keyof typeof GROUPS, StageGroup][]) {
    const copies = ours[key];
    if (typeof copies === "string") {
      comparison.leaveOut(FILE, copies, group.functions.length);
      continue;
    }
    const rows = table.rows.filter(group.has);
    for (const name of group.functions) {
      const where = `sum of ${name} in ${group.name},`;
      comparison.value(FILE, where, "bytes", probedBytes(copies, name), recordedBytes(rows, name));
    }
  }
}

/** Bytes that a function copied, as far as the table would have them. */
export function probedBytes(work: Work, name: string): number {
  return work.bytesOf(name) - (name === FUSED ? work.smallBytesOf(name) : 0);
}

/** Bytes that a function copied, summed over rows. */
export function recordedBytes(rows: readonly TableRow[], name: string): number {
  return rows.filter((row) => row.text("what") === name).reduce((sum, row) => sum + row.integer("bytes"), 0);
}

/** Whether a copy was made on the way out of a host, from xfrm output on, and not where the other host received the packet. */
export function isBehindOutput(copy: TableRow): boolean {
  const context = copy.text("context");
  return /\bxfrm_output/.test(context) && !/\bxfrm_input\b/.test(context);
}
