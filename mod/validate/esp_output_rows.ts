/**
 * `expected.csv` of ESP output, row by row: each skb that entered esp_output_head is made again and gets its trailer from
 * `stages/esp_transform.ts`. Branch, bytes copied and the shape after it must be those that were recorded.
 *
 * Suites that this program cannot seal with take part too: the trailer depends on their sizes alone.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { alignCacheLine } from "../skb/geometry.ts";
import type { Skb } from "../skb/skb.ts";
import { EspTransform } from "../stages/esp_transform.ts";
import type { Comparison } from "./comparison.ts";
import { layoutOf, rebuild, type RecordedShape, sizeOf } from "./layout.ts";
import type { Recording } from "./recording.ts";
import { associationsOf } from "./row_associations.ts";
import { membersOf, type ResultRow } from "./skb_row.ts";
import { type StageCopies, StageHost, Work } from "./stage_host.ts";
import type { Table, TableRow } from "./table.ts";

const FILE = "expected.csv";
/** What stands for the protocol that ESP protects; the trailer is as long whatever it is. */
const ANY_PROTOCOL = 4;

/** The table, where it is of ESP output. */
export function espOutputTable({ tables }: Recording): Table | undefined {
  const table = tables.get(FILE);
  return table?.form.name === "esp-output" ? table : undefined;
}

/** Compares all rows of the table. Returns what was copied, or why nothing was compared. */
export function compareEspOutputRows(recording: Recording, comparison: Comparison): StageCopies {
  const total = new Work();
  const table = espOutputTable(recording);
  if (table === undefined) return total;
  const columns = table.results("stage");
  const associations = associationsOf(recording, table.rows);
  if (typeof associations === "string") {
    comparison.leaveOut(FILE, associations, table.rows.length * columns.length);
    return associations;
  }
  const stages = new StageHost(recording.scenario);
  const transforms = new Map([...new Set(associations.values())].map((sa) => {
    return [sa, new EspTransform(stages.host, sa, null)];
  }));
  table.rows.forEach((row, index) => {
    const sa = associations.get(row);
    if (sa === undefined) return comparison.leaveOut(FILE, "suitesMixed", columns.length);
    const ours = trailerOf(stages, transforms.get(sa)!, row, total);
    for (const column of columns) comparison.value(FILE, index, column, ours[column]!, row.text(column));
  });
  for (const transform of transforms.values()) transform.release();
  if (stages.liveBlocks > 0) comparison.fail(`${FILE}: ${stages.liveBlocks} blocks of memory were not freed`);
  return table.rows.every((row) => associations.has(row)) ? total : "suitesMixed";
}

/** The shape of the skb of a row: its data begins with the first byte to encrypt. */
export function espOutputShape(row: TableRow): RecordedShape {
  return {
    ...layoutOf(row),
    headroom: sizeOf(row, "headroom"),
    headlen: sizeOf(row, "headlen"),
    tailspace: sizeOf(row, "tailspace"),
    cloned: row.integer("skb_cloned") !== 0,
    headFrag: false,
    memberHeadroom: 0,
  };
}

/** The result columns as this program makes them. */
function trailerOf(
  stages: StageHost,
  transform: EspTransform,
  row: TableRow,
  total: Work,
): ResultRow {
  const { skbs } = stages.host;
  const { skb, twins } = rebuild(skbs, espOutputShape(row));
  const tfcBytes = row.text("via").endsWith("_output") ? transform.tfcBytes(skb.len) : 0;
  const entry = { offset: 0, protectedBytes: skb.len, dataLen: skb.dataLen, tfcBytes };
  stages.takeWork();
  const toNewPage = transform.makeTrailer(skb, 0, ANY_PROTOCOL, tfcBytes);
  const work = stages.takeWork();
  total.add(work);
  const result = trailerResult(entry, transform.sa.icvBytes, skb, work, toNewPage);
  for (const each of [skb, ...twins]) skbs.free(each, REASON.consumed);
  return result;
}

/** A buffer before it got its trailer. */
export interface TrailerEntry {
  /** Bytes of data in front of the first byte to encrypt. */
  readonly offset: number;
  /** Bytes to encrypt. */
  readonly protectedBytes: number;
  /** Paged bytes. */
  readonly dataLen: number;
  /** Bytes of TFC padding. */
  readonly tfcBytes: number;
}

/** The result columns of a buffer that has got its trailer. */
export function trailerResult(
  { offset, protectedBytes, dataLen, tfcBytes }: TrailerEntry,
  icvBytes: number,
  skb: Skb,
  work: Work,
  toNewPage: boolean,
): ResultRow {
  const tailen = skb.len - offset - protectedBytes;
  return {
    tailen,
    plen: tailen - tfcBytes - icvBytes,
    clen: protectedBytes + tailen - icvBytes,
    align64_datalen_tailen: alignCacheLine(dataLen + tailen),
    branch: branchOf(skb, work),
    ret_nfrags: 1 + skb.nrFrags + membersOf(skb).length,
    inplace: toNewPage ? 0 : 1,
    ...copiesOf(work),
    after_headlen: skb.headlen - offset,
    after_nr_frags: skb.nrFrags,
    after_tailroom: skb.tailroom,
  };
}

/** Copied bytes in the columns of the table. */
function copiesOf(work: Work): Record<string, number> {
  const bytes_pulled = work.bytesOf("__pskb_pull_tail");
  const bytes_expand_head = work.bytesOf("pskb_expand_head");
  const bytes_skb_copy = work.bytesOf("skb_copy", "skb_copy_expand");
  return { bytes_pulled, bytes_expand_head, bytes_skb_copy, bytes_copied: work.copiedBytes };
}

/** The recordings call it `cow` when skb_cow_data was called, also where it had nothing to copy: the ledger says in place. */
function branchOf(skb: Skb, { tail }: Work): string {
  if (tail === REASON.tailFragment) return "pagefrag";
  return tail === REASON.tailInPlace && !skb.isNonlinear ? "inplace" : "cow";
}
