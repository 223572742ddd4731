/** GRO's limits: what one buffer holds, how many are held and for how long, who pays for checksums (linux-datapath 5.1 to 5.8). */

import { assert, assertEquals } from "@std/assert";
import type { Profile } from "../cost/profile.ts";
import {
  bulk,
  captureOf,
  DESTINATION,
  flatProfile,
  inputOf,
  type Recorder,
  runOf,
  SOURCE,
  type TcpFrame,
  tcpFrame,
} from "../replay/testing.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { deliveries, flowOf, interleaved, mergedPackets } from "./testing.ts";

type Era = "4.4" | "6.1";
const ERAS: readonly Era[] = ["4.4", "6.1"];
const FREE = flatProfile("visit", "nic", "ns/op", 0);

async function merge(
  frames: readonly Uint8Array[],
  era: Era,
  sets: readonly string[] = [],
  profile: Profile = FREE,
): Promise<Recorder> {
  const settings = [`era=${era}`, "engine=skip", ...sets];
  const { run, events } = await runOf(captureOf(frames), "nocopy-gro", settings, { profile });
  assertEquals(run.failures, []);
  return events;
}

/** Reasons of the merges, as "16 move-frags". */
function mergeReasons(events: Recorder): string[] {
  const runs: [number, string][] = [];
  for (const { reason } of events.of("merge")) {
    if (runs.at(-1)?.[1] === reason) runs.at(-1)![0] += 1;
    else runs.push([1, reason]);
  }
  return runs.map(([count, reason]) => `${count} ${reason}`);
}

for (const era of ERAS) {
  Deno.test(`GRO of ${era}: 45 frames with fragments make buffers of 17, 17 and 11 fragments`, async () => {
    const events = await merge(flowOf(45, {}, { payloadBytes: 1448 }), era);
    assertEquals(deliveries(events), ["0-44:poll-end"]);
    assertEquals(mergeReasons(events), [
      "16 move-frags",
      "1 frag-list",
      "16 move-frags",
      "1 frag-list",
      "10 move-frags",
    ]);
  });

  Deno.test(`GRO of ${era}: small frames join as fragments of their heads, 18 to a buffer`, async () => {
    const events = await merge(flowOf(40, {}, { payloadBytes: 100 }), era);
    assertEquals(deliveries(events), ["0-39:poll-end"]);
    assertEquals(mergeReasons(events), ["17 head-frag", "1 frag-list", "17 head-frag", "1 frag-list", "3 head-frag"]);
  });

  Deno.test(`GRO of ${era}: eight flows fit into one list, the ninth throws the oldest out`, async () => {
    const ports = portsOfOneBucket(9, era);
    const eight = await merge(roundRobin(ports.slice(0, 8), 3), era);
    assertEquals(deliveries(eight), ports.slice(0, 8).map((_, i) => `${i} ${i + 8} ${i + 16}:poll-end`));
    const nine = await merge(roundRobin(ports, 3), era);
    const single = Array.from({ length: 27 }, (_, i) => `${i}:${i < 19 ? "table-full" : "poll-end"}`);
    assertEquals(deliveries(nine), single);
  });
}

/** Source ports whose flows share a bucket of 6.1; 4.4 has one list for all, so ports in a row do. */
function portsOfOneBucket(count: number, era: Era): number[] {
  const flows = new FlowTable();
  const ports: number[] = [];
  for (let port = 40000; ports.length < count; port++) {
    flows.find(SOURCE, DESTINATION, port, 5001, 6);
    if (era === "4.4" || flows.hash % 8 === 3) ports.push(port);
  }
  return ports;
}

function roundRobin(ports: readonly number[], count: number): Uint8Array[] {
  const perPort = ports.map((sourcePort) => flowOf(count, {}, { sourcePort }));
  return Array.from({ length: ports.length * count }, (_, i) => {
    return perPort[i % ports.length]![Math.floor(i / ports.length)]!;
  });
}

Deno.test("GRO of 6.1 has eight lists: sixteen flows, eight in each of two buckets, are all held", async () => {
  const flows = new FlowTable();
  const ports: number[][] = [[], []];
  for (let port = 40000; ports.some((some) => some.length < 8); port++) {
    flows.find(SOURCE, DESTINATION, port, 5001, 6);
    const bucket = flows.hash % 8;
    if (bucket < 2 && ports[bucket]!.length < 8) ports[bucket]!.push(port);
  }
  // The flows of bucket 1 come first; the end of the poll goes through the buckets in order all the same.
  const frames = roundRobin([...ports[1]!, ...ports[0]!], 2);
  const groups = Array.from({ length: 16 }, (_, i) => `${i} ${i + 16}:poll-end`);
  assertEquals(deliveries(await merge(frames, "6.1")), [...groups.slice(8), ...groups.slice(0, 8)]);
});

