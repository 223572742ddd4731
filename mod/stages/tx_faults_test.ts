/** Drivers that refuse packets or have stopped their queue, on whole runs: what goes when, and what is lost. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Profile } from "../cost/profile.ts";
import { bulk, captureOf, flatProfile, type Recorder, runOf, type TestRun } from "../replay/testing.ts";

const FREE: Profile = flatProfile("visit", "nic", "ns/op", 0);
/** Twenty segments that fit a tunnel, and GRO merges them into one. */
const TWENTY = captureOf(bulk(20, { payloadBytes: 1360 }));
/** Everything arrives in one poll, and the link is no obstacle. */
const AT_ONCE = ["engine=skip", "pace=rate:999999", "link_gbps=1000000"];
const L2 = "linux-6.1-module";
const XFRM = "linux-6.1";

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

async function twenty(preset: string, ...sets: string[]): Promise<TestRun> {
  const testRun = await runOf(TWENTY, preset, [...AT_ONCE, "gro=on", ...sets], { profile: FREE });
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** Packets in the order in which they left, counted from 1 as their sequence numbers are. */
function order({ events }: TestRun): number[] {
  return events.of("send").map(({ packet }) => packet + 1);
}

function dropped(events: Recorder): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, count } of events.of("drop")) counts[reason] = (counts[reason] ?? 0) + count;
  return counts;
}

Deno.test("busy:5 of segments from layer 2: those refused go behind the others in 6.1 (5-20, 1-4), first in 4.4 (1-20)", async () => {
  const later = await twenty(L2, "tx_fault=busy:5");
  assertEquals(order(later), [...numbers(5, 20), ...numbers(1, 4)]);
  assertEquals(later.events.of("busy").map(({ packet, reason }) => `${packet + 1} ${reason}`), [
    ...["1 tx-fault", "1 tx-fault", "2 tx-fault", "3 tx-fault", "4 tx-fault"],
  ]);
  // All twenty are put back when the first is refused, then one each time.
  assertEquals(later.events.of("requeue").length, 20 + 4);
  assertEquals(later.events.of("seal").length, 20);
  const earlier = await twenty(L2, "tx_fault=busy:5", "era=4.4");
  assertEquals(order(earlier), numbers(1, 20));
});

Deno.test("busy:5 of segments that are cut before ESP keeps their order in both eras", async () => {
  for (const era of ["4.4", "6.1"]) {
    for (const qdisc of ["pfifo", "pfifo_fast", "fq_codel"]) {
      const testRun = await twenty(XFRM, "gso=xfrm", "tx_fault=busy:5", `era=${era}`, `qdisc=${qdisc}`);
      assertEquals(order(testRun), numbers(1, 20), qdisc);
      assertEquals(testRun.events.of("requeue").map(({ packet }) => packet), [0, 0, 0, 0, 0]);
    }
  }
});

Deno.test("a queue of 4 that is stopped loses 0 of 20 from layer 2, and 16 of 20 segments, 15 of them without ESP", async () => {
  const sets = ["qdisc_limit=4", "tx_fault=stopped:20"];
  const whole = await twenty(L2, ...sets);
  assertEquals([order(whole), dropped(whole.events)], [numbers(1, 20), {}]);
  const segments = await twenty(XFRM, "gso=xfrm", ...sets);
  assertEquals(order(segments), numbers(1, 4));
  assertEquals(dropped(segments.events), { "queue-limit": 1, "burst-refused": 15 });
  assertEquals(segments.events.of("seal").length, 5);
});

Deno.test("what was refused of one aggregate counts as one packet of the queue in 4.4, and segment by segment in 6.1", async () => {
  const flows = [
    ...bulk(10, { payloadBytes: 1360 }),
    ...[7, 8, 9].flatMap((sourcePort) => bulk(1, { payloadBytes: 1360, sourcePort })),
  ];
  const sets = [...AT_ONCE, "gro=on", "rx_hash=off", "gso=l2", "qdisc_limit=4", "tx_fault=stopped:1"];
  for (const [era, lost] of [["4.4", 0], ["6.1", 3]] as const) {
    const { events, run } = await runOf(captureOf(flows), L2, [...sets, `era=${era}`], { profile: FREE });
    assertEquals(run.failures, []);
    assertEquals(dropped(events)["queue-limit"] ?? 0, lost, era);
  }
});

Deno.test("stopped:ms holds everything until then, and not longer", async () => {
  for (const preset of [L2, XFRM]) {
    const { events } = await twenty(preset, "gso=xfrm", "tx_fault=stopped:7.5");
    const times = events.of("send").map(({ tNs }) => tNs);
    assertEquals(times.length, 20);
    assert(times.every((tNs) => tNs >= 7_500_000 && tNs < 7_501_000), times.join());
    assertEquals(events.of("busy").every(({ reason }) => reason === "queue-stopped"), true);
  }
});

Deno.test("stopped:ms does not make a run longer that ends before", async () => {
  const testRun = await runOf(captureOf([]), L2, [...AT_ONCE, "tx_fault=stopped:1000"], { profile: FREE });
  assertEquals(testRun.run.elapsedNs, 0);
});

