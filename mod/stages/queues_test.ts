/** Qdisc and NIC: what waits where when the link or the ring is the bottleneck, and when the last bit of each frame leaves. */

import { assert, assertEquals } from "@std/assert";
import type { Profile } from "../cost/profile.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { bulk, captureOf, flatProfile, type Recorder, runOf, tcpFrame, type TestRun } from "../replay/testing.ts";
import { innerPackets } from "./testing.ts";

/** Nothing costs anything. */
const FREE = flatProfile("visit", "nic", "ns/op", 0);
/** Bytes on the wire of a full-size frame: Ethernet, outer IP, ESP header, IV, 1500 + 4 bytes of ciphertext, ICV, overhead. */
const WIRE_BYTES = 14 + 20 + 8 + 8 + 1504 + 16 + 24;

/** Every packet costs so much in ESP output. */
function costing(ns: number): Profile {
  return flatProfile("visit", "esp-output", "ns/op", ns);
}

/** Runs `frames` full-size frames; nothing may be lost, overtaken or left behind. */
async function run(frames: number, sets: readonly string[], profile: Profile, preset = "nocopy"): Promise<TestRun> {
  const testRun = await runOf(captureOf(bulk(frames)), preset, ["engine=skip", ...sets], { profile });
  assertEquals(testRun.run.failures, []);
  assertEquals(column(testRun, "drops"), 0);
  assertEquals(column(testRun, "reordered"), 0);
  assertEquals(testRun.events.of("send").map(({ packet }) => packet), Array.from({ length: frames }, (_, i) => i));
  return testRun;
}

/** A column of summary.csv. */
function column({ run }: TestRun, name: string): number {
  return SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }) as number;
}

/** Times of the last bits. */
function departures({ sent }: TestRun): number[] {
  return sent.map(({ tNs }) => tNs);
}

Deno.test("a poll of 64 packets meets no full ring when the link is faster than the CPU", async () => {
  const testRun = await run(300, ["tx_ring=16", "link_gbps=10"], costing(2700));
  assertEquals(column(testRun, "tx_busy"), 0);
  assertEquals(column(testRun, "requeues"), 0);
  assertEquals(column(testRun, "queue_max"), 0);
  assert(testRun.events.of("poll").some(({ count }) => count === 64));
  assert(column(testRun, "cpu_percent") > 99);
});

Deno.test("a link slower than the CPU: the driver is busy, packets wait, none is lost, the CPU waits for the link", async () => {
  const testRun = await run(3000, ["tx_ring=16", "link_gbps=1"], costing(2700));
  assert(column(testRun, "tx_busy") > 0);
  assert(column(testRun, "requeues") > 0);
  assert(column(testRun, "queue_max") > 0 && column(testRun, "queue_max") <= 1000);
  assert(column(testRun, "cpu_percent") < 30);
  assert(column(testRun, "wire_gbps") > 0.999 && column(testRun, "wire_gbps") <= 1);
});

Deno.test("a link slower than the CPU never pauses, whatever ring and queue: frame n leaves at cost + (n + 1) serializations", async () => {
  const serviceNs = WIRE_BYTES * 8;
  for (const tx_ring of [6, 16, 512]) {
    for (const qdisc_limit of [16, 100, 1000]) {
      const sets = ["link_gbps=1", `tx_ring=${tx_ring}`, `qdisc_limit=${qdisc_limit}`];
      const testRun = await run(600, sets, costing(1000));
      assertEquals(
        departures(testRun),
        Array.from({ length: 600 }, (_, n) => 1000 + (n + 1) * serviceNs),
        sets.join(" "),
      );
    }
  }
});

Deno.test("a stopped driver is woken when half of its ring is free: what handing over costs does not reach the link", async () => {
  const serviceNs = WIRE_BYTES * 8;
  for (const tx_ring of [6, 16, 64]) {
    const costly = flatProfile("visit", "driver-tx", "ns/op", 900);
    const testRun = await run(600, ["link_gbps=1", `tx_ring=${tx_ring}`], costly);
    assertEquals(departures(testRun), Array.from({ length: 600 }, (_, n) => 900 + (n + 1) * serviceNs), `${tx_ring}`);
  }
});

