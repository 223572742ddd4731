/**
 * `summary.csv`: one row per run, read off the folds of its ledger.
 *
 * The order of the columns is part of the contract; new ones come at the end. A column whose feature is not built is
 * empty.
 *
 * @module
 */

import { REASON, STAGE } from "../ledger/schema.ts";
import type { Run } from "../replay/run.ts";
import { VERSION } from "../version.ts";
import { limitsOf } from "./bottleneck.ts";
import { goodputRange } from "./goodput_range.ts";
import { busiestNs, hostLoads } from "./host_loads.ts";
import type { Column } from "./columns.ts";
import { durationNs, goodputGbps, wireGbps } from "./rates.ts";
import { NS_PER_MS, NS_PER_US } from "../ledger/units.ts";

/** A run and its number among those of one command, from 1. */
export interface NumberedRun {
  /** From 1. */
  readonly number: number;
  /** The run. */
  readonly run: Run;
  /** Configurations over the same capture that its goodput cannot be told apart from (`alikeRuns()`); absent: nobody asked. */
  readonly alike?: readonly string[];
}

/** All columns of `summary.csv`. */
export const SUMMARY_COLUMNS: readonly Column<NumberedRun>[] = [
  { name: "run", decimals: 0, value: ({ number }) => number },
  text("capture", (run) => run.captureName),
  text("config", (run) => run.resolved.name),
  text("path", (run) => run.resolved.config.path),
  text("cipher", ({ resolved: { config } }) => config.mode === "none" ? "none" : config.cipher),
  text("mode", (run) => run.resolved.config.mode),
  number("packets_in", 0, packetsIn),
  number("bytes_in", 0, (run) => run.tally.sum({ event: "arrive", reason: REASON.none }).bytes),
  number("payload_bytes", 0, payloadBytes),
  number("buffers", 0, buffers),
  number("merged_packets", 0, (run) => run.tally.sum({ event: "merge" }).rows),
  number("segments", 0, (run) => run.tally.sum({ event: "segment" }).rows),
  number("esp_packets", 0, (run) => run.tally.sum({ event: isReceiver(run) ? "open" : "seal" }).rows),
  number("copies", 0, (run) => run.tally.sum({ event: "copy" }).rows),
  number("copied_bytes", 0, copiedBytes),
  number("copied_bytes_per_packet", 2, (run) => ratio(copiedBytes(run), packetsIn(run))),
  number("linearized", 0, (run) => tails(run, REASON.cowAlways) + fallbacks(run) + madeWritable(run)),
  number("tail_in_place", 0, (run) => tails(run, REASON.tailInPlace)),
  number("tail_fragments", 0, (run) => tails(run, REASON.tailFragment)),
  number("tail_fallbacks", 0, fallbacks),
  number("sg_entries", 0, (run) => run.tally.sum({ event: "seal" }).count + run.tally.sum({ event: "open" }).count),
  number("checksum_bytes", 0, (run) => run.tally.sum({ event: "checksum" }).bytes),
  number("crypto_ops", 0, (run) => run.tally.sum({ event: "seal" }).rows + run.tally.sum({ event: "open" }).rows),
  number("crypto_bytes", 0, (run) => run.tally.sum({ event: "seal" }).bytes + run.tally.sum({ event: "open" }).bytes),
  number("tx_busy", 0, (run) => run.tally.sum({ event: "busy" }).count),
  number("requeues", 0, (run) => run.tally.sum({ event: "requeue" }).rows),
  number("queue_max", 0, (run) => run.delivery.queueMax),
  number("drops", 0, (run) => run.tally.sum({ event: "drop" }).count),
  number("reordered", 0, (run) => run.delivery.reordered),
  number("duration_ms", 6, (run) => scaled(durationNs(run), NS_PER_MS)),
  number("wire_gbps", 4, wireGbps),
  number("goodput_gbps", 4, goodputGbps),
  number("goodput_gbps_low", 4, (run) => goodputRange(run)?.low),
  number("goodput_gbps_high", 4, (run) => goodputRange(run)?.high),
  number("cpu_percent", 2, (run) => percent(Math.max(...run.busyNs), run.elapsedNs)),
  number("cpus_busy", 4, (run) => ratio(busyNs(run), run.elapsedNs)),
  number("tx_cpu_percent", 2, (run) => busiestPercent(run, "tx")),
  number("rx_cpu_percent", 2, (run) => busiestPercent(run, "rx")),
  number("crypto_cpu_percent", 2, cryptoCpuPercent),
  number("cycles_per_packet", 1, (run) => ratio(busyNs(run) * run.profile.clock_ghz, packetsIn(run))),
  number("ns_per_byte", 4, (run) => ratio(busyNs(run), payloadBytes(run))),
  number("latency_p50_us", 3, (run) => scaled(run.delivery.latency.percentile(50), NS_PER_US)),
  number("latency_p99_us", 3, (run) => scaled(run.delivery.latency.percentile(99), NS_PER_US)),
  text("bottleneck", (run) => limitsOf(run)?.first),
  text("next_bottleneck", (run) => limitsOf(run)?.next?.name),
  number("next_gbps", 4, (run) => limitsOf(run)?.next?.gbps),
  text("profile", (run) => run.profile.name),
  number("seed", 0, (run) => run.resolved.config.seed),
  text("version", () => VERSION),
  number("user_copied_bytes", 0, (run) => run.tally.sum({ event: "user-copy" }).bytes),
  number("crypto_steps", 0, (run) => run.tally.sum({ event: "seal" }).steps + run.tally.sum({ event: "open" }).steps),
  number("tap_esp", 0, (run) => tapped(run, REASON.tapEsp)),
  number("tap_plain", 0, (run) => tapped(run, REASON.tapPlain)),
  number("ignored", 0, (run) => run.tally.sum({ event: "arrive", reason: REASON.ignored }).count),
  number("bypassed", 0, (run) => run.tally.sum({ event: "arrive", reason: REASON.bypass }).count),
  number("reorder_depth_max", 0, (run) => run.delivery.reorderDepthMax),
  number("retransmits", 0, (run) => run.peerCpus === 0 ? undefined : run.tally.sum({ event: "retransmit" }).rows),
  { name: "alike", value: ({ alike }) => alike?.join(" ") || undefined },
];

