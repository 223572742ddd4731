/** Asynchronous crypto and a busy driver: what waits where under each policy, and in which order it leaves. */

import { assert, assertEquals } from "@std/assert";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { captureOf, profileOf, runOf, type TestRun } from "../replay/testing.ts";
import { flowOf, interleaved, openSent, rangesOf } from "./testing.ts";

/** A column of summary.csv. */
function column({ run }: TestRun, name: string): number {
  return SUMMARY_COLUMNS.find((each) => each.name === name)!.value({ number: 1, run }) as number;
}

/** Sequence numbers in the order in which frames were sent: "6-20 1-5". */
function orderOf(testRun: TestRun): string {
  return rangesOf(openSent(testRun).map((packet) => packet.opened ? packet.sequence : -1));
}

/** Drops by reason. */
function dropsOf({ events }: TestRun): Record<string, number> {
  const drops: Record<string, number> = {};
  for (const { reason } of events.of("drop")) drops[reason] = (drops[reason] ?? 0) + 1;
  return drops;
}

/** One aggregate of `count` segments; nothing may be broken. */
async function burst(count: number, preset: string, ...sets: string[]): Promise<TestRun> {
  const testRun = await runOf(captureOf(flowOf(count, {}, { payloadBytes: 1360 })), preset, ["engine=noble", ...sets]);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

const POLICIES = ["callback", "requeue", "softirq-queue", "encap-then-crypto", "crypto-qdisc"];

for (const crypto of ["cryptd", "pcrypt"]) {
  Deno.test(`5 refusals by the driver: past the queue 6-20 leave before 1-5, out of a queue in order (${crypto})`, async () => {
    const orders: Record<string, string> = {};
    for (const policy of POLICIES) {
      const testRun = await burst(20, policy, `crypto=${crypto}`, "tx_fault=busy:5");
      orders[policy] = orderOf(testRun);
      assertEquals(testRun.events.of("busy").filter(({ reason }) => reason === "tx-fault").length, 5, policy);
      assertEquals(column(testRun, "drops"), 0);
    }
    assertEquals(orders, {
      "callback": "1-20",
      "requeue": "1-20",
      "softirq-queue": "6-20 1-5",
      "encap-then-crypto": "1-20",
      "crypto-qdisc": "1-20",
    });
  });
}

Deno.test("a queue that is stopped for 20 ms: nothing is lost, and the CPU tries in vain all the time, in few rows", async () => {
  const testRun = await burst(20, "softirq-queue", "tx_fault=stopped:20");
  assertEquals(orderOf(testRun), "1-20");
  const vain = testRun.events.of("busy").filter(({ reason }) => reason === "resume-stopped");
  assert(vain.length < 60, `${vain.length} rows`);
  assert(vain.some(({ count }) => count > 100_000));
  assertEquals(column(testRun, "tx_busy"), testRun.events.of("busy").reduce((sum, { count }) => sum + count, 0));
  assert(column(testRun, "cpu_percent") > 95);
  for (const policy of ["callback", "requeue", "encap-then-crypto", "crypto-qdisc"]) {
    const other = await burst(20, policy, "tx_fault=stopped:20");
    assertEquals(orderOf(other), "1-20");
    assert(column(other, "cpu_percent") < 5, policy);
  }
});

for (const preset of ["callback", "requeue"]) {
  Deno.test(`a crypto queue of 4 that 30 segments meet: the fifth is refused, and its burst ends (${preset})`, async () => {
    const testRun = await burst(30, preset, "cryptd_qlen=4");
    assertEquals(orderOf(testRun), "1-4");
    assertEquals(dropsOf(testRun), { "crypto-queue-full": 1, "burst-refused": 25 });
  });
}

Deno.test("a crypto queue of 4 that 16 packets without GRO meet: each of the last 12 is refused", async () => {
  for (const preset of ["callback", "softirq-queue"]) {
    const testRun = await burst(16, preset, "cryptd_qlen=4", "gro=off");
    assertEquals(orderOf(testRun), "1-4");
    assertEquals(dropsOf(testRun), { "crypto-queue-full": 12 });
  }
});

Deno.test("a crypto queue of 4 drops nothing behind encap-then-crypto and the crypto-qdisc: what it refuses waits", async () => {
  for (const preset of ["encap-then-crypto", "crypto-qdisc"]) {
    for (const crypto of ["cryptd", "accel", "pcrypt"]) {
      const sets = [`crypto=${crypto}`, "cryptd_qlen=4", "accel_qlen=2", "gro=off", "qdisc_limit=60"];
      const testRun = await burst(60, preset, ...sets);
      assertEquals([orderOf(testRun), dropsOf(testRun)], ["1-60", {}], `${preset} ${crypto}`);
    }
  }
});

Deno.test("encap-then-crypto: a full queue in front of crypto stops the queue discipline until there is room", async () => {
  const testRun = await burst(60, "encap-then-crypto", "gro=off", "cryptd_qlen=4");
  const waiting = testRun.events.of("enqueue").filter(({ stage }) => stage === "crypto");
  assertEquals(Math.max(...waiting.map(({ count }) => count)), 4);
  assert(testRun.events.of("requeue").some(({ reason }) => reason === "behind-backlog"));
  assertEquals(dropsOf(testRun), {});
});

Deno.test("requeue: what the full queue discipline does not take back is lost, encrypted and numbered", async () => {
  const sets = ["link_gbps=0.1", "tx_ring=4", "qdisc_limit=8", "pace=line", "gro=off"];
  const testRun = await runOf(captureOf(flowOf(60)), "requeue", [...sets, "link_gbps=0.5", "pace=rate:5"]);
  assertEquals(testRun.run.failures, []);
  assert(dropsOf(testRun)["queue-limit"]! > 0);
  const dropped = testRun.events.of("drop").filter(({ reason }) => reason === "queue-limit").map(({ skb }) => skb);
  const sealed = new Set(testRun.events.of("seal").map(({ skb }) => skb));
  assert(dropped.some((skb) => sealed.has(skb)));
  assertEquals(testRun.events.of("seal").length, sealed.size);
});

/** 8 flows, faster than the link. */
const OVERLOAD = ["link_gbps=1", "tx_ring=16"];

async function overload(preset: string, repeat: number, ...sets: string[]): Promise<TestRun> {
  const testRun = await runOf(captureOf(interleaved(8, 40)), preset, [...OVERLOAD, `repeat=${repeat}`, ...sets], {
    check: false,
  });
  assertEquals(testRun.run.failures, []);
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("law")), []);
  return testRun;
}

