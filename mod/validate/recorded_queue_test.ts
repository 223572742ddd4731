/** What a recording says of the queue and the driver becomes settings that the configuration takes. */

import { assertEquals, assertThrows } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { RecordingError } from "./errors.ts";
import { queueSets } from "./recorded_queue.ts";
import type { Scenario } from "./scenario.ts";

const SCENARIO = { name: "x", path: "forward", compare: "exact", queues: true, era: "6.1", mtu: 1500 } as const;

function setsOf(more: Partial<Scenario>): string[] {
  const sets = queueSets({ ...SCENARIO, ...more });
  resolveConfig({ preset: "linux-6.1", sets });
  return sets;
}

Deno.test("queueSets() is fq_codel of 10240 packets unless the recording names another queue", () => {
  assertEquals(setsOf({}), ["qdisc=fq_codel", "qdisc_limit=10240"]);
  assertEquals(setsOf({ qdisc: "pfifo limit 4" }), ["qdisc=pfifo", "qdisc_limit=4"]);
  assertEquals(setsOf({ qdisc: "fq_codel limit 7" }), ["qdisc=fq_codel", "qdisc_limit=7"]);
  assertEquals(setsOf({ qdisc: "pfifo_fast" }), ["qdisc=pfifo_fast", "qdisc_limit=1000"]);
  assertEquals(setsOf({ qdisc: "pfifo_fast", txqueuelen: 3 }), ["qdisc=pfifo_fast", "qdisc_limit=3"]);
  assertEquals(setsOf({ qdisc: "noqueue" }), ["qdisc=noqueue", "qdisc_limit=1000"]);
});

Deno.test("queueSets() has refusals as recorded, and a stopped queue until its sleep is over", () => {
  assertEquals(setsOf({ tx_fault: ["busy 5"] }).at(-1), "tx_fault=busy:5");
  for (const [sleep, ms] of [["0.1", "100"], ["0.07", "70"], ["2", "2000"], ["0.0005", "0.5"]] as const) {
    const ends = { tx_fault: ["stopped orc1"], tx_fault_ends: [`sleep ${sleep}`, "ctl wakeq orc1"] };
    assertEquals(setsOf(ends).at(-1), `tx_fault=stopped:${ms}`);
  }
});

Deno.test("queueSets() refuses a stopped queue that nobody wakes, or not in time", () => {
  for (
    const ends of [[], ["ctl wakeq orc1"], ["sleep 0"], ["sleep 100"], ["sleep 1e9"], [`sleep ${"9".repeat(400)}`]]
  ) {
    assertThrows(() => setsOf({ tx_fault: ["stopped orc1"], tx_fault_ends: ends }), RecordingError);
  }
});