Deno.test("a full budget sends everything up, and a poll that ends at the budget is followed by an empty one", async () => {
  const frames = flowOf(128, {}, { payloadBytes: 100 });
  for (const era of ERAS) {
    const events = await merge(frames, era);
    assertEquals(deliveries(events), ["0-63:budget", "64-127:budget"]);
    assertEquals(events.of("poll").map(({ reason, count }) => `${count} ${reason}`), [
      "64 budget",
      "64 budget",
      "0 poll-end",
    ]);
  }
});

Deno.test("napi_weight is the budget", async () => {
  const events = await merge(flowOf(20, {}, { payloadBytes: 100 }), "6.1", ["napi_weight=8"]);
  assertEquals(deliveries(events), ["0-7:budget", "8-15:budget", "16-19:poll-end"]);
});

Deno.test("hz=1000: a full budget sends up only what is held since an earlier jiffy", async () => {
  const frames = flowOf(200, {}, { payloadBytes: 100 });
  // 64 frames of 10 us: the first poll ends within the first millisecond, the second after it.
  const slow = flatProfile("visit", "driver-rx", "ns/op", 10_000);
  for (const era of ERAS) {
    assertEquals(deliveries(await merge(frames, era, ["hz=1000"], slow)), ["0-127:budget", "128-199:poll-end"]);
    assertEquals(deliveries(await merge(frames, era, ["hz=1000"])), ["0-199:poll-end"]);
    assertEquals(deliveries(await merge(frames, era, ["hz=300"])), [
      "0-63:budget",
      "64-127:budget",
      "128-191:budget",
      "192-199:poll-end",
    ]);
  }
});

Deno.test("hz=1000: an aggregate that grew in the present jiffy but began in an earlier one goes up, a younger flow stays", async () => {
  const slow = flatProfile("visit", "driver-rx", "ns/op", 20_000);
  // Flow b begins with packet 60, after 1.2 ms: the first poll ends at 1.28 ms.
  const a = flowOf(70, {}, { payloadBytes: 100 });
  const b = flowOf(10, {}, { payloadBytes: 100, sourcePort: 41000 });
  const frames = [...a.slice(0, 60), ...b.slice(0, 2), ...a.slice(60), ...b.slice(2)];
  for (const era of ERAS) {
    const events = await merge(frames, era, ["hz=1000"], slow);
    assertEquals(deliveries(events).toSorted(), ["0-59 62-63:budget", "60-61 72-79:poll-end", "64-71:poll-end"]);
  }
});

/** Rows of the driver and of forwarding: "r0" when packet 0 is received, "f0" when the buffer it began goes up. */
function road(events: Recorder): string {
  const packets = mergedPackets(events);
  const visits = events.of("visit").filter(({ stage }) => stage === "driver-rx" || stage === "forward");
  return visits.map(({ stage, skb }) => `${stage === "forward" ? "f" : "r"}${packets.get(skb)![0]}`).join(" ");
}

Deno.test("4.4 sends a packet up before the driver takes the next; 6.1 collects 8 of them first", async () => {
  const acks = Array.from({ length: 10 }, (_, i) => tcpFrame({ payloadBytes: 0, acknowledgment: i }));
  assertEquals(road(await merge(acks, "4.4")), "r0 f0 r1 f1 r2 f2 r3 f3 r4 f4 r5 f5 r6 f6 r7 f7 r8 f8 r9 f9");
  assertEquals(road(await merge(acks, "6.1")), "r0 r1 r2 r3 r4 r5 r6 r7 f0 f1 f2 f3 f4 f5 f6 f7 r8 r9 f8 f9");
});

Deno.test("6.1 counts an aggregate as its segments when it collects", async () => {
  const ack = (acknowledgment: number): Uint8Array => tcpFrame({ payloadBytes: 0, acknowledgment, sourcePort: 41000 });
  const push = { 4: { flags: 0x18 } };
  assertEquals(
    road(await merge([ack(1), ack(2), ...flowOf(5, push), ack(3)], "6.1")),
    "r0 r1 r2 r3 r4 r5 r6 r7 f0 f1 f2 f7",
  );
  assertEquals(
    road(await merge([ack(1), ack(2), ack(3), ...flowOf(5, push), ack(4)], "6.1")),
    "r0 r1 r2 r3 r4 r5 r6 r7 f0 f1 f2 f3 r8 f8",
  );
});