Deno.test("the backlog is bounded where callbacks run on the CPU that submits, and grows with the run where they do not", async () => {
  const longest = async (repeat: number, ...sets: string[]): Promise<number> => {
    const { events } = await overload("softirq-queue", repeat, ...sets);
    return Math.max(...events.of("enqueue").filter(({ stage }) => stage === "xfrm-backlog").map(({ count }) => count));
  };
  const own = ["crypto=pcrypt", "crypto_cpus=2", "callback_cpu=0"];
  const other = ["crypto=pcrypt", "crypto_cpus=2", "callback_cpu=2"];
  const [own4, own16] = [await longest(4, ...own), await longest(16, ...own)];
  const [other4, other16] = [await longest(4, ...other), await longest(16, ...other)];
  assert(own16 <= 1000 && own16 < 2 * own4, `${own4} ${own16}`);
  assert(other16 > 3 * other4 && other16 > 2000, `${other4} ${other16}`);
});

Deno.test("while its backlog is not empty a CPU puts ESP packets back that leave the queue, and only that CPU", async () => {
  const own = await overload("softirq-queue", 12);
  assert(own.events.of("requeue").some(({ reason }) => reason === "behind-backlog"));
  const other = await overload("pcrypt", 4, "callback_cpu=1");
  assertEquals(other.events.of("requeue").filter(({ reason }) => reason === "behind-backlog"), []);
});

Deno.test("only the backlog reorders: every other policy keeps the packets of a flow in order, under overload too", async () => {
  for (const crypto of ["cryptd", "pcrypt", "accel"]) {
    for (const preset of POLICIES) {
      const reordered = column(await overload(preset, 2, `crypto=${crypto}`), "reordered");
      assert(preset === "softirq-queue" ? reordered > 0 : reordered === 0, `${preset} ${crypto}: ${reordered}`);
    }
  }
});

