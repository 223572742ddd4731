/** TCP payload re-cut to the MSS of the tunnel: the stream stays, frames fit, every captured packet counts once. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { buildPcap, readAll } from "../capture/testing.ts";
import { Packets } from "../ledger/packets.ts";
import { innerPackets } from "../stages/testing.ts";
import { overIpv6, udpFrame } from "../stages/testing_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { explain } from "./explain.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { bulk, captureOf, inputOf, runOf, type TcpFrame, tcpFrame, type TestRun } from "./testing.ts";

const PSH_ACK = tcp.FLAG_PSH | tcp.FLAG_ACK;

/** A TCP segment of an IP packet. */
interface Segment {
  flow: string;
  sequence: number;
  flags: number;
  payload: Uint8Array;
  id: number;
}

function segmentOf(packet: Uint8Array): Segment {
  const isIpv6 = ip.isIpv6(packet, 0);
  const at = isIpv6 ? 40 : ipv4.ihlBytes(packet, 0);
  const addresses = isIpv6 ? packet.subarray(8, 40) : packet.subarray(12, 20);
  return {
    flow: `${addresses} ${packet.subarray(at, at + 4)}`,
    sequence: tcp.sequence(packet, at),
    flags: tcp.flags(packet, at),
    payload: packet.subarray(at + tcp.dataOffsetBytes(packet, at), ip.totalBytes(packet, 0)),
    id: isIpv6 ? 0 : ipv4.id(packet, 0),
  };
}

