import { assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { flowOf } from "../stages/testing.ts";
import { sourceOfBytes } from "./byte_source.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { CaptureError } from "./errors.ts";
import { inspectCapture, type Inspection, type PathVerdict } from "./inspection.ts";
import { buildPcap, type PcapHeaderFields, type PcapRecordFields, sourceInSteps } from "./testing.ts";
import { buildFrame } from "./testing_frames.ts";
import { PcapngBuilder } from "./testing_pcapng.ts";

function inspect(records: readonly PcapRecordFields[], header: PcapHeaderFields = {}): Promise<Inspection> {
  return inspectCapture(sourceOfBytes(buildPcap(header, records)), "built.pcap");
}

function record(bytes: Uint8Array, seconds: number = 1, fraction: number = 0): PcapRecordFields {
  return { seconds, fraction, bytes };
}

/** What holds of every inspection. */
function assertSumsClose({ packets, linkTypes, ethernet, durationNs, t0EpochNs, longestFrameBytes }: Inspection): void {
  const sum = (counts: object): number =>
    Object.values(counts).reduce((total: number, count: number) => total + count, 0);
  assertEquals(linkTypes.reduce((total, link) => total + link.packets, 0), packets);
  assertEquals([durationNs === null, t0EpochNs === null, longestFrameBytes === null], Array(3).fill(packets === 0));
  const followed = linkTypes.filter(({ linkType }) => isLinkTypeFollowed(linkType));
  const frames = followed.reduce((total, link) => total + link.packets, 0);
  if (ethernet === null) return assertEquals(frames, 0);
  assertEquals(sum(ethernet.network), frames);
  const ipFrames = ethernet.network.ipv4 + ethernet.network.ipv6;
  assertEquals([sum(ethernet.transport), sum(ethernet.checksums)], [ipFrames, ipFrames]);
  const { sas, packetsOfOtherSas } = ethernet.esp;
  assertEquals(sas.reduce((total, sa) => total + sa.packets, packetsOfOtherSas) <= ipFrames, true);
}

/** What is said of every path where there is no IP packet. */
function refusals(why: string): PathVerdict[] {
  return ["forward", "send", "receive", "host-to-host"].map((path) => ({ path, playable: false, why }));
}

Deno.test("inspectCapture() says of a capture without packets what is known: nothing but that", async () => {
  const inspection = await inspect([]);
  assertSumsClose(inspection);
  assertEquals(inspection, {
    name: "built.pcap",
    format: "pcap",
    packets: 0,
    bytes: 0,
    capturedBytes: 0,
    durationNs: null,
    longestFrameBytes: null,
    framesAboveMtu: 0,
    cutPackets: 0,
    t0EpochNs: null,
    linkTypes: [],
    interfaces: [],
    ethernet: {
      reframed: 0,
      network: { ipv4: 0, ipv6: 0, arp: 0, other: 0 },
      transport: { tcp: 0, udp: 0, icmp: 0, icmpv6: 0, esp: 0, other: 0 },
      fragments: 0,
      payloadBytes: 0,
      flows: 0,
      topFlows: [],
      checksums: { complete: 0, pseudoHeaderOnly: 0, wrong: 0, unchecked: 0 },
      hosts: { hasEsp: false, busiestSender: null, busiestReceiver: null },
      esp: { sas: [], packetsOfOtherSas: 0 },
      aggregation: {
        packets: 0,
        segments: 0,
        superPackets: 0,
        inBursts: null,
        polledTogether: { aggregates: 0, mergedPackets: 0, mergedPacketsNotIn44: 0, ends: [] },
        packetsOfOtherFlows: 0,
      },
    },
    paths: refusals("the capture holds no packet"),
    warnings: [],
  });
});

Deno.test("inspectCapture() knows bursts only where packets have stamps, in nanoseconds", async () => {
  const frames = flowOf(3);
  const records = [0, 30_000, 50_001].map((fraction, i) => record(frames[i]!, 1, fraction));
  const stamped = await inspect(records, { magic: 0xa1b23c4d });
  assertEquals(stamped.ethernet?.aggregation.inBursts?.ends, [{ reason: "poll-end", aggregates: 2 }]);
  const file = new PcapngBuilder().section().describe().simple(frames[0]!);
  const { ethernet } = await inspectCapture(sourceOfBytes(file.bytes), "x.pcapng");
  assertEquals([ethernet?.aggregation.packets, ethernet?.aggregation.inBursts], [1, null]);
});

Deno.test("inspectCapture() gives a single packet a duration of 0", async () => {
  const inspection = await inspect([record(buildFrame(), 1700000000, 123456)]);
  assertEquals([inspection.durationNs, inspection.t0EpochNs], [0, 1700000000123456000n]);
});

Deno.test("inspectCapture() measures from the smallest stamp to the largest, whatever their order", async () => {
  const stamps = [[100, 5], [99, 999999], [103, 0], [101, 0]];
  const inspection = await inspect(stamps.map(([seconds, fraction]) => record(buildFrame(), seconds, fraction)));
  assertEquals([inspection.durationNs, inspection.t0EpochNs], [3_000_001_000, 100_000_005_000n]);
});

Deno.test("inspectCapture() sums wire lengths and captured lengths, and counts the packets that were cut", async () => {
  const bytes = new Uint8Array(60);
  const { packets, ...counts } = await inspect([
    { ...record(bytes), originalLength: 1514 },
    { ...record(bytes), originalLength: 61 },
    record(bytes),
    { ...record(bytes), originalLength: 10 },
  ]);
  assertEquals(packets, 4);
  assertEquals([counts.bytes, counts.capturedBytes, counts.cutPackets], [1514 + 61 + 60 + 10, 240, 2]);
});

Deno.test("inspectCapture() counts the frames above 1518 bytes, of any link type", async () => {
  const records = [1514, 1518, 1519, 9014].map((originalLength) => ({ ...record(new Uint8Array(40)), originalLength }));
  for (const linkType of [1, 113]) {
    const inspection = await inspect([...records, { ...record(new Uint8Array(2000)), originalLength: 5 }], {
      linkType,
    });
    assertEquals([inspection.longestFrameBytes, inspection.framesAboveMtu], [9014, 3]);
  }
});

Deno.test("inspectCapture() does not look into link types it does not know, and says why nothing can be played", async () => {
  const inspection = await inspect([record(buildFrame())], { linkType: 127 });
  assertSumsClose(inspection);
  assertEquals([inspection.ethernet, inspection.linkTypes], [null, [{ linkType: 127, packets: 1 }]]);
  const why = "its link type is not understood (ieee802-11-radiotap)";
  assertEquals(inspection.paths, refusals(why));
});

Deno.test("inspectCapture() finds no path playable without IP packets, and all from one on", async () => {
  const others = [0x0806, 0x0806, 0x8100].map((etherType) => record(buildFrame({ etherType })));
  const without = await inspect(others);
  assertEquals(without.paths, refusals("none of its packets is IPv4 or IPv6 (ARP 2, other 1)"));
  for (const ipVersion of [4, 6] as const) {
    const [from, to] = ipVersion === 4 ? ["192.0.2.1", "192.0.2.2"] : ["2001:db8::1", "2001:db8::2"];
    const { paths } = await inspect([...others, record(buildFrame({ ipVersion }))]);
    assertEquals(paths.map(({ path, playable }) => [path, playable]), [
      ["forward", true],
      ["send", true],
      ["receive", true],
      ["host-to-host", true],
    ]);
    assertEquals(paths.map(({ why }) => why), [
      `${Number(ipVersion === 4)} of its packets are IPv4, ${Number(ipVersion === 6)} are IPv6`,
      `1 of its packets come from ${from}, which sent the most`,
      `1 of its packets are for ${to}, which was sent the most, and are sealed before they arrive`,
      `1 of its packets come from ${from}, which sent the most`,
    ]);
  }
});

Deno.test("inspectCapture() names the busiest sender and receiver, by payload, not by packets", async () => {
  const small = [1, 2, 3].map(() => record(buildFrame({ source: [10, 0, 0, 1], destination: [10, 0, 0, 9] })));
  const large = record(buildFrame({ source: [10, 0, 0, 2], destination: [10, 0, 0, 8], payloadBytes: 1400 }));
  const { paths } = await inspect([...small, large]);
  assertEquals(paths.slice(1, 3).map(({ why }) => why.split(",")[0]), [
    "1 of its packets come from 10.0.0.2",
    "1 of its packets are for 10.0.0.8",
  ]);
});

Deno.test("inspectCapture() says of ESP that it arrives as it is, and nothing else does", async () => {
  const clear = record(buildFrame({ source: [10, 0, 0, 1], destination: [10, 0, 0, 9], payloadBytes: 1400 }));
  const esp = record(buildFrame({ source: [10, 0, 0, 2], destination: [10, 0, 0, 8], protocol: 50, payloadBytes: 80 }));
  const { paths, ethernet } = await inspect([clear, esp, clear, esp]);
  assertEquals(paths[2], {
    path: "receive",
    playable: true,
    why: "2 of its packets are ESP for 10.0.0.8, and arrive as they are: what the SA does not open is dropped",
  });
  assertEquals(ethernet?.hosts, {
    hasEsp: true,
    busiestSender: { address: "10.0.0.1", packets: 2 },
    busiestReceiver: { address: "10.0.0.8", packets: 2 },
  });
});

Deno.test("inspectCapture() finds that a host cannot play packets without a readable IP header, and a gateway can", async () => {
  const { paths } = await inspect([record(buildFrame().subarray(0, 20))]);
  const why = "the IP header of none of its packets can be read";
  assertEquals(paths, [
    { path: "forward", playable: true, why: "1 of its packets are IPv4, 0 are IPv6" },
    { path: "send", playable: false, why },
    { path: "receive", playable: false, why },
    { path: "host-to-host", playable: false, why },
  ]);
});

Deno.test("inspectCapture() keeps the packets before a damage, and passes the warning on", async () => {
  const file = buildPcap({}, [record(buildFrame()), record(buildFrame())]);
  const inspection = await inspectCapture(sourceOfBytes(file.subarray(0, file.length - 1)), "cut.pcap");
  assertEquals([inspection.packets, inspection.ethernet?.flows, inspection.warnings.length], [1, 1, 1]);
  assertEquals(inspection.warnings[0]?.startsWith("Cannot read cut.pcap to its end: it ends inside a packet"), true);
});

Deno.test("inspectCapture() refuses what is no capture, and passes on that a source failed", async () => {
  const text = new TextEncoder().encode("hello, world\n");
  await assertRejects(
    () => inspectCapture(sourceOfBytes(text), "x.txt"),
    CaptureError,
    "Cannot read x.txt: it is text",
  );
  let reads = 0;
  const source = {
    read: (into: Uint8Array): Promise<number | null> => {
      if (reads++ > 0) return Promise.reject(new Error("the disk is gone"));
      into.set(buildPcap({}, [record(buildFrame())]));
      return Promise.resolve(60);
    },
  };
  await assertRejects(() => inspectCapture(source, "x.pcap"), CaptureError, "the disk is gone");
});

Deno.test("inspectCapture() counts the same however the source deals out its bytes", async () => {
  const frames = Array.from({ length: 50 }, (_, i) => buildFrame({ sourcePort: 1 + i % 7, payloadBytes: 40 * i }));
  const file = buildPcap({}, frames.map((frame, i) => record(frame, i)));
  const whole = await inspectCapture(sourceOfBytes(file), "x");
  for (const steps of [[1], [7, 1000], [4096]]) {
    assertEquals(await inspectCapture(sourceInSteps(file, steps), "x"), whole);
  }
});

const HEADS = [
  { at: 0, bytes: [] },
  { at: 12, bytes: [8, 0] },
  { at: 12, bytes: [8, 0, 0x45] },
  { at: 12, bytes: [8, 0, 0x4f, 0, 0, 0] },
  ...[6, 17, 1, 50].map((protocol) => ({ at: 12, bytes: [8, 0, 0x45, 0, 0, 60, 0, 0, 0x40, 0, 64, protocol] })),
  ...[0, 6, 17, 43, 44, 50, 60].map((next) => ({ at: 12, bytes: [0x86, 0xdd, 0x60, 0, 0, 0, 0, 30, next] })),
  { at: 23, bytes: [17, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x94, 0x11, 0x94] },
];

Deno.test("inspectCapture() closes its sums over any packets, whatever lengths they claim", async () => {
  const packet = fc.record({
    head: fc.constantFrom(...HEADS),
    bytes: fc.uint8Array({ maxLength: 100 }),
    originalLength: fc.oneof(fc.nat(200), fc.nat(0xffffffff)),
    seconds: fc.nat(0xffffffff),
    fraction: fc.nat(0xffffffff),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { maxLength: 8 }), fc.constantFrom(1, 1, 113, 127), async (packets, linkType) => {
      const records = packets.map(({ head, bytes, ...fields }) => {
        const room = bytes.subarray(head.at);
        room.set(head.bytes.slice(0, room.length));
        return { ...fields, bytes };
      });
      const inspection = await inspect(records, { linkType });
      assertEquals([inspection.packets, inspection.warnings], [packets.length, []]);
      assertSumsClose(inspection);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("inspectCapture() throws nothing but CaptureError on any damage", async () => {
  const file = buildPcap(
    {},
    [6, 17, 50].map((protocol, i) => record(buildFrame({ protocol, ipVersion: i === 0 ? 4 : 6 }))),
  );
  const damage = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(damage, fc.nat(file.length), async (changes, length) => {
      const damaged = file.slice();
      for (const [at, value] of changes) damaged[at] = value;
      try {
        const inspection = await inspectCapture(sourceOfBytes(damaged.subarray(0, length)), "damaged");
        assertSumsClose(inspection);
        assertEquals(inspection.packets === 3 || length < file.length || inspection.warnings.length === 1, true);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
