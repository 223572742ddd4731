/** Which packets wait, in which order they go, and which are lost: the disciplines, alone and under random load. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { EVENT, STAGE } from "../ledger/schema.ts";
import { QueueFixture, type SentPacket } from "./testing_queues.ts";

const KINDS = ["pfifo", "pfifo_fast", "fq_codel", "noqueue"] as const;
/** 1 us for each packet that enters the queue, 0.3 us for each that is handed to the driver. */
const PRICE = (event: number, stage: number): number =>
  event === EVENT.visit ? (stage % 2 === 0 ? 1_000_000 : 300_000) : 0;
/** Nanoseconds that a full frame takes at 1 Gbit/s. */
const FRAME_NS = (1514 + 24) * 8;

/** `count` packets at once, then whatever `fields` says. */
function burst(count: number, fields: (packet: number) => Partial<SentPacket> = () => ({})): SentPacket[] {
  return Array.from({ length: count }, (_, packet) => ({ atNs: 0, packet, ...fields(packet) }));
}

function play(packets: readonly SentPacket[], ...sets: string[]): QueueFixture {
  const fixture = new QueueFixture(sets);
  for (const packet of packets) fixture.send(packet);
  fixture.run();
  return fixture;
}

Deno.test("pfifo sends in the order of arrival and drops what comes when it is full, requeued packets counted", () => {
  const { sent, packets } = bound(play(burst(20), "tx_ring=4", "qdisc_limit=5", "link_gbps=1"));
  assertEquals(sent, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assertEquals(packets("requeue").slice(0, 1), [4]);
  assertEquals(packets("drop", "queue-limit"), [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

Deno.test("pfifo_fast sends interactive packets before best effort, and bulk last", () => {
  const priorities = [2, 0, 6, 4, 2, 0, 6, 4];
  const load = burst(12, (packet) => ({ priority: packet < 4 ? 0 : priorities[packet - 4]! }));
  const { sent } = play(load, "qdisc=pfifo_fast", "tx_ring=4", "link_gbps=1");
  // Packets 0 to 3 fill the ring, 4 is refused and goes first; 6 and 10 are interactive, 4 and 8 bulk.
  assertEquals(sent, [0, 1, 2, 3, 4, 6, 10, 5, 7, 9, 11, 8]);
});

Deno.test("pfifo_fast has one limit for all bands in 4.4, one for each in 6.1", () => {
  const load = burst(30, (packet) => ({ priority: [0, 2, 6][packet % 3]! }));
  const sets = ["qdisc=pfifo_fast", "tx_ring=4", "qdisc_limit=4", "link_gbps=0.001"];
  assertEquals(play(load, ...sets, "era=4.4").packets("enqueue").length, 3);
  const { packets } = bound(play(load, ...sets, "era=6.1"));
  assertEquals(packets("enqueue").length, 12);
  assertEquals(packets("drop", "band-limit").length, 30 - 4 - 1 - 12);
});

Deno.test("fq_codel serves flows in turn, a quantum of one MTU each, and a new flow before old ones", () => {
  const load = burst(13, (packet) => ({ flow: packet < 9 ? 1 : 2 }));
  const { sent } = play(load, "qdisc=fq_codel", "tx_ring=4", "link_gbps=1");
  // The ring has 0 to 3, packet 4 was refused. Both flows are new: the first has sent its quantum with packet 5.
  assertEquals(sent, [0, 1, 2, 3, 4, 5, 9, 6, 10, 7, 11, 8, 12]);
});

Deno.test("fq_codel gives small packets of one flow as many bytes as large ones of another", () => {
  const load = burst(40, (packet) => packet % 2 === 0 ? { flow: 1, bytes: 1514 } : { flow: 2, bytes: 757 });
  const { sent } = play(load, "qdisc=fq_codel", "tx_ring=4", "link_gbps=1");
  const order = sent.slice(5, 23).map((packet) => packet % 2 === 0 ? "L" : "s").join("");
  assert(/^(L?ss)?(Lss)+L?s?$/.test(order), order);
});

Deno.test("fq_codel serves a new flow at once, but one that has run dry waits for the old ones' turns before it is new again", () => {
  // Frames of 100 bytes take 10 us; the flow of 80 has used up its first quantum, of 15 frames, when the others come.
  const load: SentPacket[] = burst(80, () => ({ flow: 1, bytes: 100 }));
  load.push({ atNs: 205_000, packet: 80, flow: 2, bytes: 100 }, { atNs: 240_000, packet: 81, flow: 2, bytes: 100 });
  const { sent } = play(load, "qdisc=fq_codel", "tx_ring=4", "link_gbps=0.1");
  const [first, second] = [sent.indexOf(80), sent.indexOf(81)];
  assert(first <= 26, `${first}`);
  assert(second - first > 8, `${first} ${second}`);
});

Deno.test("fq_codel that is full drops from the head of the fattest flow: 1 packet in 4.4, up to 64 or half its bytes in 6.1", () => {
  const load = burst(40, (packet) => ({ flow: packet % 10 === 9 ? 2 : 1 }));
  const sets = ["qdisc=fq_codel", "tx_ring=4", "qdisc_limit=20", "link_gbps=0.001"];
  const old = play(load, ...sets, "era=4.4").packets("drop", "fattest-flow");
  assertEquals(old.slice(0, 3), [5, 6, 7]);
  assertEquals(old.length, 40 - 4 - 20);
  const batch = play(load, ...sets, "era=6.1").packets("drop", "fattest-flow");
  assert(batch.every((packet) => packet % 10 !== 9));
  // The 21st that waits is packet 24; the fat flow has 18 packets then, half of which go.
  assertEquals(batch.slice(0, 9), [5, 6, 7, 8, 10, 11, 12, 13, 14]);
});

Deno.test("fq_codel drops when packets have waited for 5 ms throughout 100 ms, and again after 100 ms by Newton's 1 / sqrt(n)", () => {
  // 1 Gbit/s is offered to a link of half that: the queue only grows.
  const load = burst(30_000, (packet) => ({ atNs: packet * FRAME_NS }));
  const { events } = play(load, "qdisc=fq_codel", "tx_ring=4", "qdisc_limit=100000", "link_gbps=0.5");
  const dropsMs = events.of("drop").map(({ tNs }) => tNs / 1e6);
  // Waits are above 5 ms from about 10 ms on.
  assert(Math.abs(dropsMs[0]! - 110) < 1, `${dropsMs[0]}`);
  // One step of Newton's method for each drop: 1, 0.5, 0.5625, ... and soon within 2 % of the root.
  let inverseRoot = 1;
  for (let n = 1; n <= 8; n++) {
    if (n > 1) inverseRoot *= (3 - n * inverseRoot ** 2) / 2;
    if (n > 4) assert(Math.abs(inverseRoot * Math.sqrt(n) - 1) < 0.02);
    const gapMs = dropsMs[n]! - dropsMs[n - 1]!;
    assert(Math.abs(gapMs - 100 * inverseRoot) < 0.2, `${n}: ${gapMs}`);
  }
});

Deno.test("fq_codel marks packets that understand ECN instead of dropping them, their header checksum right", () => {
  for (const tos of [1, 2]) {
    const load = burst(20_000, (packet) => ({ atNs: packet * FRAME_NS, tos }));
    const { packets, frames, sent } = bound(
      play(load, "qdisc=fq_codel", "tx_ring=4", "qdisc_limit=100000", "link_gbps=0.5"),
    );
    const marked = packets("dequeue", "codel-mark");
    assert(marked.length > 0);
    assertEquals(packets("drop"), []);
    assertEquals(sent.length, 20_000);
    assertEquals([...frames].filter(([, frame]) => (frame[15]! & 3) === 3).map(([packet]) => packet), marked);
    for (const packet of marked) assertEquals(headerSum(frames.get(packet)!), 0xffff);
  }
});

/** The ones-complement sum of the IPv4 header of a frame: 0xffff when its checksum is right. */
function headerSum(frame: Uint8Array): number {
  let sum = 0;
  for (let at = 14; at < 34; at += 2) sum += frame[at]! << 8 | frame[at + 1]!;
  return (sum & 0xffff) + (sum >>> 16);
}

Deno.test("noqueue hands over at once, and drops what the driver does not take", () => {
  const { sent, packets } = bound(play(burst(10), "qdisc=noqueue", "tx_ring=4", "link_gbps=1"));
  assertEquals(sent, [0, 1, 2, 3]);
  assertEquals(packets("drop", "no-queue"), [4, 5, 6, 7, 8, 9]);
  assertEquals([packets("enqueue"), packets("requeue")], [[], []]);
});

Deno.test("one CPU runs the queue at a time: what another sends meanwhile it only puts in", () => {
  // Handing over takes 10 us, so CPU 0 is not through with its first packet when CPU 1 sends.
  const fixture = new QueueFixture(["net_cpus=2", "link_gbps=100"], (event, stage) => {
    return event === EVENT.visit && stage === STAGE["driver-tx"] ? 10_000_000 : 0;
  });
  for (let packet = 0; packet < 10; packet++) fixture.send({ atNs: packet * 10, packet, cpu: packet % 2 });
  fixture.run();
  const { sent, events } = fixture;
  assertEquals(sorted(sent), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(sent.filter((packet) => packet % 2 === 1), [1, 3, 5, 7, 9]);
  assertEquals(events.of("enqueue").filter(({ packet }) => packet % 2 === 1).every(({ cpu }) => cpu === 1), true);
  const drivers = events.of("visit").filter(({ stage }) => stage === "driver-tx");
  assertEquals(drivers.map(({ cpu }) => cpu), Array(10).fill(0));
  assertEquals(drivers.map(({ tNs }) => tNs), drivers.map((_, i) => i * 10_000));
});

const arrivals = fc.array(
  fc.record({
    gapNs: fc.nat(30_000),
    bytes: fc.integer({ min: 54, max: 1514 }),
    flow: fc.nat(4),
    priority: fc.nat(7),
    cpu: fc.nat(1),
  }),
  { minLength: 1, maxLength: 150 },
);
const settings = fc.record({
  qdisc: fc.constantFrom(...KINDS),
  era: fc.constantFrom("4.4", "6.1"),
  limit: fc.integer({ min: 1, max: 40 }),
  ring: fc.integer({ min: 4, max: 24 }),
  gbps: fc.constantFrom(0.2, 1, 10),
  bql: fc.constantFrom("on", "off"),
  stop: fc.constantFrom("full", "early"),
  fault: fc.constantFrom("none", "busy:7", "stopped:0.5"),
});

Deno.test("every discipline under random load of two CPUs keeps the law of queues, loses and keeps no memory, and ends empty", () => {
  fc.assert(
    fc.property(arrivals, settings, (load, { qdisc, era, limit, ring, gbps, bql, stop, fault }) => {
      const sets = [`qdisc=${qdisc}`, `era=${era}`, `qdisc_limit=${limit}`, `tx_ring=${ring}`, `link_gbps=${gbps}`];
      const fixture = new QueueFixture(
        [...sets, `bql=${bql}`, `tx_stop=${stop}`, `tx_fault=${fault}`, "net_cpus=2"],
        PRICE,
      );
      let atNs = 0;
      load.forEach(({ gapNs, ...fields }, packet) => fixture.send({ ...fields, packet, atNs: atNs += gapNs }));
      fixture.run();
      const { queue, sent, events, host } = fixture;
      const rows = (event: string): number => events.of(event).length;
      assertEquals(queue.length, 0);
      assertEquals(rows("enqueue") + rows("requeue"), rows("dequeue"));
      assertEquals(sent.length + rows("drop"), load.length);
      assertEquals(new Set([...sent, ...fixture.packets("drop")]).size, load.length);
      assertEquals(host.skbs.memory.live, 0);
      assertEquals(rows("alloc"), rows("free"));
      if (qdisc === "pfifo" || qdisc === "noqueue") assertEquals(sent, onOneCpu(load) ? sorted(sent) : sent);
      if (qdisc !== "fq_codel") { for (const row of events.of("enqueue")) assert(row.count <= 3 * limit + 1); }
    }),
    { numRuns: 500 },
  );
});

Deno.test("fq_codel and pfifo_fast keep the order within a flow of one band", () => {
  fc.assert(fc.property(arrivals, settings, (load, { qdisc, era, ring, gbps, bql, stop }) => {
    const sets = [
      `qdisc=${qdisc}`,
      `era=${era}`,
      `tx_ring=${ring}`,
      `link_gbps=${gbps}`,
      `bql=${bql}`,
      `tx_stop=${stop}`,
    ];
    const fixture = new QueueFixture(sets, PRICE);
    let atNs = 0;
    load.forEach(({ gapNs, flow, bytes }, packet) => {
      fixture.send({ packet, bytes, flow, priority: flow, atNs: atNs += gapNs });
    });
    fixture.run();
    for (let flow = 0; flow <= 4; flow++) {
      const own = fixture.sent.filter((packet) => load[packet]!.flow === flow);
      assertEquals(own, sorted(own));
    }
  }));
});

function onOneCpu(load: readonly { cpu: number }[]): boolean {
  return load.every(({ cpu }) => cpu === load[0]!.cpu);
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** The fixture with methods that need no receiver. */
function bound(fixture: QueueFixture): Pick<QueueFixture, "sent" | "packets" | "frames" | "events"> {
  return {
    ...fixture,
    events: fixture.events,
    frames: fixture.frames,
    sent: fixture.sent,
    packets: fixture.packets.bind(fixture),
  };
}
