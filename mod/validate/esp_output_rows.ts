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
import type { LeftOutReason } from "./left_out.ts";
import type { Recording } from "./recording.ts";
import { SizedAssociation, sizesOf, type SuiteSizes } from "./recorded_sa.ts";
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
  const sizes = recording.scenario.tfc_pad === undefined ? suiteSizes(recording) : "tfc";
  if (typeof sizes === "string") {
    comparison.leaveOut(FILE, sizes, table.rows.length * table.results("stage").length);
    return sizes;
  }
  const stages = new StageHost(recording.scenario);
  const transform = new EspTransform(stages.host, new SizedAssociation(sizes, recording.scenario.sa![0]!), null);
  table.rows.forEach((row, index) => {
    const ours = trailerOf(stages, transform, row, total);
    for (const column of table.results("stage")) comparison.value(FILE, index, column, ours[column]!, row.text(column));
  });
  transform.release();
  if (stages.liveBlocks > 0) comparison.fail(`${FILE}: ${stages.liveBlocks} blocks of memory were not freed`);
  return total;
}

/** The sizes of the suite of all rows, or why they are not known. */
export function suiteSizes({ scenario }: Recording): SuiteSizes | LeftOutReason {
  const all = (scenario.sa ?? []).map(sizesOf);
  const [first] = all;
  if (first === undefined || all.includes(undefined)) return "suite";
  const isOne = all.every((sizes) => {
    return sizes!.ivBytes === first.ivBytes && sizes!.icvBytes === first.icvBytes &&
      sizes!.blockBytes === first.blockBytes;
  });
  return isOne ? first : "suitesMixed";
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
  const entry = { offset: 0, protectedBytes: skb.len, dataLen: skb.dataLen };
  stages.takeWork();
  const toNewPage = transform.makeTrailer(skb, 0, ANY_PROTOCOL);
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
}

/** The result columns of a buffer that has got its trailer. */
export function trailerResult(
  { offset, protectedBytes, dataLen }: TrailerEntry,
  icvBytes: number,
  skb: Skb,
  work: Work,
  toNewPage: boolean,
): ResultRow {
  const tailen = skb.len - offset - protectedBytes;
  return {
    tailen,
    plen: tailen - icvBytes,
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
