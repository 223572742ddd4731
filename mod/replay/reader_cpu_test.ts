/** `reader_cpu`: the process of host B that reads sockets, on a CPU of its own or on that of the softirq. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConfigError } from "../config/errors.ts";
import { whyIdle } from "../config/idle.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { hostBusyNs, hostLoads } from "../report/host_loads.ts";
import { limitsOf } from "../report/bottleneck.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { interleaved } from "../stages/testing.ts";
import { distance } from "../stages/tcp_buffer.ts";
import { windowScale } from "../stages/receive_window.ts";
import { get16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { type CaptureInput, replay, type Run } from "./run.ts";
import { bulk, captureOf, type EventRow, inputOf, Recorder, runOf, type TestRun } from "./testing.ts";

const PATH = "path=host-to-host";
const MSS = 1426;
const PUBLISHED = PROFILES.get("published")!;

/** Prices as published, and each byte that the process of B reads costs `nsPerByte` more. */
function slowReader(nsPerByte: number): Profile {
  const price = { event: "user-copy", reason: "user-read", unit: "ns/byte", source: "test", note: "test" } as const;
  const coefficient = { ...price, value: nsPerByte, low: nsPerByte, high: nsPerByte };
  return { ...PUBLISHED, name: "slow-reader", coefficients: [...PUBLISHED.coefficients, coefficient] };
}

/** A run of which nobody looks at the bytes: it is fast so. */
async function play(
  input: CaptureInput,
  preset: string,
  sets: readonly string[],
  profile: Profile,
): Promise<{ run: Run; events: Recorder }> {
  const events = new Recorder();
  const resolved = resolveConfig({ preset, sets: [PATH, ...sets] });
  return { run: await replay({ input, resolved, profile, folds: [events], poison: true }), events };
}

function column(run: Run, name: string): number {
  return Number(SUMMARY_COLUMNS.find((other) => other.name === name)!.value({ number: 1, run }));
}

/** What the process of B reads. */
function readsOf(events: Recorder): EventRow[] {
  return events.of("user-copy").filter(({ reason }) => reason === "user-read");
}

/** Captured packets by flow, in the order in which they were delivered. */
function deliveredByFlow({ events }: { events: Recorder }): Map<number, number[]> {
  const byFlow = new Map<number, number[]>();
  for (const { flow, packet } of events.of("deliver")) byFlow.set(flow, [...byFlow.get(flow) ?? [], packet]);
  return byFlow;
}

/** Most bytes that had come to B's sockets and were not read: those that softirq has delivered, in order and without loss. */
function mostUnread(events: Recorder, headerBytes: number): number {
  let unread = 0;
  let most = 0;
  const isRead = new Set(readsOf(events).map(({ skb }) => skb));
  const rows = events.rows.toSorted((a, b) => a.tNs - b.tNs);
  for (const { event, stage, reason, skb, bytes } of rows) {
    if (event === "visit" && stage === "local-in" && isRead.has(skb)) unread += bytes - headerBytes;
    if (event === "user-copy" && reason === "user-read") unread -= bytes;
    most = Math.max(most, unread);
  }
  return most;
}

for (const preset of ["baseline", "nocopy-gro-gso", "linux-6.1-module", "softirq-queue", "offload-packet"]) {
  for (const netCpus of [1, 3]) {
    Deno.test(`reader_cpu: own and same deliver the same under ${preset} with ${netCpus} networking CPUs, and keep the laws`, async () => {
      const frames = interleaved(4, 40, { payloadBytes: MSS });
      const playWith = (value: string): Promise<TestRun> => {
        return runOf(captureOf(frames), preset, [PATH, `reader_cpu=${value}`, `net_cpus=${netCpus}`]);
      };
      const [own, same] = [await playWith("own"), await playWith("same")];
      assertEquals([own.run.failures, same.run.failures], [[], []]);
      assertEquals(deliveredByFlow(own), deliveredByFlow(same));
      const bytes = ({ events }: TestRun): number => readsOf(events).reduce((sum, row) => sum + row.bytes, 0);
      assertEquals([bytes(own), bytes(same)], [160 * MSS, 160 * MSS]);
      assertEquals([own.run.peerCpus - same.run.peerCpus, column(own.run, "drops")], [netCpus, 0]);
    });
  }
}

