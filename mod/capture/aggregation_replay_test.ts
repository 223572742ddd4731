/**
 * What `AggregationCensus` says of polls of 64 packets is what the model's GRO does with them: the replay polls the same
 * packets, merges as many, and gives the same reasons.
 *
 * Where they must differ: the model has 8 buckets with 8 buffers in each, and frames above the MTU that are no
 * super-packets do not arrive there.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { inputOf, runOf, type TcpFrame, type TestRun } from "../replay/testing.ts";
import { flowOf, interleaved } from "../stages/testing.ts";
import { overIpv6 } from "../stages/testing_frames.ts";
import type { CaptureAggregation } from "./aggregation.ts";
import { inspectCapture } from "./inspection.ts";
import { sourceOfBytes } from "./mod.ts";
import { buildPcap } from "./testing.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const CORPUS = new URL("../../../shared/captures/real/", import.meta.url);

/** Polls are full: frames come as fast as the ring takes them, and nothing behind it holds them up. */
const FULL_POLLS = ["era=6.1", "gro=on", "nic_rx_csum=on", "pace=max", "napi_weight=64", "rx_ring=4096"];
const NO_LIMITS = ["link_gbps=1000000", "qdisc_limit=1000000", "oversize=grow", "engine=skip"];
/** Reasons for which a packet goes up alone without ever being held, so that the model has no flush for it. */
const NEVER_HELD: ReadonlySet<string> = new Set(
  ["push", "short-segment", "ip-refused", "ip-options", "ip-checksum", "tcp-checksum", "tcp-header"],
);

async function aggregationOf(file: Uint8Array): Promise<CaptureAggregation> {
  const { ethernet } = await inspectCapture(sourceOfBytes(file), "x");
  return ethernet!.aggregation;
}

function replayOf(file: Uint8Array, sets: readonly string[] = []): Promise<TestRun> {
  return runOf(inputOf(file), "nocopy-gro", [...FULL_POLLS, ...NO_LIMITS, ...sets], { check: false, poison: false });
}

/** Counts of flushes by reason; those of timestamps are among those of options. */
function flushesOf({ events }: TestRun): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of events.of("flush")) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

function endsOf({ polledTogether }: CaptureAggregation): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, aggregates } of polledTogether.ends) {
    const name = reason === "timestamps" ? "tcp-options" : reason;
    counts[name] = (counts[name] ?? 0) + aggregates;
  }
  return counts;
}

/** The replay has merged as many packets, for the same reasons no more of them, and polled as the census thinks. */
async function assertAgrees(file: Uint8Array, sets: readonly string[] = []): Promise<void> {
  const aggregation = await aggregationOf(file);
  const run = await replayOf(file, sets);
  const polls = run.events.of("poll").map((row) => row.count);
  assertEquals(polls.slice(0, -2).filter((packets) => packets !== 64), [], "A poll was not full.");
  assertEquals(aggregation.polledTogether.mergedPackets, run.events.of("merge").length);
  assertEquals(aggregation.polledTogether.aggregates, aggregation.packets - aggregation.polledTogether.mergedPackets);
  const flushes = flushesOf(run);
  const ends = endsOf(aggregation);
  for (const reason of new Set([...Object.keys(flushes), ...Object.keys(ends)])) {
    const flushed = flushes[reason] ?? 0;
    const ended = ends[reason] ?? 0;
    assertEquals(NEVER_HELD.has(reason) ? flushed <= ended : flushed === ended, true, `${reason} ${flushed} ${ended}`);
  }
}

for (const { name } of [...Deno.readDirSync(FIXTURES)].filter(({ name }) => /\.pcap(ng)?$/.test(name))) {
  Deno.test(`AggregationCensus merges of ${name} what the replay merges`, async () => {
    await assertAgrees(await Deno.readFile(new URL(name, FIXTURES)));
  });
}

const REAL = [
  ["bulk-nfs-snaplen-stalls.cap", "bytes cut off, window changes, IP ids out of step"],
  ["bulk-smb-vlan.pcap", "tags, aggregates of 64 KiB"],
  ["bulk-smb2-read-eth.pcap", "aggregates of many segments"],
  ["bulk-http-ipv6.pcap", "IPv6"],
  ["bulk-iperf-mptcp-ppp.pcap", "PPP, options that change with every segment"],
  ["mixed-http-many-flows.pcap", "271 flows"],
  ["tls-dualstack-665-flows.pcap", "665 flows of both IP versions, IP checksums left to a NIC"],
  ["tso-sll2-any-64k.pcap", "super-packets"],
  ["sll-http.pcap", "segments shorter and longer than the first"],
  ["pppoe-over-qinq.pcap", "acknowledgments without payload in between"],
] as const;

const noCorpus = !hasCorpus();