Deno.test("crypto-qdisc: what one CPU has encrypted waits behind the first packet while another CPU still receives", async () => {
  const [first, ...others] = flowOf(50, {}, { sourcePort: 39999 });
  const frames = [first!, ...interleaved(8, 6), ...others];
  const profile = profileOf({ "visit driver-rx ns/op": 3000, "seal ns/op": 100 });
  const { run, events } = await runOf(captureOf(frames), "crypto-qdisc", ["net_cpus=2", "gro=off"], { profile });
  assertEquals(run.failures, []);
  const seals = events.of("seal");
  const { cpu: firstCpu, tNs: firstNs } = seals.find(({ packet }) => packet === 0)!;
  const ready = seals.filter(({ cpu, tNs }) => cpu !== firstCpu && tNs < firstNs).map(({ packet }) => packet);
  assert(ready.length > 5, `${ready.length}`);
  const waits = events.of("idle").filter(({ reason }) => reason === "head-of-line");
  assertEquals(waits.map(({ packet }) => packet), ready);
  assertEquals(waits.map(({ count }) => count), ready.map((_, i) => i + 1));
  const sent = events.of("send").map(({ skb }) => skb);
  assertEquals(sent, events.of("enqueue").filter(({ stage }) => stage === "qdisc").map(({ skb }) => skb));
});

Deno.test("crypto-qdisc: with two CPUs that encrypt, none is overtaken, under overload either", async () => {
  const held = await overload("crypto-qdisc", 2, "net_cpus=2", "gro=off", "link_gbps=10");
  assertEquals(new Set(held.events.of("seal").map(({ cpu }) => cpu)).size, 2);
  const left = held.events.of("dequeue").filter(({ stage }) => stage === "qdisc").map(({ skb }) => skb);
  assertEquals(left, held.events.of("enqueue").filter(({ stage }) => stage === "qdisc").map(({ skb }) => skb));
  assertEquals(column(held, "reordered"), 0);
});

Deno.test("crypto-qdisc drops at its end what it has no place for, and counts segments, not aggregates", async () => {
  const testRun = await burst(30, "crypto-qdisc", "qdisc_limit=8", "tx_fault=stopped:1", "pace=rate:10");
  assertEquals([orderOf(testRun), dropsOf(testRun)], ["1-8", { "queue-limit": 22 }]);
});

Deno.test("a CPU that retries in vain still receives: what arrives meanwhile is encrypted before the queue is woken", async () => {
  const sets = ["tx_fault=stopped:5", "pace=rate:1", "gro=off"];
  const testRun = await runOf(captureOf(flowOf(40)), "softirq-queue", sets);
  assertEquals(testRun.run.failures, []);
  const arrived = testRun.events.of("visit").filter(({ stage }) => stage === "driver-rx").at(-1)!.tNs;
  assert(arrived < 1_000_000, `${arrived}`);
  assertEquals(column(testRun, "drops"), 0);
});

Deno.test("pcrypt gets faster with crypto_cpus until handing requests over is what the CPU of the stack does most", async () => {
  const rates: number[] = [];
  let last: TestRun | undefined;
  for (const cpus of [1, 2, 4, 8]) {
    const sets = [
      `crypto_cpus=${cpus}`,
      `callback_cpu=${cpus}`,
      "cipher=aes-cbc-256-sha256",
      "link_gbps=40",
      "tx_ring=512",
    ];
    last = await overload("pcrypt", 2, ...sets);
    rates.push(column(last, "goodput_gbps"));
  }
  assert(rates.every((rate, i) => i === 0 || rate > rates[i - 1]!), rates.join(" "));
  assert(rates[1]! > 1.2 * rates[0]! && rates[3]! < 1.5 * rates[2]!, rates.join(" "));
  const ofStack = last!.events.rows.filter(({ cpu }) => cpu === 0);
  const costOf = (event: string): number =>
    ofStack.filter((row) => row.event === event).reduce((sum, { costPs }) => sum + costPs, 0);
  const all = ofStack.reduce((sum, { costPs }) => sum + costPs, 0);
  assert(costOf("submit") > all / 2, `${costOf("submit") / all}`);
});

Deno.test("crypto_cpu_percent is the busiest CPU of crypto_cpus, and empty without any", async () => {
  const apart = await overload("pcrypt", 1, "crypto_cpus=2", "callback_cpu=2");
  const busiest = Math.max(...apart.run.busyNs.filter((_, cpu) => cpu > 0));
  assertEquals(column(apart, "crypto_cpu_percent").toFixed(6), (100 * busiest / apart.run.elapsedNs).toFixed(6));
  assertEquals(column(await overload("requeue", 1), "crypto_cpu_percent"), undefined as never);
});
