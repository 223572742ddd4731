/**
 * Drivers that stop their queue ahead of a full ring, byte queue limits, and every discipline: no packet is refused that need
 * not be, and the link does not pause.
 */

import { assert, assertEquals } from "@std/assert";
import type { Profile } from "../cost/profile.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { bulk, captureOf, flatProfile, runOf, type TestRun } from "../replay/testing.ts";

/** Bytes on the wire of a full-size frame: Ethernet, outer IP, ESP header, IV, 1500 + 4 bytes of ciphertext, ICV, overhead. */
const WIRE_BYTES = 14 + 20 + 8 + 8 + 1504 + 16 + 24;
const SERVICE_NS = WIRE_BYTES * 8;

function costing(stage: string, ns: number): Profile {
  return flatProfile("visit", stage, "ns/op", ns);
}

async function run(frames: number, sets: readonly string[], profile: Profile): Promise<TestRun> {
  const testRun = await runOf(captureOf(bulk(frames)), "nocopy", ["engine=skip", "link_gbps=1", ...sets], { profile });
  assertEquals(testRun.run.failures, []);
  assertEquals(testRun.events.of("send").map(({ packet }) => packet), Array.from({ length: frames }, (_, i) => i));
  return testRun;
}

function column({ run }: TestRun, name: string): number {
  return SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }) as number;
}

Deno.test("tx_stop=early refuses nothing, and the link still sends frame n at cost + (n + 1) serializations", async () => {
  for (const tx_ring of [16, 64, 512]) {
    const testRun = await run(600, [`tx_ring=${tx_ring}`, "tx_stop=early"], costing("esp-output", 1000));
    // What finds an empty queue bypasses it, and is put back when the driver has stopped meanwhile.
    assertEquals(column(testRun, "requeues"), 1);
    assertEquals(testRun.events.of("busy").filter(({ reason }) => reason !== "queue-stopped"), []);
    assertEquals(
      testRun.sent.map(({ tNs }) => tNs),
      Array.from({ length: 600 }, (_, n) => 1000 + (n + 1) * SERVICE_NS),
    );
  }
});

Deno.test("a link slower than the CPU never pauses, whatever the discipline: frame n leaves at cost + (n + 1) serializations", async () => {
  for (const qdisc of ["pfifo", "pfifo_fast", "fq_codel"]) {
    for (const era of ["4.4", "6.1"]) {
      for (const tx_ring of [6, 64]) {
        const sets = [`qdisc=${qdisc}`, `era=${era}`, `tx_ring=${tx_ring}`];
        const { sent } = await run(400, sets, costing("esp-output", 1000));
        assertEquals(
          sent.map(({ tNs }) => tNs),
          Array.from({ length: 400 }, (_, n) => 1000 + (n + 1) * SERVICE_NS),
          sets.join(" "),
        );
      }
    }
  }
});

Deno.test("bql=on: after its first packets the link does not pause, and the ring holds a fraction of what fills it", async () => {
  const [limited, filled] = await Promise.all(["on", "off"].map((bql) => {
    return run(2000, [`bql=${bql}`, "tx_ring=512"], costing("esp-output", 1000));
  }));
  assertEquals(limited!.events.of("requeue").length, 1);
  assert(limited!.events.of("busy").every(({ reason }) => reason === "byte-limit"));
  const gaps = limited!.sent.map(({ tNs }, n) => n === 0 ? 0 : tNs - limited!.sent[n - 1]!.tNs - SERVICE_NS);
  assertEquals(gaps.slice(20).filter((gapNs) => gapNs !== 0), []);
  assert(inRing(limited!) <= 6, `${inRing(limited!)}`);
  assert(inRing(filled!) >= 150, `${inRing(filled!)}`);
});

Deno.test("bql=on: while the limit stops the queue, each frame that leaves lets the next one in", async () => {
  const { events } = await run(500, ["bql=on", "tx_ring=512"], costing("esp-output", 1000));
  const handedOver = events.of("visit").filter(({ stage }) => stage === "driver-tx").map(({ tNs }) => tNs).slice(20);
  assertEquals(new Set(handedOver).size, handedOver.length);
  // NET_TX waits for the step that runs, of 1000 ns.
  const left = events.of("send").map(({ tNs }) => tNs);
  const isLate = (tNs: number): boolean => !left.some((endNs) => endNs <= tNs && tNs < endNs + 1000);
  assertEquals(handedOver.filter(isLate), []);
});

Deno.test("bql=on: as many packets leave the queue together as the limit has room for, in order", async () => {
  // Packets are so small that several fit under a limit that was found with large ones.
  const frames = [...bulk(60), ...bulk(400, { payloadBytes: 10, sourcePort: 7 })];
  const sets = ["engine=skip", "link_gbps=1", "bql=on", "tx_ring=64"];
  const { events, run } = await runOf(captureOf(frames), "nocopy", sets, { profile: costing("qdisc", 100) });
  assertEquals(run.failures, []);
  assertEquals(events.of("send").map(({ packet }) => packet), frames.map((_, i) => i));
  const together = events.rows.filter(({ event }, i) => event === "dequeue" && events.rows[i + 1]?.event === "dequeue");
  assert(together.length > 10, `${together.length}`);
});

/** Most frames that were in the ring at one time. */
function inRing({ events }: TestRun): number {
  let frames = 0;
  let most = 0;
  for (const { event, stage } of events.rows) {
    if (event === "visit" && stage === "driver-tx") frames += 1;
    else if (event === "send" || event === "busy" && stage === "driver-tx") frames -= 1;
    most = Math.max(most, frames);
  }
  return most;
}