for (const [name, what] of REAL) {
  Deno.test(
    { name: `AggregationCensus merges of ${name} what the replay merges: ${what}`, ignore: noCorpus },
    async () => {
      await assertAgrees(await Deno.readFile(new URL(name, CORPUS)));
    },
  );
}

function hasCorpus(): boolean {
  try {
    return Deno.statSync(CORPUS).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A capture in memory, one microsecond between frames. */
function fileOf(frames: readonly Uint8Array[]): Uint8Array {
  return buildPcap({}, frames.map((bytes, i) => ({ seconds: 1, fraction: i, bytes })));
}

/** What may happen to a segment in the middle of a flow. */
const CHANGES: readonly TcpFrame[] = [
  { window: 9 },
  { acknowledgment: 7 },
  { flags: 0x18 },
  { flags: 0x11 },
  { flags: 0x50 },
  { flags: 0x90 },
  { flags: 0x30 },
  { payloadBytes: 0 },
  { payloadBytes: 999 },
  { payloadBytes: 1001 },
  { payloadBytes: 3000 },
  { payloadBytes: 2500 },
  { id: 0 },
  { id: 9 },
  { ttl: 9 },
  { tos: 1 },
  { fragmentWord: 0 },
  { fragmentWord: 0x2000 },
  { sequence: 9 },
  { padding: 5 },
  { checksumError: 1 },
  { options: Uint8Array.of(1, 1, 1, 1) },
  { ipOptions: Uint8Array.of(1, 1, 1, 1) },
];

Deno.test("AggregationCensus merges of one flow, whatever happens to it, what the replay merges", async () => {
  const change = fc.oneof(
    { arbitrary: fc.constant<TcpFrame>({}), weight: 5 },
    { arbitrary: fc.constantFrom(...CHANGES), weight: 1 },
  );
  const common = fc.constantFrom<TcpFrame>({}, { id: 0xffe0 }, { fragmentWord: 0 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(change, { minLength: 1, maxLength: 200 }),
      common,
      fc.boolean(),
      async (list, common, isIpv6) => {
        const changes = Object.fromEntries(list.map((change, i) => [i, isIpv6 ? withoutIpv4(change) : change]));
        const frames = flowOf(list.length, changes, { payloadBytes: 1000, ...isIpv6 ? {} : common });
        await assertAgrees(fileOf(isIpv6 ? frames.map((frame) => overIpv6(frame)) : frames));
      },
    ),
    { numRuns: 60 },
  );
});

/** What can be moved behind an IPv6 header. */
function withoutIpv4({ padding: _, ipOptions: __, fragmentWord: ___, ...rest }: TcpFrame): TcpFrame {
  return rest;
}

Deno.test("AggregationCensus merges of constant IP ids what the replay of 6.1 merges, and less what 4.4 would not", async () => {
  const constant = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [i, { id: 7, ...i === 20 ? { flags: 0x18 } : {} }]),
  );
  for (
    const frames of [flowOf(40, constant), flowOf(40), [
      ...flowOf(20, constant),
      ...flowOf(20, {}, { id: 8, sequence: 7 }),
    ]]
  ) {
    const { polledTogether } = await aggregationOf(fileOf(frames));
    const run44 = await replayOf(fileOf(frames), ["era=4.4"]);
    const merged44 = run44.events.of("merge").length;
    assertEquals(polledTogether.mergedPackets - polledTogether.mergedPacketsNotIn44, merged44);
    await assertAgrees(fileOf(frames));
  }
});

Deno.test("AggregationCensus holds more flows than Linux, which sends the oldest up where a list is full", async () => {
  const replayed = async (flows: number, sets: readonly string[]): Promise<[merged: number, tableFull: number]> => {
    const run = await replayOf(fileOf(interleaved(flows, 6)), sets);
    return [run.events.of("merge").length, flushesOf(run)["table-full"] ?? 0];
  };
  // One list of 8 without receive hash: a ninth flow in turn leaves nothing to merge.
  for (const [flows, expected] of [[8, [40, 0]], [9, [0, 46]]] as const) {
    assertEquals((await aggregationOf(fileOf(interleaved(flows, 6)))).polledTogether.mergedPackets, 5 * flows);
    assertEquals(await replayed(flows, ["rx_hash=off"]), [...expected]);
  }
});

Deno.test("AggregationCensus takes frames above the MTU for what they are, which do not arrive in the replay", async () => {
  const urgent = { 2: { payloadBytes: 3000, flags: 0x30 } };
  const file = fileOf(flowOf(6, urgent));
  const aggregation = await aggregationOf(file);
  const run = await replayOf(file);
  assertEquals([aggregation.superPackets, aggregation.polledTogether.mergedPackets, run.events.of("merge").length], [
    0,
    3,
    3,
  ]);
  assertEquals(endsOf(aggregation), { "push": 1, "tcp-flags": 1, "poll-end": 1 });
  assertEquals(flushesOf(run), { "sequence": 1, "poll-end": 1 });
});
