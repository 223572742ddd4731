/** Packets and intervals add up to the summary, and the automatic interval is a hundredth of the run. */

import { assertEquals } from "@std/assert";
import { firstPackets } from "../capture/testing.ts";
import { PacketRecord, Packets } from "../ledger/packets.ts";
import { Series } from "../ledger/series.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { bulk, captureOf, inputOf, type Recorder, runOf, tcpFrame } from "./testing.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import type { CaptureInput, Run } from "./run.ts";

const FIXTURE = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const SUPER_PACKETS = Deno.readFileSync(new URL("../../fixtures/offloads-tcp-ipv4.pcap", import.meta.url));

interface Traced {
  run: Run;
  events: Recorder;
  packets: PacketRecord[];
  series: readonly Series[];
}

/** Plays a capture; one series for each interval. */
async function traced(
  input: CaptureInput,
  preset: string,
  sets: readonly string[],
  ...intervalsUs: (number | undefined)[]
): Promise<Traced> {
  const packets: PacketRecord[] = [];
  const fold = new Packets((record) => packets.push(record));
  const netCpus = Number(sets.find((set) => set.startsWith("net_cpus="))?.split("=")[1] ?? 1);
  const series = intervalsUs.map((intervalUs) => new Series(intervalUs, { netCpus, cryptoCpus: 0 }));
  const { run, events } = await runOf(input, preset, [...sets, "engine=skip"], { foldsBeside: [fold, ...series] });
  fold.finish();
  return { run, events, packets, series };
}

