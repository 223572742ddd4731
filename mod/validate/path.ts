/**
 * A recording held against the whole path of the model: the frames that arrived are played, everything else is a result.
 *
 * @module
 */

import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { differenceOf } from "./bytes.ts";
import { Comparison } from "./comparison.ts";
import { FUSED, isBehindOutput, probedBytes, recordedBytes } from "./copy_totals.ts";
import { suiteSizes } from "./row_associations.ts";
import type { LeftOutReason } from "./left_out.ts";
import type { PathLog } from "./path_log.ts";
import { type Reach, reachOf, type Station } from "./path_reach.ts";
import { type OwnRow, ownRows } from "./own_rows.ts";
import { otherRows, playOutputs } from "./played_output.ts";
import { bySequence, compareDelivered, packetsBySequence, recordedBySequence } from "./per_cpu.ts";
import { type PlayedPath, playPath } from "./played_path.ts";
import { playReceived } from "./played_receive.ts";
import { playSent } from "./played_send.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import type { ResultRow } from "./skb_row.ts";
import { Work } from "./stage_host.ts";
import type { Table } from "./table.ts";

const FRAMES = "output.pcap";
const COPIES = "expected_copies.csv";
/** Copies that every path makes, by function; others are seen by probes only here and there. */
const FUNCTIONS = ["__pskb_pull_tail", "pskb_expand_head", FUSED];

/** The stations in the order of the road. */
const STATIONS: readonly Station[] = ["nowhere", "gro", "xfrm-output", "driver"];

/** A table, where its rows are written, and what the model has instead. */
interface PathTable {
  readonly file: string;
  readonly station: Station;
  readonly rows: (log: PathLog) => readonly ResultRow[];
}

const INPUTS: PathTable = { file: "expected_inputs.csv", station: "gro", rows: (log) => log.inputs };
const DELIVERED: PathTable = { file: "expected.csv", station: "gro", rows: (log) => log.delivered };
const ESP_INPUTS: PathTable = { file: "expected_esp_rx.csv", station: "gro", rows: (log) => log.espInputs };
const OUTPUT: readonly PathTable[] = [
  { file: "expected_xfrm_output.csv", station: "xfrm-output", rows: (log) => log.forwarded },
  { file: "expected_gso.csv", station: "driver", rows: (log) => log.segmented },
  { file: "expected.csv", station: "driver", rows: (log) => log.trailers },
  { file: "expected_tx.csv", station: "driver", rows: (log) => log.sent },
];

/** What becomes of packets without ESP. */
const PLAIN_OUTPUT: readonly PathTable[] = OUTPUT.map((table) => {
  return table.file === "expected.csv" ? { ...table, rows: (log: PathLog) => log.sent } : table;
});

/** The tables of each path. */
const TABLES: Readonly<Record<Scenario["path"], readonly PathTable[]>> = {
  gro: [INPUTS, DELIVERED],
  forward: [INPUTS, { ...DELIVERED, file: "expected_gro.csv" }, ...OUTPUT],
  receive: [ESP_INPUTS, DELIVERED],
  send: OUTPUT,
};

/** Compares all that the whole path decides. */
export async function comparePath(recording: Recording): Promise<Comparison> {
  const comparison = new Comparison();
  const reach = reachOf(recording);
  const played = await play(recording, reach);
  if (played !== null && played.liveBlocks > 0) comparison.fail(`${played.liveBlocks} blocks of memory were not freed`);
  for (const table of tablesOf(recording.scenario)) {
    compareTable(recording, table, reach, played, comparison);
  }
  compareFrames(recording, reach, played?.log ?? null, comparison);
  compareCopies(recording, reach, played, comparison);
  for (const [table, values] of pathValues(recording)) comparison.close(table, values);
  return comparison;
}

function tablesOf({ path, sa }: Scenario): readonly PathTable[] {
  const tables = TABLES[path];
  return sa === undefined ? tables.map((table) => PLAIN_OUTPUT[OUTPUT.indexOf(table)] ?? table) : tables;
}

function play(recording: Recording, reach: Reach): PlayedPath | Promise<PlayedPath> | null {
  if (reach.station === "nowhere") return null;
  const { path } = recording.scenario;
  const sizes = path === "send" || path === "receive" ? suiteSizes(recording) : "plain";
  if (typeof sizes !== "string" && reach.fromOutput === true) {
    return playOutputs(recording, sizes, reach.framesReason === undefined);
  }
  if (typeof sizes !== "string") return path === "send" ? playSent(recording, sizes) : playReceived(recording, sizes);
  return playPath(recording, reach);
}

function isBefore(station: Station, reach: Reach): boolean {
  return STATIONS.indexOf(station) <= STATIONS.indexOf(reach.station);
}

function compareTable(
  recording: Recording,
  { file, station, rows }: PathTable,
  reach: Reach,
  played: PlayedPath | null,
  comparison: Comparison,
): void {
  const table = recording.tables.get(file);
  const isGiven = reach.fromOutput === true && station === "xfrm-output";
  if (played === null || isGiven || !isBefore(station, reach)) {
    if (table !== undefined) comparison.leaveRowsOut(table, reach.reason ?? "timing", table.rows.length);
    return;
  }
  // A table that is not there says that nothing of the kind happened.
  const { log, otherLog } = played;
  const others: OwnRow[] | null = otherLog === undefined ? null : [];
  const recorded = table === undefined ? [] : ownRows(recording, table, comparison, others);
  const compare = { recording, file, table, reach, comparison };
  compareRows(compare, rows(log), recorded);
  if (otherLog !== undefined) compareRows(compare, rows(otherLog), others!);
}