async function recut(frames: readonly Uint8Array[], preset = "nocopy", sets: readonly string[] = []): Promise<TestRun> {
  const testRun = await runOf(captureOf(frames), preset, ["oversize=mss", ...sets]);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** Sequence number relative to 1000, payload length and flags of all segments that left. */
function shapes(testRun: TestRun): string[] {
  return innerPackets(testRun).map(segmentOf).map(({ sequence, payload, flags }) => {
    return `${(sequence - 1000) | 0}+${payload.length}${flags === tcp.FLAG_ACK ? "" : ` ${flags.toString(16)}`}`;
  });
}

/** Packet, count and payload of each row of an event. */
function counted(testRun: TestRun, event: string): string[] {
  return testRun.events.of(event).map((row) => `${row.packet}:${row.count}:${row.payloadBytes}`);
}

Deno.test("payload without gaps is cut at the MSS of the tunnel; the rest goes out at the end", async () => {
  const testRun = await recut(bulk(3));
  assertEquals(shapes(testRun), ["0+1406", "1406+1406", "2812+1406", "4218+162"]);
  assertEquals(testRun.sent.map(({ bytes }) => bytes.length), [1514, 1514, 1514, 14 + 256]);
  assertEquals(counted(testRun, "arrive"), ["0:1:1460", "1:1:1460", "2:1:1460"]);
  // Packet 0 ends 54 bytes into the second frame, 1 108 bytes into the third.
  assertEquals(counted(testRun, "send"), ["0:0:0", "0:1:1460", "1:1:1460", "2:1:1460"]);
});

Deno.test("a frame leaves as soon as it is full, before packets of other flows", async () => {
  const frames = [...bulk(2, { payloadBytes: 703 }), tcpFrame({ sourcePort: 7, sequence: 9000, payloadBytes: 0 })];
  assertEquals(shapes(await recut(frames)), ["0+1406", "8000+0"]);
});

Deno.test("a frame in which several packets end counts them all, with one row that has its bytes", async () => {
  const testRun = await recut(bulk(5, { payloadBytes: 400 }));
  assertEquals(shapes(testRun), ["0+1406", "1406+594"]);
  assertEquals(counted(testRun, "send"), ["0:1:400", "1:1:400", "2:1:400", "3:1:400", "4:1:400"]);
  assertEquals(testRun.events.of("send").map(({ bytes }) => bytes), [1514, 0, 0, 702, 0]);
  assertEquals(testRun.run.delivery.frames, 2);
});

Deno.test("what waits goes out before a packet that pushes, which is cut alone and keeps its flag at the end", async () => {
  const [first, , third] = bulk(3);
  const pushing = tcpFrame({ sequence: 2460, id: 2, flags: PSH_ACK });
  assertEquals(shapes(await recut([first!, pushing, third!])), [
    "0+1406",
    "1406+54",
    "1460+1406",
    "2866+54 18",
    "2920+1406",
    "4326+54",
  ]);
});

Deno.test("what waits goes out before acknowledgments, gaps, and packets with other headers", async () => {
  const changes: TcpFrame[] = [
    { payloadBytes: 0 },
    { sequence: 2461 },
    { sequence: 2000 },
    { window: 9, flags: tcp.FLAG_FIN | tcp.FLAG_ACK },
    { ttl: 63 },
    { tos: 4 },
    { options: Uint8Array.of(1, 1, 1, 1) },
  ];
  for (const change of changes) {
    const next = { sequence: 2460, id: 2, payloadBytes: 20, ...change };
    const [, waiting, behind] = shapes(await recut([bulk(1)[0]!, tcpFrame(next)]));
    assertEquals([waiting, behind!.split("+")[0]], ["1406+54", `${next.sequence - 1000}`], JSON.stringify(change));
  }
  // Another flow does not disturb, and a change of the window or of the acknowledgment is no other header.
  for (const change of [{ sourcePort: 7, sequence: 5 }, { acknowledgment: 77 }, { window: 99 }]) {
    const frames = [bulk(1)[0]!, tcpFrame({ sequence: 2460, payloadBytes: 100, ...change })];
    assertEquals(shapes(await recut(frames)).includes("1406+54"), "sourcePort" in change, JSON.stringify(change));
  }
});

Deno.test("IPv4 ids count on frame by frame where they count, and stay where they stay", async () => {
  const ids = async (frames: readonly Uint8Array[]): Promise<number[]> => {
    return innerPackets(await recut(frames)).map((packet) => segmentOf(packet).id);
  };
  assertEquals(await ids([...bulk(3, { id: 100 }), tcpFrame({ payloadBytes: 0, id: 103, sequence: 5380 })]), [
    100,
    101,
    102,
    103,
    104,
  ]);
  assertEquals(await ids([0, 1, 2].map((i) => tcpFrame({ id: 9, sequence: 1000 + i * 1460 }))), [9, 9, 9, 9]);
  assertEquals(await ids([tcpFrame({ id: 0, payloadBytes: 0 }), ...bulk(2, { id: 40 })]), [0, 40, 41, 42]);
});

Deno.test("super-packets are re-cut as well, and none arrives", async () => {
  const testRun = await recut([
    tcpFrame({ payloadBytes: 14600 }),
    tcpFrame({ payloadBytes: 200, sequence: 15600, id: 11 }),
  ]);
  const lengths = innerPackets(testRun).map((packet) => packet.length - 40);
  assertEquals(lengths, [...Array<number>(10).fill(1406), 740]);
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("mss")), [
    "1 packets hold more TCP payload than fits into the tunnel: re-cut to its MSS (oversize=mss)",
  ]);
  assertEquals(testRun.run.warnings.some((warning) => warning.includes("super-packets")), false);
});

Deno.test("IPv6 leaves 20 bytes less", async () => {
  const frames = bulk(2, { payloadBytes: 1440 }).map((frame) => overIpv6(frame));
  assertEquals(shapes(await recut(frames)), ["0+1386", "1386+1386", "2772+108"]);
});

Deno.test("other protocols are dropped as with oversize=drop when they are too large and must not be cut", async () => {
  const large = udpFrame({ payloadBytes: 1460 });
  const cuttable = udpFrame({ payloadBytes: 1460, fragmentWord: 0 });
  const testRun = await recut([large, cuttable, tcpFrame({ fragmentWord: 0x2000 })]);
  assertEquals(testRun.events.of("drop").map(({ packet, reason }) => `${packet} ${reason}`), ["0 pmtu"]);
  assertEquals(testRun.sent.length, 4);
});