Deno.test("link alone: frame n leaves after n + 1 serializations, rounded up to whole nanoseconds", async () => {
  for (const gbps of [10, 40, 3]) {
    const testRun = await run(700, [`link_gbps=${gbps}`, "tx_ring=64"], FREE);
    const ps = Math.round(WIRE_BYTES * 8 * 1000 / gbps);
    assertEquals(departures(testRun), Array.from({ length: 700 }, (_, n) => Math.ceil((n + 1) * ps / 1000)));
    assertEquals(column(testRun, "cpu_percent"), 0);
    assert(Math.abs(column(testRun, "wire_gbps") - gbps) < gbps * 1e-6);
  }
});

Deno.test("CPU alone: frame n leaves when its work is done and its bits are out", async () => {
  const testRun = await run(700, ["link_gbps=1000"], costing(2700));
  const serializationNs = Math.ceil(WIRE_BYTES * 8 / 1000);
  assertEquals(departures(testRun), Array.from({ length: 700 }, (_, n) => (n + 1) * 2700 + serializationNs));
  assertEquals(testRun.run.busyNs, [700 * 2700]);
  assertEquals(column(testRun, "tx_busy"), 0);
});

Deno.test("CPU costs of parts of a nanosecond add up", async () => {
  const testRun = await run(1000, ["link_gbps=1000000"], flatProfile("visit", "esp-output", "ns/op", 333.3));
  assertEquals(testRun.run.busyNs, [333_300]);
  assertEquals(departures(testRun), Array.from({ length: 1000 }, (_, n) => Math.floor((n + 1) * 3333 / 10) + 1));
});

Deno.test("small frames take 60 bytes and the overhead on the wire", async () => {
  // No ESP frame is that short: the shortest is 14 + 20 + 16 + 20 + 16.
  const frames = Array.from({ length: 50 }, (_, i) => tcpFrame({ payloadBytes: 0, acknowledgment: i }));
  const { sent } = await runOf(captureOf(frames), "nocopy", ["engine=skip", "link_gbps=1"], { profile: FREE });
  assertEquals(sent.map(({ tNs }) => tNs), frames.map((_, n) => (n + 1) * (14 + 20 + 16 + 44 + 16 + 24) * 8));
});

Deno.test("a profile without costs ends, with every ring and queue", async () => {
  for (const preset of ["baseline", "nocopy", "nocopy-gro"]) {
    for (
      const sets of [[], ["tx_ring=4"], ["qdisc_limit=1"], ["rx_ring=1"], [
        "rx_ring=1",
        "tx_ring=4",
        "qdisc_limit=1",
        "napi_weight=1",
      ]]
    ) {
      const testRun = await run(200, sets, FREE, preset);
      assertEquals(column(testRun, "duration_ms") > 0, true);
    }
  }
});

Deno.test("a frame of more fragments than the ring has descriptors is linearized by the driver", async () => {
  const jumbo = bulk(20, { payloadBytes: 8900 });
  for (const link_gbps of [1, 100]) {
    const sets = ["mtu=9000", "tx_ring=4", `link_gbps=${link_gbps}`];
    const testRun = await runOf(captureOf(jumbo), "nocopy", sets, { profile: costing(1000) });
    assertEquals(testRun.run.failures, []);
    const copies = testRun.events.of("copy").filter(({ stage, reason }) =>
      stage === "driver-tx" && reason === "pull-tail"
    );
    // 8940 bytes of IP less the 40 that the driver pulled, and the trailer: 8942 + 2 is a multiple of 4.
    assertEquals(copies.map(({ bytes }) => bytes), Array(20).fill(8900 + 18 + 2));
    assertEquals(innerPackets(testRun).length, 20);
    assertEquals(column(testRun, "drops"), 0);
  }
  const roomy = await runOf(captureOf(jumbo), "nocopy", ["mtu=9000", "tx_ring=7"], { profile: FREE });
  assertEquals(roomy.events.of("copy").filter(({ stage }) => stage === "driver-tx"), []);
});

for (const preset of ["baseline", "nocopy", "nocopy-gro"]) {
  Deno.test(`pace=max loses nothing, however short the queue (${preset})`, async () => {
    for (let limit = 1; limit <= 8; limit++) {
      const testRun = await run(300, [`qdisc_limit=${limit}`, "tx_ring=4", "link_gbps=0.5"], costing(500), preset);
      assert(column(testRun, "queue_max") <= limit, `queue_max with qdisc_limit=${limit}`);
    }
  });

  Deno.test(`pace=max loses nothing when every packet leaves in two fragments (${preset})`, async () => {
    const frames = bulk(100, { fragmentWord: 0 });
    // A queue of one packet has no room for a fragment behind one that the driver refused.
    for (let limit = 2; limit <= 8; limit++) {
      const sets = ["oversize=drop", "engine=skip", `qdisc_limit=${limit}`, "tx_ring=4", "link_gbps=0.5"];
      const testRun = await runOf(captureOf(frames), preset, sets, { profile: costing(500) });
      assertEquals(testRun.run.failures, []);
      assertEquals(column(testRun, "drops"), 0, `qdisc_limit=${limit}`);
      assertEquals(testRun.sent.length, 200);
    }
  });
}

