/** Several networking CPUs: which flow is whose, what they share, and that runs stay what they are. */

import { assert, assertEquals } from "@std/assert";
import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { bulk, captureOf, flatProfile, runOf, tcpFrame, type TestRun } from "../replay/testing.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { innerPackets, interleaved } from "./testing.ts";

const EIGHT_FLOWS = captureOf(interleaved(8, 100));

function column({ run }: TestRun, name: string): number {
  return Number(SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }));
}

/** The CPUs on which each captured packet of a flow (8 in turn) entered a stage. */
function cpusOfFlows({ events }: TestRun, stage: string, flows = 8): number[][] {
  const cpus = Array.from({ length: flows }, () => new Set<number>());
  for (const row of events.of("visit")) {
    if (row.stage === stage && row.packet >= 0) cpus[row.packet % flows]!.add(row.cpu);
  }
  return cpus.map((set) => [...set].sort());
}

for (const path of ["forward", "send"] as const) {
  Deno.test(`path ${path}: each flow has one CPU, flows have all of them, and all arrive in order`, async () => {
    const sets = [`path=${path}`, "net_cpus=4", "engine=skip", "mode=tunnel", "oversize=grow"];
    const testRun = await runOf(EIGHT_FLOWS, "nocopy", sets);
    assertEquals(testRun.run.failures, []);
    const cpus = cpusOfFlows(testRun, path === "forward" ? "driver-rx" : "socket");
    assertEquals(cpus.every((set) => set.length === 1), true);
    assertEquals([...new Set(cpus.flat())].sort(), [0, 1, 2, 3]);
    assertEquals([column(testRun, "reordered"), column(testRun, "drops"), testRun.run.busyNs.length], [0, 0, 4]);
    if (path === "send") assertEquals(cpus, [[0], [1], [2], [3], [0], [1], [2], [3]]);
  });
}

Deno.test("two CPUs with half of the flows each do twice as much, and their busy times add up", async () => {
  const frames = interleaved(8, 100);
  const one = await runOf(captureOf(frames), "nocopy", ["engine=skip", "link_gbps=100"]);
  const two = await runOf(captureOf(frames), "nocopy", ["engine=skip", "link_gbps=100", "net_cpus=2"]);
  assert(Math.abs(column(two, "goodput_gbps") / column(one, "goodput_gbps") - 2) < 0.02);
  assert(column(two, "cpu_percent") > 99 && Math.abs(column(two, "cpus_busy") - 2) < 0.01);
  const busyNs = two.run.busyNs.reduce((sum, ns) => sum + ns, 0);
  assertEquals(Math.round(1000 * busyNs), two.run.tally.costPs);
});

Deno.test("one flow is on one CPU, however many there are, and leaves as from one alone", async () => {
  const play = (cpus: number): Promise<TestRun> => {
    return runOf(captureOf(bulk(300)), "nocopy-gro", ["engine=skip", `net_cpus=${cpus}`, "link_gbps=40"]);
  };
  const [one, eight] = [await play(1), await play(8)];
  assertEquals(eight.run.busyNs.filter((ns) => ns > 0), one.run.busyNs);
  assertEquals(eight.sent, one.sent);
});

Deno.test("ESP of one tunnel has one CPU: a NIC that spreads flows sees one pair of addresses", async () => {
  const testRun = await runOf(EIGHT_FLOWS, "linux-6.1", ["path=receive", "net_cpus=4", "engine=skip"]);
  assertEquals(testRun.run.failures, []);
  assertEquals(testRun.run.busyNs.filter((ns) => ns > 0).length, 1);
});

Deno.test("ESP of four peers has several CPUs, each with cells and a transport queue of its own", async () => {
  const flows = [1, 2, 3, 4].map((peer) => bulk(100, { source: 0xc6336400 + peer, sourcePort: 40000 + peer }));
  const frames = Array.from({ length: 400 }, (_, i) => flows[i % 4]![i >> 2]!);
  for (const era of ["4.4", "6.1"]) {
    const sets = ["path=receive", "mode=transport", "net_cpus=4", "engine=skip", `era=${era}`, "local=203.0.113.1"];
    const testRun = await runOf(captureOf(frames), "linux-6.1", sets);
    assertEquals(testRun.run.failures, []);
    assert(testRun.run.busyNs.filter((ns) => ns > 0).length > 1);
    const perFlow = cpusOfFlows(testRun, "driver-rx", 4);
    assertEquals(perFlow.every((cpus) => cpus.length === 1), true);
    if (era === "6.1") assertEquals(cpusOfFlows(testRun, "trans-queue", 4), perFlow);
  }
});

Deno.test("with gso=l2 one CPU at a time encrypts, whichever it is: the TX queue is one", async () => {
  const sets = ["era=6.1", "engine=skip", "link_gbps=100", "net_cpus=4"];
  const testRun = await runOf(EIGHT_FLOWS, "nocopy-gro-gso", sets);
  const seals = testRun.events.of("seal");
  const overlaps = seals.filter((row, i) => {
    const before = seals[i - 1];
    return before !== undefined && before.cpu !== row.cpu && row.tNs < before.tNs;
  });
  assertEquals(overlaps, []);
  assertEquals(testRun.run.failures, []);
});