Deno.test("bytes that the snap length cut off are re-cut like others", async () => {
  const whole = bulk(3);
  const records = whole.map((bytes, i) => {
    return { seconds: 1, fraction: i, bytes: bytes.subarray(0, 96), originalLength: bytes.length };
  });
  const testRun = await runOf(inputOf(buildPcap({}, records)), "nocopy-gro", ["oversize=mss"]);
  assertEquals([testRun.run.failures, shapes(testRun)], [[], ["0+1406", "1406+1406", "2812+1406", "4218+162"]]);
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("snap")), [
    "3 packets lack bytes (snap length): filled with a fixed pattern, their checksums count as good",
  ]);
  const payload = innerPackets(testRun).flatMap((packet) => [...segmentOf(packet).payload]);
  const expected = whole.flatMap((frame) => [...frame.subarray(54, 96), ...Array<number>(1514 - 96).fill(0x5a)]);
  assertEquals(payload, expected);
});

Deno.test("a frame that meets a full ring is lost with the packets that end in it", async () => {
  const { run, events } = await recut(bulk(60), "nocopy-gro", ["pace=rate:400", "rx_ring=4"]);
  const lost = events.of("drop");
  assert(lost.some(({ count }) => count === 0) && lost.some(({ count }) => count === 1));
  assertEquals(run.tally.sum({ event: "drop" }).count + run.tally.sum({ event: "send" }).count, 60);
});

Deno.test("explain() closes with packets.csv for re-cut packets", async () => {
  const resolved = resolveConfig({ preset: "nocopy-gro", sets: ["oversize=mss"] });
  const request = { input: captureOf(bulk(20, { payloadBytes: 1000 })), resolved, profile: PROFILES.get("published")! };
  for (const number of [1, 2, 7, 20]) {
    const { record, chapters } = await explain(request, number);
    const rows = chapters.flatMap(({ steps }) => steps.flatMap((step) => "row" in step ? [step.row] : []));
    assertEquals(rows.reduce((sum, row) => sum + row.costPs, 0), record.costPs);
    assertEquals([record.outcome, record.payloadBytes], ["sent", 1000]);
  }
});

/** One packet of a random capture: its flow, length and flags, and whether it goes back or leaves a gap. */
interface RandomPacket {
  flow: number;
  payloadBytes: number;
  flags: number;
  step: number;
  options: number;
}

const PACKET: fc.Arbitrary<RandomPacket> = fc.record({
  flow: fc.nat(2),
  payloadBytes: fc.oneof(fc.integer({ min: 0, max: 1460 }), fc.constant(1460), fc.integer({ min: 1461, max: 9000 })),
  flags: fc.constantFrom(...Array<number>(5).fill(tcp.FLAG_ACK), PSH_ACK, tcp.FLAG_ACK | tcp.FLAG_ECE),
  step: fc.constantFrom(0, 0, 0, 0, 0, 0, -700, 300),
  options: fc.constantFrom(0, 0, 0, 12),
});

/** Frames of three flows, one of them over IPv6. */
function framesOf(packets: readonly RandomPacket[]): Uint8Array[] {
  const next = [1000, 0xfffff000, 5000];
  return packets.map(({ flow, payloadBytes, flags, step, options }, i) => {
    const sequence = (next[flow]! + step) >>> 0;
    next[flow] = (sequence + payloadBytes) >>> 0;
    const fields = { sequence, flags, payloadBytes, id: i + 1, sourcePort: 40000 + flow, pattern: i };
    const frame = tcpFrame({ ...fields, options: new Uint8Array(options).fill(1) });
    return flow === 2 ? overIpv6(frame) : frame;
  });
}