Deno.test("pace=max: what is dropped or passes by makes room for what comes", async () => {
  const arp = new Uint8Array(60);
  arp.set([8, 6], 12);
  const good = bulk(60, { payloadBytes: 500 });
  const frames = good.flatMap((
    frame,
    i,
  ) => [frame, arp, tcpFrame({ ttl: 1, sequence: i }), tcpFrame({ ttl: 1, sequence: i + 1460 })]);
  for (const preset of ["nocopy", "nocopy-gro"]) {
    for (const limit of [1, 2, 7]) {
      const testRun = await runOf(captureOf(frames), preset, [`qdisc_limit=${limit}`, "engine=skip"], {
        profile: costing(500),
      });
      assertEquals(testRun.run.failures, []);
      assertEquals(testRun.run.tally.sum({ event: "arrive" }).count, 240);
      assertEquals(testRun.run.tally.sum({ event: "deliver" }).count, 60);
      assertEquals([column(testRun, "drops"), testRun.sent.length], [120, 60]);
    }
  }
  const large = await runOf(captureOf(bulk(200)), "nocopy-gro", ["qdisc_limit=20", "oversize=drop"], {
    profile: costing(500),
  });
  assertEquals(large.run.failures, []);
  assertEquals(column(large, "drops"), 200);
});

Deno.test("one busy event for each hand-over to a stopped driver, one requeue for each refusal", async () => {
  const { events } = await run(400, ["tx_ring=16", "link_gbps=1"], costing(2700));
  const refusals = events.of("busy").filter(({ reason }) => reason === "ring-full");
  assertEquals(refusals.length, events.of("requeue").length);
  assertEquals(refusals.map(({ packet }) => packet), events.of("requeue").map(({ packet }) => packet));
});

Deno.test("a stopped driver wakes up when half of its ring is free, not sooner", async () => {
  // Five frames of three descriptors fill a ring of 16; when three of them have left, ten descriptors are free: three frames.
  const { events } = await run(100, ["tx_ring=16", "link_gbps=1"], FREE);
  const refused = events.of("requeue").map(({ packet }) => packet);
  assertEquals(refused, Array.from({ length: 32 }, (_, i) => 5 + 3 * i));
});

Deno.test("a refused packet is not priced again by ESP, and goes out before what waits behind it", async () => {
  const { events } = await run(400, ["tx_ring=4", "link_gbps=1"], costing(2700));
  assertEquals(events.of("seal").length, 400);
  assert(events.of("requeue").length > 10);
});

Deno.test("utilisation is busy time over elapsed time, for CPU and link", async () => {
  // The link needs 1275.2 ns for a frame, the CPU 637.6: the link is full, the CPU half busy.
  const testRun = await run(2000, ["link_gbps=10"], costing(637.6));
  assert(Math.abs(column(testRun, "cpu_percent") - 50) < 0.1);
  assert(column(testRun, "wire_gbps") > 9.99);
});

Deno.test("a run of the queue hands over 64 packets at most before the CPU goes on", async () => {
  const acks = Array.from({ length: 6000 }, (_, i) => tcpFrame({ payloadBytes: 0, acknowledgment: i }));
  const { run, events } = await runOf(captureOf(acks), "nocopy", ["engine=skip", "link_gbps=1"], {
    profile: costing(300),
  });
  assertEquals(run.failures, []);
  assert(column({ run } as TestRun, "queue_max") > 64);
  assertEquals(longestRunInsideOfPolls(events), 64);
});

/** Most packets taken from the queue between two frames of one poll. */
function longestRunInsideOfPolls(events: Recorder): number {
  let longest = 0;
  let taken = 0;
  let inPoll = false;
  for (const { event, stage } of events.rows) {
    if (event === "dequeue") taken += 1;
    else if (event === "poll") inPoll = false;
    else if (event === "visit" && stage === "driver-rx") {
      if (inPoll) longest = Math.max(longest, taken);
      inPoll = true;
      taken = 0;
    }
  }
  return longest;
}