/** Bytes that GRO summed, by packet. */
function verified(events: Recorder): Record<number, number> {
  const rows = events.of("checksum").filter(({ reason }) => reason === "gro-verify");
  return Object.fromEntries(rows.map(({ packet, bytes }) => [packet, bytes]));
}

for (const era of ERAS) {
  const common: TcpFrame = { payloadBytes: 1000 };
  const frames = flowOf(7, {
    1: { checksumError: 0x0100 },
    2: { payloadBytes: 0 },
    3: { payloadBytes: 4, padding: 2 },
    4: { fragmentWord: 0x2000 },
    5: { ipOptions: Uint8Array.of(1, 1, 1, 0) },
  }, common);

  Deno.test(`GRO of ${era}: nic_rx_csum=on leaves the CPU only what the NIC found wrong`, async () => {
    assertEquals(verified(await merge(frames, era)), { 1: 1020 });
  });

  Deno.test(`GRO of ${era}: nic_rx_csum=off sums header and payload of every packet that GRO does not refuse anyway`, async () => {
    assertEquals(verified(await merge(frames, era, ["nic_rx_csum=off"])), { 0: 1020, 1: 1020, 2: 20, 6: 1020 });
  });

  Deno.test(`GRO of ${era}: nic_rx_csum=off merges the same packets as on`, async () => {
    const mixed = interleaved(3, 6, { payloadBytes: 333 });
    mixed.splice(7, 0, ...flowOf(1, { 0: { checksumError: 1, sourcePort: 40001, sequence: 7 } }));
    const on = deliveries(await merge(mixed, era));
    assertEquals(deliveries(await merge(mixed, era, ["nic_rx_csum=off"])), on);
    assertEquals(on.length, 4);
  });

  Deno.test(`GRO of ${era}: an odd number of payload bytes in several fragments is summed right`, async () => {
    const jumbo = flowOf(3, {}, { payloadBytes: 5001 });
    const events = await merge(jumbo, era, ["nic_rx_csum=off", "mtu=9000"]);
    assertEquals(deliveries(events), ["0-2:poll-end"]);
    assertEquals(verified(events), { 0: 5021, 1: 5021, 2: 5021 });
  });
}

Deno.test("gro=off: 4.4 sends up one by one, 6.1 still collects 8", async () => {
  const acks = Array.from({ length: 10 }, (_, i) => tcpFrame({ payloadBytes: 0, acknowledgment: i }));
  const roadOf = async (era: Era): Promise<string> => {
    return road((await runOf(captureOf(acks), "nocopy", ["engine=skip", `era=${era}`], { profile: FREE })).events);
  };
  assertEquals(await roadOf("4.4"), "r0 f0 r1 f1 r2 f2 r3 f3 r4 f4 r5 f5 r6 f6 r7 f7 r8 f8 r9 f9");
  assertEquals(await roadOf("6.1"), "r0 r1 r2 r3 r4 r5 r6 r7 f0 f1 f2 f3 f4 f5 f6 f7 r8 r9 f8 f9");
});

Deno.test("gro=off holds nothing and sums nothing", async () => {
  const settings = ["engine=skip", "nic_rx_csum=off"];
  const { events } = await runOf(captureOf(bulk(5)), "nocopy", settings, { profile: FREE });
  assertEquals(deliveries(events), ["0", "1", "2", "3", "4"]);
  assert(!events.rows.some(({ event, stage }) => event === "merge" || event === "checksum" || stage === "gro"));
});

for (const era of ERAS) {
  Deno.test(`the CPU verifies UDP that carries a checksum, though nothing of it is merged (era ${era})`, async () => {
    const fixture = await Deno.readFile(new URL("../../fixtures/imix-udp-ipv4.pcap", import.meta.url));
    for (const [nic, sums] of [["on", 0], ["off", 600]] as const) {
      const settings = ["engine=skip", `era=${era}`, `nic_rx_csum=${nic}`];
      const { run, events } = await runOf(inputOf(fixture), "nocopy-gro", settings);
      assertEquals(run.failures, []);
      assertEquals(events.of("checksum").filter(({ reason }) => reason === "gro-verify").length, sums);
      assertEquals(events.of("merge").length, 0);
    }
  });
}