Deno.test("reader_cpu=own: the process reads, delivers and frees on the last CPU of B, where nothing is received", async () => {
  const { run, events } = await runOf(captureOf(bulk(100, { payloadBytes: MSS })), "linux-6.1-module", [PATH]);
  assertEquals([run.busyNs.length, run.peerCpus], [3, 2]);
  const cpusOf = (rows: readonly EventRow[]): number[] => [...new Set(rows.map(({ cpu }) => cpu))];
  assertEquals(cpusOf(readsOf(events)), [2]);
  assertEquals(cpusOf(events.of("deliver")), [2]);
  const read = new Set(readsOf(events).map(({ skb }) => skb));
  assertEquals(cpusOf(events.of("free").filter(({ skb }) => read.has(skb))), [2]);
  const stages = events.rows.filter(({ cpu, event }) => cpu === 2 && event === "visit").map(({ stage }) => stage);
  for (const stage of ["driver-rx", "gro", "ip-input", "esp-input", "local-in", "socket"]) {
    assertEquals(stages.includes(stage), false, stage);
  }
});

Deno.test("reader_cpu=own: nothing is read before softirq has taken it, and it counts in packets of its CPU", async () => {
  for (const sets of [[], ["gro=off"], ["net_cpus=3"]]) {
    const { events } = await runOf(captureOf(interleaved(3, 60)), "linux-6.1", [PATH, ...sets]);
    const taken = new Map<number, EventRow>();
    for (const row of events.of("visit")) if (row.stage === "local-in") taken.set(row.skb, row);
    const netCpus = sets[0] === "net_cpus=3" ? 3 : 1;
    for (const { skb, tNs, cpu } of readsOf(events)) {
      assert(tNs >= taken.get(skb)!.tNs, `skb ${skb} is read at ${tNs} ns`);
      assertEquals(cpu, taken.get(skb)!.cpu + netCpus);
    }
  }
});

Deno.test("reader_cpu=own: datagrams wait for the process, too", async () => {
  const file = Deno.readFileSync(new URL("../../fixtures/imix-udp-ipv4.pcap", import.meta.url));
  const { run, events } = await play(inputOf(file), "nocopy", [], slowReader(200));
  assertEquals([run.failures, column(run, "drops")], [[], 0]);
  assertEquals(new Set(events.of("deliver").map(({ cpu }) => cpu)), new Set([2]));
  assertEquals(events.of("deliver").length, column(run, "packets_in"));
  assertEquals(limitsOf(run)?.first, "reader-cpu");
});

for (const windowKib of [16, 63, 100, 1024]) {
  Deno.test(`reader_cpu=own: a slow reader throttles the sender through a window of ${windowKib} KiB`, async () => {
    const sets = [`window_kib=${windowKib}`, "gso=l2", "gro=on"];
    const input = captureOf(bulk(1500, { payloadBytes: MSS }));
    const { run, events } = await play(input, "nocopy", sets, slowReader(10));
    assertEquals([run.failures, column(run, "retransmits"), column(run, "drops")], [[], 0, 0]);
    // A window that one read takes whole is acknowledged when it is read: both hosts wait then.
    const isSmall = windowKib < 64;
    assertEquals(limitsOf(run)!.first, isSmall ? "window" : "reader-cpu");
    // Reading is nearly all that its CPU does.
    const goodput = column(run, "goodput_gbps");
    assert(goodput > (isSmall ? 0.5 : 0.74) && goodput < 0.8, `${goodput} Gbps`);
    assertAlmostEquals(
      column(run, "rx_cpu_percent"),
      100 * Math.max(...hostLoads(run)[1]!.readerNs) / run.elapsedNs,
      1e-9,
    );
    const most = mostUnread(events, 20);
    assert(most <= windowKib * 1024, `${most} bytes wait`);
    assert(most > windowKib * 512, `${most} bytes wait`);
  });
}

