/**
 * `expected_gso.csv`, row by row: each aggregate that skb_segment was called with is made again and cut by
 * `skb/segment.ts`. Number, lengths, fragments and tail space of the segments and the bytes copied must be those recorded.
 *
 * The recordings do not see the copy of linear payload with scatter-gather (an inline memcpy): reason segment-linear is left
 * out of the comparison of bytes. The headroom of the aggregate is not recorded: received frames had `driver_headroom`
 * bytes in front of the Ethernet header, headers of local TCP all of MAX_TCP_HEADER (`max_tcp_header`).
 *
 * @module
 */

import { REASON, REASONS } from "../ledger/schema.ts";
import { headerRelease } from "../skb/clone_ops.ts";
import { segment } from "../skb/segment.ts";
import type { SegmentFeatures } from "../skb/segment_plan.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import type { Comparison, Value } from "./comparison.ts";
import { layoutOf, rebuild, type RecordedShape, sizeOf } from "./layout.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import { type StageCopies, StageHost, Work } from "./stage_host.ts";
import type { TableRow } from "./table.ts";

const FILE = "expected_gso.csv";
/** NET_SKB_PAD. */
const DRIVER_HEADROOM = 64;
/** Headroom of local TCP buffers where the scenario does not say it. */
export const MAX_TCP_HEADER = 320;
const NO_FEATURES: SegmentFeatures = { scatterGather: false, checksumOffload: false, fragListOffload: false };
/** Copies of it are an inline memcpy that no probe sees. */
const UNSEEN = REASONS[REASON.segmentLinear]!.kernelFunction;

/** Compares all rows of the table. Returns what was copied. */
export function compareSegmentRows(recording: Recording, comparison: Comparison): StageCopies {
  const total = new Work();
  const table = recording.tables.get(FILE);
  if (table === undefined) return total;
  const stages = new StageHost(recording.scenario);
  table.rows.forEach((row, index) => {
    const ours = segmentsOf(stages, recording.scenario, row, total);
    for (const column of table.results("stage")) comparison.value(FILE, index, column, ours[column]!, row.text(column));
  });
  if (stages.liveBlocks > 0) comparison.fail(`${FILE}: ${stages.liveBlocks} blocks of memory were not freed`);
  return total;
}

/** What the segments had to be: aggregates are cut for ESP without features, else for the device. */
function featuresOf(scenario: Scenario, row: TableRow): SegmentFeatures {
  if (row.text("where") === "xfrm_output_gso" || scenario.sa !== undefined) return NO_FEATURES;
  return {
    scatterGather: scenario.nic_sg === "on",
    checksumOffload: scenario.nic_tx_csum === "on",
    fragListOffload: scenario.nic_tso === "on",
  };
}

/** Bytes of the headers that every segment repeats: what the segments have more than the payload. */
export function headerBytesOf(row: TableRow): number {
  const lengths = row.integers("seg_len");
  const bytes = (lengths.reduce((sum, each) => sum + each, 0) - row.integer("len")) / lengths.length;
  if (!Number.isInteger(bytes) || bytes < 0) {
    throw row.error("the headers of the segments are not equally long", "seg_len");
  }
  return bytes;
}

/** Bytes in front of the payload of an aggregate. */
function payloadOffset({ path, header_bytes, driver_headroom, max_tcp_header }: Scenario): number {
  if (path !== "forward") return max_tcp_header ?? MAX_TCP_HEADER;
  return (driver_headroom ?? DRIVER_HEADROOM) + (header_bytes ?? 0);
}

/** The recorded aggregate with its headers in front. */
export function aggregateShape(scenario: Scenario, row: TableRow, headerBytes: number): RecordedShape {
  const payloadAt = payloadOffset(scenario);
  const headlen = sizeOf(row, "headlen");
  if (payloadAt < headerBytes) throw row.error("the headers are longer than the headroom of the scenario", "seg_len");
  return {
    ...layoutOf(row),
    headroom: payloadAt - headerBytes,
    headlen: headerBytes + headlen,
    tailspace: 0,
    cloned: row.integer("skb_cloned") !== 0,
    headFrag: scenario.rx_layout !== "kmalloc",
    memberHeadroom: payloadAt,
  };
}

/** The result columns as this program makes them. */
function segmentsOf(stages: StageHost, scenario: Scenario, row: TableRow, total: Work): Record<string, Value> {
  const { skbs } = stages.host;
  const headerBytes = headerBytesOf(row);
  const { skb: head, twins } = rebuild(skbs, aggregateShape(scenario, row, headerBytes));
  head.head.gsoSize = row.integer("gso_size");
  if (head.head.gsoSize <= 0) throw row.error("it is not above 0", "gso_size");
  head.ipSummed = CHECKSUM.partial;
  for (let member = head.head.fragList; member !== null; member = member.next) headerRelease(member);
  stages.takeWork();
  const segments: Skb[] = [];
  segment(skbs, head, headerBytes, featuresOf(scenario, row), (part) => segments.push(part));
  const work = stages.takeWork();
  work.copies.delete(UNSEEN);
  total.add(work);
  const list = (value: (part: Skb) => number): string => segments.map(value).join("/");
  const result = {
    n_segs: segments.length,
    seg_len: list(({ len }) => len),
    seg_data_len: list(({ dataLen }) => dataLen),
    seg_nr_frags: list(({ nrFrags }) => nrFrags),
    seg_tailspace: list((part) => part.head.endOffset - part.tail),
    seg_ip_summed: list(({ ipSummed }) => ipSummed),
    bytes_copied: work.copiedBytes,
  };
  for (const each of [head, ...twins, ...segments]) skbs.free(each, REASON.consumed);
  return result;
}
