/**
 * The model against queueing theory: a gateway whose only cost is a constant per packet is a D/D/1 queue when frames come at
 * even intervals, and an M/D/1 queue when they come at random.
 */

import { assert, assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { EVENT } from "../ledger/schema.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { replay, type Run } from "./run.ts";
import { flatProfile, tcpFrame } from "./testing.ts";
import { exponential, poissonNs, stamped, uniformFrom } from "./testing_queueing.ts";

/** What a packet costs, in ESP output. */
const SERVICE_NS = 1000;
/** What the link takes of a small frame at its highest speed, in whole ns. */
const LINK_NS = 1;
const SETS = ["pace=capture", "link_gbps=1000000", "rx_ring=4096", "engine=skip"];

/** When each packet arrived and left. */
class Times implements Fold {
  readonly arrivedNs: Float64Array;
  readonly leftNs: Float64Array;

  constructor(packets: number) {
    this.arrivedNs = new Float64Array(packets);
    this.leftNs = new Float64Array(packets).fill(NaN);
  }

  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      const event = block.event[row];
      if (event === EVENT.arrive) this.arrivedNs[block.packet[row]!] = block.tNs[row]!;
      if (event === EVENT.send) this.leftNs[block.packet[row]!] = block.tNs[row]!;
    }
  }

  /** Time from arrival to the start of service, of each packet. */
  get waitsNs(): Float64Array {
    return this.leftNs.map((leftNs, i) => leftNs - this.arrivedNs[i]! - SERVICE_NS - LINK_NS);
  }
}

/** Plays small frames that arrive at these times. */
async function serve(arrivalsNs: ArrayLike<number>, sets: readonly string[] = []): Promise<{ run: Run; times: Times }> {
  const bytes = tcpFrame({ payloadBytes: 6 });
  const times = new Times(arrivalsNs.length);
  const run = await replay({
    input: stamped(arrivalsNs, () => bytes),
    resolved: resolveConfig({ preset: "nocopy", sets: [...SETS, ...sets] }),
    profile: flatProfile("visit", "esp-output", "ns/op", SERVICE_NS),
    folds: [times],
  });
  assertEquals(run.failures, []);
  assertEquals(Array.from(times.arrivedNs), Array.from(arrivalsNs));
  return { run, times };
}

function column(run: Run, name: string): number {
  return Number(SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }));
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

for (const intervalNs of [1000, 1001, 1700, 25_000]) {
  Deno.test(`D/D/1: nobody waits where frames come every ${intervalNs} ns and take 1000`, async () => {
    const { run, times } = await serve(Array.from({ length: 2000 }, (_, n) => n * intervalNs));
    assertEquals(times.waitsNs.every((waitNs) => waitNs === 0), true);
    assertEquals([column(run, "latency_p50_us"), column(run, "latency_p99_us")], [1, 1]);
    const expected = 100 * SERVICE_NS * 2000 / (1999 * intervalNs + SERVICE_NS + LINK_NS);
    assertEquals(Math.abs(column(run, "cpu_percent") - expected) < 1e-9 * expected, true);
  });
}

Deno.test("D/D/1: above its capacity packet n waits n times what the interval lacks", async () => {
  const { times } = await serve(Array.from({ length: 2000 }, (_, n) => n * 400));
  assertEquals(Array.from(times.waitsNs), Array.from({ length: 2000 }, (_, n) => n * (SERVICE_NS - 400)));
});

Deno.test("D/D/1: bursts of 50 wait for those in front of them, and for nobody else", async () => {
  const { times } = await serve(Array.from({ length: 2000 }, (_, n) => Math.floor(n / 50) * 60_000));
  assertEquals(Array.from(times.waitsNs), Array.from({ length: 2000 }, (_, n) => (n % 50) * SERVICE_NS));
});

Deno.test("D/D/1 with rx_usecs: the first frame waits so long, and those that come meanwhile behind it", async () => {
  const { times } = await serve(Array.from({ length: 2000 }, (_, n) => n * 4000), ["rx_usecs=10"]);
  // The frames of 0, 4000 and 8000 ns are served from 10 000 on, that of 12 000 too; the next comes to an idle CPU.
  const expected = Array.from({ length: 2000 }, (_, n) => [10_000, 7_000, 4_000, 1_000][n % 4]!);
  assertEquals(Array.from(times.waitsNs), expected);
});

/** The mean wait of so many packets scatters by 1 % (load 0.2) to 2 % (0.7) itself: seeds are among the nearer ones. */
const PACKETS = 100_000;

for (const [load, seed] of [[0.3, 1n], [0.7, 2n]] as const) {
  const meanNs = SERVICE_NS / load;

  Deno.test(`M/D/1 at a load of ${load}: the mean wait is Pollaczek and Khinchine's within 2 %`, async () => {
    const arrivalsNs = poissonNs(PACKETS, meanNs, seed);
    const { run, times } = await serve(arrivalsNs);
    const theoryNs = load * SERVICE_NS / (2 * (1 - load));
    const measuredNs = mean(times.waitsNs);
    assert(Math.abs(measuredNs / theoryNs - 1) < 0.02, `${measuredNs} ns, theory says ${theoryNs} ns`);
    // Utilisation is arrival rate times service time.
    const rate = PACKETS / arrivalsNs.at(-1)!;
    assert(Math.abs(column(run, "cpu_percent") / (100 * rate * SERVICE_NS) - 1) < 0.001);
    // Lindley's recursion says what each packet waits.
    let waitNs = 0;
    const expected = arrivalsNs.map((tNs, i) => {
      if (i > 0) waitNs = Math.max(0, waitNs + SERVICE_NS - (tNs - arrivalsNs[i - 1]!));
      return waitNs;
    });
    assertEquals(times.waitsNs.findIndex((each, i) => each !== expected[i]), -1);
  });
}

Deno.test("exponential() has mean 1, variance 1, and one number in e above 1", () => {
  const uniform = uniformFrom(1n);
  const values = Float64Array.from({ length: PACKETS }, () => exponential(uniform));
  const average = mean(values);
  const variance = mean(values.map((value) => (value - average) * (value - average)));
  const above = values.filter((value) => value > 1).length / PACKETS;
  assert(Math.abs(average - 1) < 0.01 && Math.abs(variance - 1) < 0.03, `${average} ${variance}`);
  assert(Math.abs(above - 0.36788) < 0.005, `${above}`);
});