/** Payload of each flow in order, and the sequence number of each of its bytes. */
function streamsOf(packets: readonly Uint8Array[]): Map<string, Stream> {
  const total = packets.reduce((sum, packet) => sum + packet.length, 0);
  const streams = new Map<string, Stream>();
  for (const packet of packets) {
    const { flow, sequence, payload } = segmentOf(packet);
    let stream = streams.get(flow);
    if (stream === undefined) {
      stream = { bytes: new Uint8Array(total), sequences: new Uint32Array(total), length: 0 };
      streams.set(flow, stream);
    }
    stream.bytes.set(payload, stream.length);
    for (let i = 0; i < payload.length; i++) stream.sequences[stream.length + i] = sequence + i;
    stream.length += payload.length;
  }
  return new Map([...streams].map(([flow, { bytes, sequences, length }]) => {
    return [flow, { bytes: bytes.subarray(0, length), sequences: sequences.subarray(0, length), length }];
  }));
}

/** Payload, and the number of each of its bytes. */
interface Stream {
  readonly bytes: Uint8Array;
  readonly sequences: Uint32Array;
  length: number;
}

for (
  const [preset, sets] of [["nocopy", []], ["nocopy-gro", ["era=6.1"]], ["linux-6.1-module", ["mtu=1280"]]] as const
) {
  const name = [preset, ...sets].join(" ");
  Deno.test(`any capture keeps its streams, byte for byte, in frames that fit, and all sums hold (${name})`, async () => {
    const property = fc.asyncProperty(fc.array(PACKET, { minLength: 1, maxLength: 30 }), async (packets) => {
      const frames = framesOf(packets);
      let [payload, cost] = [0, 0];
      const fold = new Packets((record) => {
        if (record.outcome === "sent") payload += record.payloadBytes;
        cost += record.costPs;
      });
      const testRun = await runOf(captureOf(frames), preset, ["oversize=mss", ...sets], { foldsBeside: [fold] });
      fold.finish();
      const { run, sent } = testRun;
      assertEquals(run.failures, []);
      const inner = innerPackets(testRun);
      assertSameStreams(streamsOf(inner), streamsOf(frames.map((frame) => frame.subarray(ETH_HLEN))));
      for (const { bytes } of sent) assert(bytes.length <= run.resolved.config.mtu + ETH_HLEN);
      for (const packet of inner) {
        const at = ip.headerBytes(packet, 0);
        assert(transportChecksumOk(packet, 0, PROTOCOL_TCP, at, packet.length - at));
      }
      assertEquals([payload, cost], [run.tally.sum({ event: "arrive" }).payloadBytes, run.tally.costPs]);
      assertEquals(run.tally.sum({ event: "send" }).count, packets.length);
    });
    await fc.assert(property, { numRuns: 40 });
  });
}

for (const name of ["bulk-tcp-ipv4.pcap", "exchange-tcp-ipv4.pcap", "offloads-tcp-ipv4.pcap", "bulk-tcp-ipv6.pcap"]) {
  Deno.test(`the streams of ${name} stay as they are`, async () => {
    const file = Deno.readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
    const testRun = await runOf(inputOf(file), "nocopy-gro", ["oversize=mss", "era=6.1", "engine=skip"]);
    assertEquals(testRun.run.failures, []);
    const frames = await readAll(await openCapture(sourceOfBytes(file), name));
    const captured = streamsOf(frames.map(({ bytes }) => bytes.subarray(ETH_HLEN)));
    assertSameStreams(streamsOf(innerPackets(testRun)), captured);
  });
}

/** As assertEquals(), which takes its time over so many numbers. */
function assertSameStreams(actual: ReadonlyMap<string, Stream>, expected: ReadonlyMap<string, Stream>): void {
  assertEquals([...actual.keys()].toSorted(), [...expected.keys()].toSorted());
  for (const [flow, { bytes, sequences }] of actual) {
    const captured = expected.get(flow)!;
    assert(same(bytes, captured.bytes) && same(sequences, captured.sequences), flow);
  }
}

function same(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