/** The columns that a person looks at first, for tables in a terminal. */
export const TABLE_COLUMNS: readonly Column<NumberedRun>[] = [
  "config",
  "packets_in",
  "copied_bytes_per_packet",
  "linearized",
  "tail_in_place",
  "tail_fragments",
  "merged_packets",
  "segments",
  "drops",
  "goodput_gbps",
  "cpu_percent",
  "ns_per_byte",
  "bottleneck",
].map((name) => SUMMARY_COLUMNS.find((column) => column.name === name)!);

/** For tables in a terminal: the first configuration that a row is like, and how many more there are. */
export const ALIKE_MARK: Column<NumberedRun> = {
  name: "alike",
  value: ({ alike: [first, ...more] = [] }) => {
    return first === undefined ? undefined : `~${first}${more.length === 0 ? "" : ` +${more.length}`}`;
  },
};

function text(name: string, value: (run: Run) => string | undefined): Column<NumberedRun> {
  return { name, value: ({ run }) => value(run) };
}

function number(name: string, decimals: number, value: (run: Run) => number | undefined): Column<NumberedRun> {
  return { name, decimals, value: ({ run }) => value(run) };
}

/** Of the busiest CPU set apart for crypto. */
function cryptoCpuPercent(run: Run): number | undefined {
  const cryptoNs = hostLoads(run).flatMap((host) => host.cryptoNs);
  return cryptoNs.length === 0 ? undefined : percent(Math.max(...cryptoNs), run.elapsedNs);
}

function isReceiver({ resolved }: Run): boolean {
  return resolved.config.path === "receive";
}

/** Buffers that begin their way to ESP, what is forwarded or leaves a socket; of a receiver those that end theirs behind it. */
function buffers(run: Run): number {
  const { tally } = run;
  if (isReceiver(run)) {
    return tally.sum({ event: "visit", stage: STAGE.forward }).rows +
      tally.sum({ event: "visit", stage: STAGE["local-in"] }).rows;
  }
  return tally.sum({ event: "visit", stage: STAGE.forward }).rows +
    tally.sum({ event: "visit", stage: STAGE["local-out"] }).rows;
}

function packetsIn(run: Run): number {
  return run.tally.sum({ event: "arrive", reason: REASON.none }).count;
}

function payloadBytes(run: Run): number {
  return run.tally.sum({ event: "arrive", reason: REASON.none }).payloadBytes;
}

function copiedBytes(run: Run): number {
  return run.tally.sum({ event: "copy" }).bytes;
}

function tails(run: Run, reason: number): number {
  return run.tally.sum({ event: "tail", reason }).rows;
}

/** Buffers that tx_tail=fragment had to linearize all the same. */
function fallbacks(run: Run): number {
  const causes = [REASON.cowCloned, REASON.cowFragLimit, REASON.cowFragList, REASON.cowFragsFull];
  return causes.reduce((sum, cause) => sum + tails(run, cause), 0);
}

/** Received buffers that skb_cow_data copied before they were decrypted. */
function madeWritable(run: Run): number {
  const causes = [REASON.rxCowAlways, REASON.rxCowCloned, REASON.rxCowFragList, REASON.rxCowSharedFrag];
  return causes.reduce((sum, cause) => sum + tails(run, cause), 0);
}

/** Buffers of a kind that taps see; nothing where taps are not modelled. */
function tapped(run: Run, reason: number): number | undefined {
  return isReceiver(run) || run.peerCpus > 0 ? run.tally.sum({ event: "tap", reason }).rows : undefined;
}

/** The busiest CPU of one of two hosts. */
function busiestPercent(run: Run, host: "tx" | "rx"): number | undefined {
  const ns = busiestNs(run, host);
  return ns === undefined ? undefined : percent(ns, run.elapsedNs);
}

function busyNs(run: Run): number {
  return run.busyNs.reduce((sum, ns) => sum + ns, 0);
}

function ratio(part: number, whole: number | undefined): number | undefined {
  return whole === undefined || whole === 0 ? undefined : part / whole;
}

/** Of busy time. A run has whole ns, its work has parts of one: of a very short run they are not more than all. */
function percent(part: number, whole: number): number | undefined {
  const share = ratio(part, whole);
  return share === undefined ? undefined : Math.min(100, 100 * share);
}

function scaled(value: number | undefined, unit: number): number | undefined {
  return value === undefined ? undefined : value / unit;
}