/** Compares rows of a table, in order. */
function compareRows(
  { recording, file, table, reach, comparison }: {
    readonly recording: Recording;
    readonly file: string;
    readonly table: Table | undefined;
    readonly reach: Reach;
    readonly comparison: Comparison;
  },
  ours: readonly ResultRow[],
  recorded: readonly OwnRow[],
): void {
  const columns = table?.results("path") ?? [];
  if (recording.scenario.compare === "per-cpu") {
    if (table !== undefined && file === DELIVERED.file && recording.scenario.path === "receive") {
      return compareDelivered(table, columns, ours, recorded, comparison);
    }
    if (file === "expected_tx.csv") [ours, recorded] = [bySequence(ours), recordedBySequence(recorded)];
  }
  recorded.forEach(({ row, index, reason: rowReason }, i) => {
    for (const column of columns) {
      const reason = rowReason ?? whyColumnLeftOut(recording, file, column, reach);
      if (reason !== undefined && table!.isOfStages(column)) comparison.elsewhere(file, 1);
      else if (reason !== undefined) comparison.leaveOut(file, reason, 1);
      else comparison.value(file, index, column, ours[i]?.[column] ?? "", row.text(column));
    }
  });
  refuseMore(file, "rows", ours.length, recorded.length, comparison);
}

/** Why a column is left out of tables that are compared. */
function whyColumnLeftOut(
  { scenario }: Recording,
  file: string,
  column: string,
  { fromOutput }: Reach,
): LeftOutReason | undefined {
  const isCalledBack = scenario.path === "receive" && (scenario.crypto ?? "cpu") !== "cpu";
  if (isCalledBack && column.startsWith("inner_")) return "calledBack";
  if (fromOutput === true || scenario.traffic?.proto === "udp") return undefined;
  const isOfSocket = scenario.path === "send" && (file === "expected_xfrm_output.csv" || file === "expected_tx.csv");
  return isOfSocket && (column === "gso_segs" || column === "gso_type") ? "socketGso" : undefined;
}

/** The frames sent, byte by byte, in order, or where several CPUs sent them by sequence number. */
function compareFrames(recording: Recording, reach: Reach, log: PathLog | null, comparison: Comparison): void {
  const { output, scenario } = recording;
  const isSent = scenario.path === "forward" || scenario.path === "send";
  if (log === null || reach.framesReason !== undefined) {
    // What was sent, the stages alone are held against.
    if (isSent) comparison.elsewhere(FRAMES, output.length);
    else comparison.leaveOut(FRAMES, reach.framesReason ?? reach.reason!, output.length);
    return;
  }
  const isPerCpu = scenario.compare === "per-cpu";
  if (isPerCpu && !isSent) return comparison.leaveOut(FRAMES, "perCpu", output.length);
  const inOrder = isPerCpu ? packetsBySequence : (packets: Uint8Array[]): Uint8Array[] => packets;
  const frames = inOrder(isSent ? log.frames : log.deliveredPackets.map(({ bytes }) => bytes));
  inOrder(output.map(({ bytes }) => bytes.subarray(ETH_HLEN))).forEach((recorded, index) => {
    const ours = frames[index] ?? new Uint8Array(0);
    comparison.value(FRAMES, index, "bytes", ...differenceOf(isSent ? withRecordedId(ours, recorded) : ours, recorded));
  });
  refuseMore(FRAMES, "frames", frames.length, output.length, comparison);
}

/** What the recording lacks is a difference of its own; what the model lacks differs value by value. */
function refuseMore(file: string, what: string, ours: number, recorded: number, comparison: Comparison): void {
  if (ours > recorded) comparison.fail(`${file}: model ${ours} ${what}, recorded ${recorded}`);
}

/** The id of an outer header without DF counts what the host has sent before. */
function withRecordedId(ours: Uint8Array, recorded: Uint8Array): Uint8Array {
  const isMasked = ours.length >= ipv4.HEADER_BYTES && recorded.length >= ipv4.HEADER_BYTES &&
    ip.version(recorded, 0) === 4 && !ipv4.dontFragment(recorded, 0);
  if (isMasked) {
    ipv4.setId(ours, 0, ipv4.id(recorded, 0));
    ipv4.writeHeaderChecksum(ours, 0);
  }
  return ours;
}

/** Copies by function, summed over the whole path. */
function compareCopies(recording: Recording, reach: Reach, played: PlayedPath | null, comparison: Comparison): void {
  if (!hasCopies(recording)) return;
  const isSent = recording.scenario.path === "send";
  const isHalf = isSent && played?.otherLog === undefined && otherRows(recording).length > 0;
  const reason = reach.reason ?? (isHalf ? "otherHost" : undefined);
  if (played === null || reason !== undefined) return comparison.leaveOut(COPIES, reason!, FUNCTIONS.length);
  const rows = recording.tables.get(COPIES)?.rows.filter((row) => !isSent || isBehindOutput(row)) ?? [];
  const work = new Work();
  for (const log of [played.log, played.otherLog]) if (log !== undefined) work.add(log.work);
  for (const name of FUNCTIONS) {
    const where = `sum of ${name} on the path,`;
    comparison.value(COPIES, where, "bytes", probedBytes(work, name), recordedBytes(rows, name));
  }
}

/** Copies are recorded on the way out; a table that is not there says that there were none. */
function hasCopies({ scenario: { path } }: Recording): boolean {
  return path === "forward" || path === "send";
}

/** How many results of the path a recording has, by table. */
function pathValues(recording: Recording): Map<string, number> {
  const { tables, output } = recording;
  const values = new Map<string, number>();
  for (const [file, table] of tables) values.set(file, table.rows.length * table.results("path").length);
  values.set(FRAMES, output.length);
  values.set(COPIES, hasCopies(recording) ? FUNCTIONS.length : 0);
  return values;
}