Deno.test("CPUs share the SA: sequence numbers are all different and have no gaps", async () => {
  const testRun = await runOf(EIGHT_FLOWS, "nocopy", ["net_cpus=4"]);
  const sequences = testRun.sent.map(({ bytes }) => new DataView(bytes.buffer, 14 + 20 + 4, 4).getUint32(0));
  assertEquals(sequences.toSorted((a, b) => a - b), Array.from({ length: 800 }, (_, i) => i + 1));
  assertEquals(innerPackets(testRun).length, 800);
});

Deno.test("a frame that meets a full ring is lost with the CPU of that ring, while others have room", async () => {
  const elephant = bulk(300, { sourcePort: 40001 });
  const mouse = Array.from({ length: 20 }, (_, i) => tcpFrame({ sourcePort: 40000, payloadBytes: 100, id: i }));
  const frames = elephant.flatMap((frame, i) => i % 15 === 0 ? [mouse[i / 15]!, frame] : [frame]);
  const sets = ["net_cpus=2", "pace=rate:20", "rx_ring=8", "engine=skip"];
  const { run, events } = await runOf(captureOf(frames), "nocopy", sets);
  assertEquals(run.failures, []);
  const isMouse = new Set(frames.flatMap((frame, i) => mouse.includes(frame) ? [i] : []));
  const drops = events.of("drop");
  const cpuOfElephant = events.of("visit").find((row) => row.stage === "driver-rx" && !isMouse.has(row.packet))!.cpu;
  assert(drops.length > 100);
  assertEquals(drops.filter(({ packet, cpu }) => isMouse.has(packet) || cpu !== cpuOfElephant), []);
});

Deno.test("a profile without costs ends with every number of CPUs, ring and queue", async () => {
  const profile = flatProfile("visit", "nic", "ns/op", 0);
  for (const path of ["path=forward", "path=send", "path=receive"]) {
    for (const sets of [["net_cpus=3"], ["net_cpus=8", "rx_ring=1", "tx_ring=4", "qdisc_limit=1", "napi_weight=1"]]) {
      const { run } = await runOf(EIGHT_FLOWS, "nocopy", [path, ...sets, "engine=skip"], { profile });
      assertEquals(run.failures, []);
    }
  }
});

/** Hashes all columns of all rows. */
class RowHash implements Fold {
  rows = 0;
  hash = 0;
  readonly #bits = new DataView(new ArrayBuffer(8));

  add(block: EventBlock): void {
    const { tNs, cpu, stage, event, reason, packet, skb, into, bytes, count, costPs, payloadBytes, flow, steps } =
      block;
    for (
      const values of [
        tNs,
        cpu,
        stage,
        event,
        reason,
        packet,
        skb,
        into,
        bytes,
        count,
        costPs,
        payloadBytes,
        flow,
        steps,
      ]
    ) {
      for (let row = 0; row < block.rows; row++) this.#mix(values[row]!);
    }
    this.rows += block.rows;
  }

  #mix(value: number): void {
    this.#bits.setFloat64(0, value);
    for (const word of [this.#bits.getInt32(0), this.#bits.getInt32(4)]) {
      this.hash = Math.imul(this.hash ^ word, 0x01000193);
    }
  }
}

const RUNS: [preset: string, sets: string[]][] = [
  ["nocopy", []],
  ["nocopy-gro-gso", ["era=6.1", "link_gbps=2", "tx_ring=16", "qdisc_limit=60"]],
  ["nocopy-gro", ["era=6.1", "pace=rate:12", "rx_ring=16", "rx_usecs=30"]],
  ["linux-6.1-module", ["path=send", "link_gbps=3"]],
  ["baseline", ["path=send", "write_bytes=3000"]],
  ["linux-6.1", ["path=receive", "mode=transport"]],
];

for (const [preset, sets] of RUNS) {
  Deno.test(`1 and 8 flows on 1, 3 and 8 CPUs: the same rows and bytes twice, and no law broken (${preset} ${sets.join(" ")})`, async () => {
    for (const flows of [1, 8]) {
      const input = captureOf(interleaved(flows, 160 / flows));
      for (const cpus of [1, 3, 8]) {
        const play = async (): Promise<{ testRun: TestRun; fold: RowHash }> => {
          const fold = new RowHash();
          const options = [...sets, `net_cpus=${cpus}`, "engine=skip"];
          return { testRun: await runOf(input, preset, options, { foldsBeside: [fold] }), fold };
        };
        const [first, second] = [await play(), await play()];
        assertEquals(first.testRun.run.failures, []);
        assertEquals([second.fold.rows, second.fold.hash], [first.fold.rows, first.fold.hash]);
        assertEquals(second.testRun.sent, first.testRun.sent);
        const shareMax = Math.max(...first.testRun.run.busyNs) / (first.testRun.run.elapsedNs + 1);
        assert(shareMax <= 1, `${shareMax}`);
      }
    }
  });
}