Deno.test("reader_cpu=own: the window of acknowledgments says what is not read, and its right edge never moves to the left", async () => {
  for (const windowKib of [10, 64, 300]) {
    const sets = [PATH, "mode=none", `window_kib=${windowKib}`, "gro=off"];
    const frames = bulk(600, { payloadBytes: MSS });
    const { run, sent } = await runOf(captureOf(frames), "linux-6.1", sets, { profile: slowReader(10) });
    assertEquals(run.failures, []);
    const scale = 2 ** windowScale(windowKib * 1024);
    const a = ipv4.source(frames[0]!, ETH_HLEN);
    const answers = sent.filter(({ bytes }) => ipv4.source(bytes, ETH_HLEN) !== a).map(({ bytes }) => {
      const at = ETH_HLEN + ipv4.HEADER_BYTES;
      return { number: tcp.acknowledgment(bytes, at), windowBytes: scale * get16(bytes, at + tcp.OFFSET_WINDOW) };
    });
    const edges = answers.map(({ number, windowBytes }) => (number + windowBytes) >>> 0);
    edges.forEach((edge, i) => i > 0 && assert(distance(edges[i - 1]!, edge) >= 0, `${i}: ${edge} < ${edges[i - 1]}`));
    const windows = answers.map(({ windowBytes }) => windowBytes);
    assert(Math.max(...windows) <= windowKib * 1024);
    // A read of 64 KiB leaves less than half of such a window unread.
    if (windowKib === 300) assert(Math.min(...windows) < windowKib * 512, `${Math.min(...windows)}`);
    assertEquals(answers.at(-1)!.number, 1000 + 600 * MSS);
  }
});

Deno.test("reader_cpu=own: softirq leaves acknowledgments to the process where the window would not move on", async () => {
  const frames = bulk(1500, { payloadBytes: MSS });
  const reasonsOf = async (sets: readonly string[], profile: Profile): Promise<Map<string, Set<number>>> => {
    const { events } = await play(captureOf(frames), "linux-6.1", sets, profile);
    const byReason = new Map<string, Set<number>>();
    for (const { reason, cpu } of events.of("acknowledge")) {
      byReason.set(reason, (byReason.get(reason) ?? new Set()).add(cpu));
    }
    return byReason;
  };
  const quick = await reasonsOf([], PUBLISHED);
  assertEquals(quick.get("read-segments"), new Set([2]));
  const slow = await reasonsOf([], slowReader(20));
  assertEquals([slow.get("read-segments"), slow.get("window-update")], [new Set([2]), new Set([2])]);
  const same = await reasonsOf(["reader_cpu=same"], PUBLISHED);
  assertEquals(same.get("full-segments"), new Set([1]));
  assertEquals(same.has("read-segments"), false);
});

Deno.test("reader_cpu=own lets through no less than same where the receiver limits, and less than both CPUs would", async () => {
  const frames = bulk(1200, { payloadBytes: MSS });
  for (const [preset, sets] of [["linux-6.1", ["gro=off"]], ["linux-6.1-module", ["rx_cow=always"]]] as const) {
    const playWith = async (value: string): Promise<Run> => {
      const all = ["link_gbps=100", `reader_cpu=${value}`, ...sets];
      return (await play(captureOf(frames), preset, all, slowReader(1))).run;
    };
    const [own, same] = [await playWith("own"), await playWith("same")];
    assertEquals(limitsOf(same)!.first, "rx-cpu");
    const [faster, slower] = [column(own, "goodput_gbps"), column(same, "goodput_gbps")];
    assert(faster > slower && faster < 2 * slower, `${faster} Gbps, on one CPU ${slower} Gbps`);
  }
});