Deno.test("pfifo_fast of 6.1 keeps its limit without what was refused, so one segment more gets in", async () => {
  const sets = ["gso=xfrm", "qdisc=pfifo_fast", "qdisc_limit=4", "tx_fault=stopped:20"];
  const testRun = await twenty(XFRM, ...sets);
  assertEquals(order(testRun), numbers(1, 5));
  assertEquals(dropped(testRun.events), { "band-limit": 1, "burst-refused": 14 });
  const earlier = await twenty(XFRM, ...sets, "era=4.4");
  assertEquals(dropped(earlier.events), { "band-limit": 1, "burst-refused": 15 });
});

Deno.test("fq_codel that drops of the flow that it is given says so (NET_XMIT_CN): the burst ends with the segment that got in", async () => {
  const sets = ["gso=xfrm", "qdisc=fq_codel", "qdisc_limit=4", "tx_fault=stopped:20"];
  const { events } = await twenty(XFRM, ...sets);
  // 1 was refused by the driver, 2 to 5 wait; the fifth that waits costs half of the bytes that do.
  assertEquals(dropped(events), { "fattest-flow": 2, "burst-refused": 15 });
  assertEquals(events.of("send").map(({ packet }) => packet + 1), [1, 4, 5]);
});

Deno.test("noqueue: what a busy driver refuses is lost, and ends its burst", async () => {
  const segments = await twenty(XFRM, "gso=xfrm", "qdisc=noqueue", "tx_fault=busy:1");
  assertEquals(dropped(segments.events), { "no-queue": 1, "burst-refused": 19 });
  const whole = await twenty(L2, "qdisc=noqueue", "tx_fault=busy:1");
  assertEquals(dropped(whole.events), { "no-queue": 20 });
  const none = await twenty(L2, "qdisc=noqueue");
  assertEquals(order(none), numbers(1, 20));
  const stopped = await twenty(L2, "qdisc=noqueue", "tx_fault=stopped:1");
  assertEquals(dropped(stopped.events), { "no-queue": 20 });
});

Deno.test("a burst that is refused ends alone: packets of other bursts and single ones go their way", async () => {
  const flows = [...bulk(10, { payloadBytes: 1360 }), ...bulk(10, { payloadBytes: 1360, sourcePort: 7 })];
  const sets = [...AT_ONCE, "gro=on", "gso=xfrm", "qdisc=noqueue", "tx_fault=busy:1"];
  const { events, run } = await runOf(captureOf(flows), XFRM, sets, { profile: FREE });
  assertEquals(run.failures, []);
  assertEquals(dropped(events), { "no-queue": 1, "burst-refused": 9 });
  assertEquals(events.of("send").map(({ packet }) => packet), numbers(10, 19));
});

const settings = fc.record({
  preset: fc.constantFrom("baseline", "nocopy-gro", "nocopy-gro-gso", "linux-6.1", "linux-6.1-module"),
  qdisc: fc.constantFrom("pfifo", "pfifo_fast", "fq_codel", "noqueue"),
  qdisc_limit: fc.integer({ min: 1, max: 12 }),
  tx_ring: fc.integer({ min: 4, max: 24 }),
  tx_fault: fc.constantFrom("none", "busy:1", "busy:9", "stopped:0.2"),
  tx_stop: fc.constantFrom("full", "early"),
  bql: fc.constantFrom("on", "off"),
  net_cpus: fc.integer({ min: 1, max: 3 }),
  pace: fc.constantFrom("max", "line", "rate:3"),
  link_gbps: fc.constantFrom(1, 40),
  era: fc.constantFrom("4.4", "6.1"),
});

Deno.test("all laws hold under every queue, limit, fault and number of CPUs", async () => {
  const flows = [1, 2, 3].flatMap((sourcePort) => bulk(12, { payloadBytes: 1200, sourcePort }));
  const frames = captureOf([...flows, ...bulk(3, { payloadBytes: 1460, fragmentWord: 0, sourcePort: 4 })]);
  await fc.assert(
    fc.asyncProperty(settings, async ({ preset, ...keys }) => {
      const sets = Object.entries(keys).map(([key, value]) => `${key}=${value}`);
      const profile = flatProfile("visit", "driver-tx", "ns/op", 700);
      const { run } = await runOf(frames, preset, ["engine=skip", ...sets], { profile });
      assertEquals(run.failures, []);
    }),
    { numRuns: 150 },
  );
});

Deno.test("fragments behind one that is refused are not sent, and their packet is lost once", async () => {
  const frames = captureOf(bulk(3, { payloadBytes: 1460, fragmentWord: 0 }));
  const sets = [...AT_ONCE, "gro=off", "oversize=drop", "qdisc=noqueue", "tx_fault=busy:1"];
  const { events, run } = await runOf(frames, "baseline", sets, { profile: FREE });
  assertEquals(run.failures, []);
  assertEquals(dropped(events), { "no-queue": 0, "fragments-refused": 1 });
  assertEquals(events.of("send").length, 4);
});
