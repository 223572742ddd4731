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
import { FUSED, isOfPath, probedBytes, recordedBytes } from "./copy_totals.ts";
import { suiteSizes } from "./esp_output_rows.ts";
import type { LeftOutReason } from "./left_out.ts";
import type { PathLog } from "./path_log.ts";
import { type Reach, reachOf, type Station } from "./path_reach.ts";
import { ownRows } from "./own_rows.ts";
import { type PlayedPath, playPath } from "./played_path.ts";
import { playReceived } from "./played_receive.ts";
import { playSent } from "./played_send.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import type { ResultRow } from "./skb_row.ts";

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
  for (const table of TABLES[recording.scenario.path]) {
    compareTable(recording, table, reach, played?.log ?? null, comparison);
  }
  compareFrames(recording, reach, played?.log ?? null, comparison);
  compareCopies(recording, reach, played?.log ?? null, comparison);
  for (const [table, values] of pathValues(recording)) comparison.close(table, values);
  return comparison;
}

function play(recording: Recording, reach: Reach): PlayedPath | Promise<PlayedPath> | null {
  if (reach.station === "nowhere") return null;
  const { path } = recording.scenario;
  const sizes = path === "send" || path === "receive" ? suiteSizes(recording) : "plain";
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
  log: PathLog | null,
  comparison: Comparison,
): void {
  const table = recording.tables.get(file);
  const columns = table?.results("path") ?? [];
  if (log === null || !isBefore(station, reach)) {
    return comparison.leaveOut(file, reach.reason!, (table?.rows.length ?? 0) * columns.length);
  }
  const ours = rows(log);
  // A table that is not there says that nothing of the kind happened.
  const recorded = table === undefined ? [] : ownRows(recording, table, comparison);
  recorded.forEach(({ row, index, reason: rowReason }, i) => {
    for (const column of columns) {
      const reason = rowReason ?? whyColumnLeftOut(recording, file, column);
      if (reason !== undefined) comparison.leaveOut(file, reason, 1);
      else comparison.value(file, index, column, ours[i]?.[column] ?? "", row.text(column));
    }
  });
  refuseMore(file, "rows", ours.length, recorded.length, comparison);
}

/** Why a column is left out of tables that are compared. */
function whyColumnLeftOut({ scenario }: Recording, file: string, column: string): LeftOutReason | undefined {
  if (column === "layout" && scenario.tun_iov !== undefined) return "pieces";
  const isOfSocket = scenario.path === "send" && (file === "expected_xfrm_output.csv" || file === "expected_tx.csv");
  return isOfSocket && (column === "gso_segs" || column === "gso_type") ? "socketGso" : undefined;
}

/** The frames sent, byte by byte, in order. */
function compareFrames(recording: Recording, reach: Reach, log: PathLog | null, comparison: Comparison): void {
  const { output, scenario } = recording;
  if (log === null || reach.framesReason !== undefined) {
    return comparison.leaveOut(FRAMES, reach.framesReason ?? reach.reason!, output.length);
  }
  const isSent = scenario.path === "forward" || scenario.path === "send";
  const frames = isSent ? log.frames : log.deliveredPackets.map(({ bytes }) => bytes);
  output.forEach(({ bytes }, index) => {
    const recorded = bytes.subarray(ETH_HLEN);
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
function compareCopies(recording: Recording, reach: Reach, log: PathLog | null, comparison: Comparison): void {
  if (!hasCopies(recording)) return;
  const rows = recording.tables.get(COPIES)?.rows.filter(isOfPath) ?? [];
  const reason = recording.scenario.path === "send" ? reach.reason ?? "otherHost" : reach.reason;
  if (log === null || reason !== undefined) return comparison.leaveOut(COPIES, reason!, FUNCTIONS.length);
  for (const name of FUNCTIONS) {
    const where = `sum of ${name} on the path,`;
    comparison.value(COPIES, where, "bytes", probedBytes(log.work, name), recordedBytes(rows, name));
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