Deno.test("reader_cpu=own: cpus_busy and hostBusyNs() count the CPU of the process", async () => {
  const { run } = await runOf(captureOf(bulk(300)), "nocopy", [PATH]);
  const [a, softirq, process] = run.busyNs as [number, number, number];
  assert(process > 0);
  assertEquals([hostBusyNs(run, "tx"), hostBusyNs(run, "rx")], [a, softirq + process]);
  assertEquals(hostLoads(run).map(({ readerNs }) => readerNs), [[], [process]]);
  assertAlmostEquals(column(run, "cpus_busy"), (a + softirq + process) / run.elapsedNs, 1e-9);
  const forward = await runOf(captureOf(bulk(3)), "nocopy", []);
  assertEquals([hostBusyNs(forward.run, "tx"), hostLoads(forward.run)[0]!.readerNs], [undefined, []]);
});

Deno.test("reader_cpu=own: crypto has its CPUs on both hosts, and processes read on none of them", async () => {
  const sets = [PATH, "net_cpus=2", "crypto_cpus=2", "callback_cpu=3"];
  const { run, events } = await runOf(captureOf(interleaved(4, 60)), "pcrypt", sets);
  assertEquals([run.failures, run.busyNs.length, run.peerCpus], [[], 10, 6]);
  assertEquals(events.of("open").some(({ cpu }) => cpu >= 8), false);
  // CPU 7 calls back, which shares the process of the second networking CPU.
  assertEquals(new Set(events.of("complete").map(({ cpu }) => cpu)), new Set([3, 7]));
  assertEquals(readsOf(events).every(({ cpu }) => cpu === 9), true);
  const refused = [PATH, "crypto_cpus=2", "callback_cpu=3"];
  assertThrows(() => resolveConfig({ preset: "pcrypt", sets: refused }), ConfigError, "numbered from 0 to 2");
});

Deno.test("reader_cpu=own is the same each time, wherever windows of the reader end", async () => {
  const rowsOf = async (windowBytes?: number): Promise<unknown> => {
    const options = windowBytes === undefined ? {} : { windowBytes };
    const sets = [PATH, "net_cpus=2", "window_kib=64"];
    const { events, sent } = await runOf(captureOf(interleaved(3, 80)), "nocopy-gro-gso", sets, options);
    return { rows: events.rows, sent };
  };
  const whole = await rowsOf();
  assertEquals(await rowsOf(), whole);
  assertEquals(await rowsOf(4096), whole);
});

Deno.test("reader_cpu=own: every byte arrives, however slow the reader, small the window and full the crypto queue", async () => {
  const run = fc.record({
    preset: fc.constantFrom("callback", "linux-6.1-module", "nocopy-gro-gso", "encap-then-crypto"),
    windowKib: fc.integer({ min: 1, max: 80 }),
    nsPerByte: fc.constantFrom(0, 1, 20, 400),
    queue: fc.integer({ min: 3, max: 40 }),
    netCpus: fc.integer({ min: 1, max: 2 }),
    payloadBytes: fc.integer({ min: 100, max: 1460 }),
  });
  await fc.assert(
    fc.asyncProperty(run, async ({ preset, windowKib, nsPerByte, queue, netCpus, payloadBytes }) => {
      const sets = [`window_kib=${windowKib}`, `cryptd_qlen=${queue}`, `net_cpus=${netCpus}`];
      if (preset !== "callback" && preset !== "encap-then-crypto") sets.push("crypto=cryptd", "async=callback");
      const input = captureOf(interleaved(2, 60, { payloadBytes }));
      const testRun = await play(input, preset, sets, slowReader(nsPerByte));
      assertEquals(testRun.run.failures, []);
      assertEquals(testRun.run.tally.sum({ event: "deliver" }).payloadBytes, 120 * payloadBytes);
      for (const packets of deliveredByFlow(testRun).values()) {
        assertEquals(packets, packets.toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 25 },
  );
});

Deno.test("reader_cpu acts on path host-to-host alone", () => {
  const { config } = resolveConfig({ preset: "nocopy", sets: [PATH] });
  assertEquals(config.reader_cpu, "own");
  assertEquals(whyIdle("reader_cpu", config, "host-to-host"), undefined);
  assertEquals(whyIdle("reader_cpu", config, "receive"), "it acts on path host-to-host, not on receive");
});