function summaryOf(run: Run, column: string): number {
  return Number(SUMMARY_COLUMNS.find(({ name }) => name === column)!.value({ number: 1, run }));
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function mixed(): Uint8Array[] {
  const others = [
    tcpFrame({ ttl: 1 }),
    tcpFrame({ payloadBytes: 0 }),
    new Uint8Array(60).fill(7),
    tcpFrame({ window: 9 }),
  ];
  const small = bulk(40, { payloadBytes: 300, sourcePort: 40002 });
  return [...bulk(50), ...others, ...bulk(80, { sequence: 80_000, id: 60, sourcePort: 40001 }), ...small];
}

const INPUTS: [string, CaptureInput][] = [
  ["the fixture's beginning", inputOf(firstPackets(FIXTURE, 1500))],
  ["super-packets", inputOf(SUPER_PACKETS)],
  ["mixed frames", captureOf(mixed())],
];

const RUNS: [string, string, string[]][] = [
  ["baseline", "baseline", []],
  ["nocopy-gro", "nocopy-gro", []],
  ["nocopy-gro, checksums by the CPU, 6.1", "nocopy-gro", ["nic_rx_csum=off", "era=6.1"]],
  ["a slow link", "nocopy", ["link_gbps=0.2", "tx_ring=4", "qdisc_limit=20"]],
  ["packets too large", "nocopy-gro", ["oversize=drop"]],
  ["re-cut", "nocopy-gro", ["oversize=mss", "era=6.1"]],
  ["re-cut, frames lost at a full ring", "nocopy-gro", ["oversize=mss", "pace=rate:20", "rx_ring=8", "mtu=700"]],
  ["segments lost at a full queue", "nocopy", ["pace=line", "link_gbps=1", "tx_ring=4", "qdisc_limit=20"]],
  ["three passes as stamped", "nocopy-gro", ["pace=capture*8", "repeat=3", "rx_ring=16", "gso=l2"]],
  ["four CPUs", "nocopy-gro", ["era=6.1", "net_cpus=4"]],
  ["four CPUs, frames lost at full rings", "nocopy-gro-gso", [
    ...["net_cpus=4", "pace=rate:40", "rx_ring=8", "oversize=mss", "rx_usecs=20"],
  ]],
  ["a receiver of 4.4", "linux-4.4", ["path=receive", "local=0.0.0.0/0"]],
  ["a receiver of 6.1, tapped", "linux-6.1", ["path=receive", "tap=packet-socket", "rx_layout=kmalloc", "repeat=2"]],
  ["a receiver in transport mode", "linux-6.1", ["path=receive", "mode=transport"]],
  ["a receiver that forwards, frames lost", "linux-6.1-module", [
    ...["path=receive", "then=forward", "pace=rate:20", "rx_ring=8", "nic_tso=off"],
  ]],
  ["a receiver with three CPUs", "linux-6.1-module", [
    ...["path=receive", "mode=transport", "net_cpus=3", "local=0.0.0.0/0"],
  ]],
  ["a receiver that forwards to a slow link", "linux-6.1", [
    ...["path=receive", "then=forward", "link_gbps=0.2", "tx_ring=40", "qdisc_limit=20"],
  ]],
];

for (const [name, preset, sets] of RUNS) {
  for (const [what, input] of INPUTS) {
    Deno.test(`packets.csv sums to summary.csv, column by column (${name}, ${what})`, async () => {
      const { run, packets } = await traced(input, preset, sets);
      assertEquals(run.failures, []);
      assertEquals(packets.map((record) => record.packet), packets.map((_, i) => i));
      const arrived = packets.filter(({ outcome }) => outcome !== "ignored" && outcome !== "bypass");
      assertEquals(arrived.length, summaryOf(run, "packets_in"));
      assertEquals(sum(arrived, (record) => record.bytes), summaryOf(run, "bytes_in"));
      assertEquals(sum(packets, (record) => record.copies), summaryOf(run, "copies"));
      assertEquals(sum(packets, (record) => record.copiedBytes), summaryOf(run, "copied_bytes"));
      assertEquals(sum(packets, (record) => record.segments), summaryOf(run, "segments"));
      assertEquals(sum(packets, (record) => record.checksumBytes), summaryOf(run, "checksum_bytes"));
      assertEquals(sum(packets, (record) => record.cryptoBytes), summaryOf(run, "crypto_bytes"));
      assertEquals(sum(packets, (record) => record.requeues), summaryOf(run, "requeues"));
      assertEquals(packets.filter(({ outcome }) => outcome === "dropped").length, summaryOf(run, "drops"));
      assertEquals(sum(packets, (record) => record.costPs), run.tally.costPs);
    });

    Deno.test(`series.csv sums to summary.csv (${name}, ${what})`, async () => {
      const { run, series: all } = await traced(input, preset, sets, undefined, 7, 1000);
      for (const series of all) {
        const rows = series.intervals(run.elapsedNs + 1);
        assertEquals(sum(rows, (row) => row.copies), summaryOf(run, "copies"));
        assertEquals(sum(rows, (row) => row.copiedBytes), summaryOf(run, "copied_bytes"));
        assertEquals(sum(rows, (row) => row.segments), summaryOf(run, "segments"));
        assertEquals(sum(rows, (row) => row.merges), summaryOf(run, "merged_packets"));
        assertEquals(sum(rows, (row) => row.drops), summaryOf(run, "drops"));
        assertEquals(sum(rows, (row) => row.txBusy), summaryOf(run, "tx_busy"));
        assertEquals(sum(rows, (row) => row.requeues), summaryOf(run, "requeues"));
        assertEquals(sum(rows, (row) => row.sentWireBytes), run.delivery.wireBytes);
        assertEquals(sum(rows, (row) => row.busyPs), run.tally.costPs);
        assertEquals(rows.every((row) => row.netBusyPs <= PS_PER_NS * (row.endNs - row.startNs) + PS_PER_NS), true);
        assertEquals(rows.at(-1)?.qdiscPackets ?? 0, 0);
      }
    });
  }
}

Deno.test("the automatic interval is 1, 2 or 5 times a power of ten, about a hundredth of the run", async () => {
  const { run, series: [series] } = await traced(inputOf(FIXTURE), "nocopy", [], undefined);
  const rows = series!.intervals(run.elapsedNs);
  assertEquals(rows[1]!.startNs, 100_000);
  assertEquals(rows.length, Math.ceil(run.elapsedNs / 100_000));
});

Deno.test("an aggregate's costs go to its packets by payload bytes, the remainder to the first", async () => {
  const { events, packets } = await traced(captureOf(bulk(3)), "nocopy-gro", []);
  const shared = events.rows.filter((row) => row.packet === -1 && row.skb !== -1 && row.event !== "alloc");
  const sharedPs = sum(shared, (row) => row.costPs) + sum(events.of("poll"), (row) => row.costPs);
  const own = packets.map((record) =>
    sum(events.rows.filter((row) => row.packet === record.packet), (row) => row.costPs)
  );
  const parts = packets.map((record, i) => record.costPs - own[i]!);
  assertEquals(sum(parts, (part) => part), sharedPs);
  assertEquals(parts[1], parts[2]);
  assertEquals(parts[0]! >= parts[1]! && parts[0]! - parts[1]! < 3 * shared.length + 3, true);
});
