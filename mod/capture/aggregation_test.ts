import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { flowOf, interleaved } from "../stages/testing.ts";
import { overIpv6, PADDING_OPTIONS, udpFrame } from "../stages/testing_frames.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { LINKTYPE_ETHERNET } from "../wire/link_types.ts";
import { AggregationCensus, type AggregationFigures, BURST_NS, type CaptureAggregation } from "./aggregation.ts";
import { CapturePacket } from "./packet.ts";

/** One packet of a capture made by hand. */
interface Arrival {
  readonly frame: Uint8Array;
  readonly timeNs?: number;
  /** Bytes that the capture lacks. */
  readonly missingBytes?: number;
  readonly isChecksumWrong?: boolean;
}

/** A census of packets with a stamp each; they lie at an odd place in a larger array, which is another for each. */
function censusOf(arrivals: readonly Arrival[], census = new AggregationCensus()): AggregationCensus {
  const flows = new FlowTable();
  const facts = new FrameFacts();
  const packet = new CapturePacket();
  for (const [i, { frame, timeNs = 0, missingBytes = 0, isChecksumWrong = false }] of arrivals.entries()) {
    const capturedBytes = frame.length - missingBytes;
    packet.bytes = new Uint8Array(frame.length + 300).fill(i);
    packet.bytes.set(frame.subarray(0, capturedBytes), 3);
    packet.offset = 3;
    packet.capturedBytes = capturedBytes;
    packet.originalBytes = frame.length;
    packet.linkType = LINKTYPE_ETHERNET;
    packet.timeNs = timeNs;
    facts.read(packet.bytes, packet.offset, capturedBytes, frame.length, packet.linkType);
    const { ipAt, ipVersion, sourcePort, destinationPort, protocol } = facts;
    const flow = facts.isIp ? flows.findAt(packet.bytes, ipAt, ipVersion, sourcePort, destinationPort, protocol) : -1;
    census.add(facts, packet, flow, isChecksumWrong);
  }
  return census;
}

function aggregationOf(frames: readonly Uint8Array[], changes: Partial<Arrival> = {}): CaptureAggregation {
  return censusOf(frames.map((frame) => ({ frame, ...changes }))).contents(true);
}

/** Reasons and counts in words, in their order. */
function endsOf({ ends }: AggregationFigures): string {
  return ends.map(({ reason, aggregates }) => `${reason} ${aggregates}`).join(", ");
}

/** Segments that fit the MTU whatever options they have. */
const SMALL: TcpFrame = { payloadBytes: 1000 };

/** What becomes of six segments, of which the third is changed. */
function ofThird(change: TcpFrame, common: TcpFrame = {}): string {
  return endsOf(aggregationOf(flowOf(6, { 2: change }, { ...SMALL, ...common })).polledTogether);
}

const TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
const LATER_TIMESTAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2);
const SACK = Uint8Array.of(1, 1, 5, 10, 0, 0, 0, 2, 0, 0, 0, 3);
const PSH_ACK = 0x18;

const THIRDS: readonly [name: string, change: TcpFrame, expected: string, common?: TcpFrame][] = [
  ["nothing", {}, "poll-end 1"],
  ["another window", { window: 100 }, "window 2, poll-end 1"],
  ["another acknowledgment number", { acknowledgment: 2 }, "acknowledgment 2, poll-end 1"],
  ["a later timestamp", { options: LATER_TIMESTAMPS }, "timestamps 2, poll-end 1", { options: TIMESTAMPS }],
  ["other options of the same length", { options: SACK }, "tcp-options 2, poll-end 1", { options: TIMESTAMPS }],
  ["no options", { options: new Uint8Array(0) }, "tcp-options 2, poll-end 1", { options: TIMESTAMPS }],
  ["another TTL", { ttl: 63 }, "other-ttl 2, poll-end 1"],
  ["an ECN mark", { tos: 3 }, "other-tos 2, poll-end 1"],
  ["no DF", { fragmentWord: 0 }, "other-df 2, poll-end 1"],
  ["another IP id", { id: 99 }, "ip-id 2, poll-end 1"],
  ["PSH", { flags: PSH_ACK }, "push 1, poll-end 1"],
  ["FIN", { flags: 0x11 }, "push 1, poll-end 1"],
  ["RST", { flags: 0x14 }, "push 1, tcp-flags 1, poll-end 1"],
  ["ECE", { flags: 0x50 }, "tcp-flags 2, poll-end 1"],
  ["CWR, which only the first may have", { flags: 0x90 }, "tcp-flags 1, poll-end 1"],
  ["less payload", { payloadBytes: 500 }, "short-segment 1, poll-end 1"],
  ["more payload", { payloadBytes: 1010 }, "short-segment 1, longer-segment 1, poll-end 1"],
  ["no payload", { payloadBytes: 0 }, "no-payload 1, poll-end 1"],
  ["another sequence number", { sequence: 5 }, "sequence 2, poll-end 1"],
  ["padding behind it", { padding: 6 }, "ip-refused 2, poll-end 1"],
  ["a first fragment, which passes by", { fragmentWord: 0x2000 }, "ip-refused 1, sequence 1, poll-end 1"],
  ["IP options, which pass by", { ipOptions: Uint8Array.of(1, 1, 1, 1) }, "sequence 1, poll-end 1, ip-options 1"],
];

for (const [name, change, expected, common] of THIRDS) {
  Deno.test(`AggregationCensus says why aggregates end where the third of six segments has ${name}`, () => {
    assertEquals(ofThird(change, common), expected);
  });
}

Deno.test("AggregationCensus lets packets pass by whose checksums are wrong or whose TCP header is damaged", () => {
  const damaged = (damage: (frame: Uint8Array) => void, change: Partial<Arrival> = {}): string => {
    const arrivals: Arrival[] = flowOf(6).map((frame) => ({ frame }));
    damage(arrivals[2]!.frame);
    arrivals[2] = { ...arrivals[2]!, ...change };
    return endsOf(censusOf(arrivals).contents(true).polledTogether);
  };
  const nothing = (): void => {};
  assertEquals(damaged((frame) => frame[14 + 10]! ^= 1), "sequence 1, poll-end 1, ip-checksum 1");
  assertEquals(damaged(nothing, { isChecksumWrong: true }), "sequence 1, poll-end 1, tcp-checksum 1");
  assertEquals(damaged((frame) => frame[34 + 12] = 4 << 4), "sequence 1, poll-end 1, tcp-header 1");
  assertEquals(damaged(nothing, { missingBytes: 1460 + 1 }), "sequence 1, poll-end 1, tcp-header 1");
  // Nobody looks at the checksum of a packet that is not whole.
  const padded = flowOf(6, { 2: { padding: 6 } }).map((frame) => ({ frame, isChecksumWrong: frame.length > 1514 }));
  assertEquals(endsOf(censusOf(padded).contents(true).polledTogether), "ip-refused 2, poll-end 1");
});

Deno.test("AggregationCensus counts payload that the capture lacks, and takes missing options for the same", () => {
  const frames = flowOf(6, {}, { ...SMALL, options: TIMESTAMPS });
  for (const missingBytes of [1, 1000, 1003]) {
    const { packets, polledTogether } = aggregationOf(frames, { missingBytes });
    assertEquals([packets, polledTogether.mergedPackets, endsOf(polledTogether)], [6, 5, "poll-end 1"]);
  }
  // Nor does it matter what other packets have there.
  const others = [TIMESTAMPS, LATER_TIMESTAMPS, TIMESTAMPS].map((options, i) => {
    return {
      frame: tcpFrame({ ...SMALL, sourcePort: 1, sequence: i, options: options.toReversed() }),
      missingBytes: 1001,
    };
  });
  const inTurn = others.flatMap((other, i) => [other, { frame: frames[i]!, missingBytes: 1012 }]);
  assertEquals(endsOf(censusOf(inTurn).contentsOf(1, true)!.polledTogether), "poll-end 1");
  // The last byte of the value is missing, the one before it is not.
  const seen = flowOf(6, { 2: { options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 1, 2) } }, {
    options: TIMESTAMPS,
  });
  assertEquals(endsOf(aggregationOf(seen, { missingBytes: 1461 }).polledTogether), "timestamps 2, poll-end 1");
});

Deno.test("AggregationCensus ends an aggregate that would reach 64 KiB, and polls after 64 packets of any kind", () => {
  const full = aggregationOf(flowOf(50));
  assertEquals([full.polledTogether.mergedPackets, endsOf(full.polledTogether)], [48, "size-limit 1, poll-end 1"]);
  const small = flowOf(70, {}, { payloadBytes: 100 });
  assertEquals(endsOf(aggregationOf(small).polledTogether), "poll-end 1, budget 1");
  assertEquals(endsOf(aggregationOf(small.slice(0, 64)).polledTogether), "budget 1");
  assertEquals(endsOf(aggregationOf(small.slice(0, 63)).polledTogether), "poll-end 1");
  const others = [udpFrame(), new Uint8Array(60)];
  assertEquals(endsOf(aggregationOf([...others, ...small.slice(0, 63)]).polledTogether), "poll-end 1, budget 1");
});

Deno.test("AggregationCensus counts segments that go up alone as aggregates of one, and no packet without payload", () => {
  const frames = [
    tcpFrame({ flags: 0x02, payloadBytes: 0 }),
    tcpFrame({ flags: PSH_ACK }),
    tcpFrame({ flags: PSH_ACK, sequence: 3000 }),
    tcpFrame({ payloadBytes: 0, sequence: 4460 }),
  ];
  const { packets, segments, polledTogether } = aggregationOf(frames);
  assertEquals([packets, segments, polledTogether.aggregates, endsOf(polledTogether)], [2, 2, 2, "push 2"]);
});

Deno.test("AggregationCensus knows no aggregates where there is no TCP payload", () => {
  const nothing = { aggregates: 0, mergedPackets: 0, mergedPacketsNotIn44: 0, ends: [] };
  const rest = { packets: 0, segments: 0, superPackets: 0, packetsOfOtherFlows: 0 };
  const expected = { ...rest, inBursts: nothing, polledTogether: nothing };
  assertEquals(aggregationOf([]), expected);
  assertEquals(aggregationOf([udpFrame(), new Uint8Array(3), tcpFrame({ payloadBytes: 0 })]), expected);
});

Deno.test("AggregationCensus holds flows side by side, and tells them by what GRO compares", () => {
  assertEquals(endsOf(aggregationOf(interleaved(4, 6)).polledTogether), "poll-end 4");
  const ofSecondHalf = (change: (frame: Uint8Array) => void): string => {
    const frames = [...flowOf(6), ...flowOf(6, {}, { sequence: 77 })];
    frames.slice(6).forEach(change);
    const inTurn = frames.map((_, i) => frames[i % 2 * 6 + (i >> 1)]!);
    return endsOf(aggregationOf(inTurn).polledTogether);
  };
  assertEquals(ofSecondHalf(() => {}), "sequence 11, poll-end 1");
  for (const address of [0, 4, 11]) assertEquals(ofSecondHalf((frame) => frame[address]! ^= 4), "poll-end 2");
});

Deno.test("AggregationCensus judges IPv6 by flow label, traffic class, hop limit and extension headers", () => {
  const ofThirdIpv6 = (change: Parameters<typeof overIpv6>[1]): string => {
    const frames = flowOf(6, {}, SMALL).map((frame, i) => overIpv6(frame, i === 2 ? change : {}));
    return endsOf(aggregationOf(frames).polledTogether);
  };
  assertEquals(ofThirdIpv6({}), "poll-end 1");
  assertEquals(ofThirdIpv6({ hopLimit: 63 }), "other-ttl 2, poll-end 1");
  assertEquals(ofThirdIpv6({ trafficClass: 1 }), "other-tos 2, poll-end 1");
  assertEquals(ofThirdIpv6({ trailing: 3 }), "ip-refused 2, poll-end 1");
  // Another flow, held beside the first, whose next segment is missing now.
  assertEquals(ofThirdIpv6({ flowLabel: 1 }), "poll-end 2, sequence 1");
  assertEquals(ofThirdIpv6({ extensions: [[60, PADDING_OPTIONS]] }), "poll-end 2, sequence 1");
  const all = flowOf(6, {}, SMALL).map((frame) =>
    overIpv6(frame, { extensions: [[0, PADDING_OPTIONS], [60, PADDING_OPTIONS]] })
  );
  assertEquals(endsOf(aggregationOf(all).polledTogether), "poll-end 1");
  const long = new Uint8Array(72).fill(0x1e, 2);
  long[1] = 8;
  assertEquals(ofThirdIpv6({ extensions: [[60, long]] }), "poll-end 2, sequence 1");
  const longs = flowOf(6, {}, SMALL).map((frame, i) =>
    overIpv6(frame, { extensions: [[60, long.with(71, i === 2 ? 1 : 2)]] })
  );
  assertEquals(endsOf(aggregationOf(longs).polledTogether), "poll-end 2, sequence 1");
  const cut = flowOf(6, {}, { ...SMALL, options: TIMESTAMPS }).map((frame) =>
    overIpv6(frame, { extensions: [[60, long]] })
  );
  assertEquals(endsOf(aggregationOf(cut, { missingBytes: 1001 }).polledTogether), "poll-end 1");
  // With segments left in a routing header the checksum is for another destination.
  assertEquals(
    ofThirdIpv6({ extensions: [[43, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0)]] }),
    "sequence 1, poll-end 1, tcp-checksum 1",
  );
  // A fragment header that makes no fragment (RFC 6946): GRO does not look behind it.
  assertEquals(ofThirdIpv6({ extensions: [[44, new Uint8Array(8)]] }), "sequence 1, poll-end 1, ip-options 1");
});

Deno.test("AggregationCensus counts the segments that super-packets hold, and merges those of one size", () => {
  const ordinary = tcpFrame({ payloadBytes: 1000, sequence: 0 });
  const supers = [0, 1, 2].map((i) => tcpFrame({ payloadBytes: 3000, sequence: 1000 + 3000 * i, id: 2 + 3 * i }));
  const joined = aggregationOf([ordinary, ...supers]);
  assertEquals([joined.packets, joined.segments, joined.superPackets], [4, 10, 3]);
  assertEquals([endsOf(joined.polledTogether), joined.polledTogether.mergedPacketsNotIn44], ["poll-end 1", 3]);
  const behind = tcpFrame({ payloadBytes: 1000, sequence: 10000, id: 11 });
  assertEquals(aggregationOf([ordinary, ...supers, behind]).polledTogether.mergedPacketsNotIn44, 4);
  // What is learned of the MSS on the way changes the size of segments; the last one need not be full, and ends all.
  const grown = tcpFrame({ payloadBytes: 1460, sequence: 10000, id: 11 });
  const short = tcpFrame({ payloadBytes: 2000, sequence: 11460, id: 12 });
  const ended = aggregationOf([ordinary, ...supers, grown, short]);
  assertEquals([ended.segments, endsOf(ended.polledTogether)], [13, "short-segment 1, longer-segment 1"]);
  const elsewhere = grown.with(0, 6);
  const larger = tcpFrame({ payloadBytes: 2920, sequence: 10000, id: 11 });
  const apart = aggregationOf([ordinary, ...supers, elsewhere, larger]);
  assertEquals([apart.segments, endsOf(apart.polledTogether)], [13, "poll-end 2, gso-size 1"]);
});

Deno.test("AggregationCensus counts the packets that Linux 4.4 would not join: constant IP ids", () => {
  const constant = Object.fromEntries([0, 1, 2, 3, 4, 5].map((i) => [i, { id: 7 }]));
  const { polledTogether } = aggregationOf(flowOf(6, constant));
  assertEquals([polledTogether.mergedPackets, polledTogether.mergedPacketsNotIn44], [5, 5]);
  const withoutDf = aggregationOf(flowOf(6, constant, { fragmentWord: 0 })).polledTogether;
  assertEquals(
    [withoutDf.mergedPackets, endsOf(withoutDf)],
    [0, "ip-id 5, poll-end 1"],
  );
  const counting = aggregationOf(flowOf(6, {}, { id: 0xfffd })).polledTogether;
  assertEquals([counting.mergedPackets, counting.mergedPacketsNotIn44], [5, 0]);
});

Deno.test("AggregationCensus begins a burst with its first packet and takes what arrives within BURST_NS, and 64 packets", () => {
  const inBursts = (times: readonly number[]): string => {
    const frames = flowOf(times.length, {}, { payloadBytes: 100 });
    return endsOf(censusOf(frames.map((frame, i) => ({ frame, timeNs: times[i]! }))).contents(true).inBursts!);
  };
  assertEquals(inBursts([0, 1, BURST_NS]), "poll-end 1");
  assertEquals(inBursts([0, 1, BURST_NS + 1]), "poll-end 2");
  assertEquals(inBursts([7, BURST_NS, BURST_NS + 7, 2 * BURST_NS]), "poll-end 2");
  assertEquals(inBursts([0, 60_000, 120_000]), "poll-end 3");
  assertEquals(inBursts(Array<number>(70).fill(5)), "poll-end 1, budget 1");
  // Stamps of two interfaces may go back a little, those of two clocks a lot.
  assertEquals(inBursts([1000, 500, 1001]), "poll-end 1");
  assertEquals(inBursts([100_000, 10_000, 10_001]), "poll-end 2");
});

Deno.test("AggregationCensus makes of bursts what it would make of each alone, polled together", () => {
  const gap = fc.constantFrom(0, 1000, 20_000, 49_999, 50_001, 70_000);
  const change = fc.constantFrom<TcpFrame>({}, {}, {}, { flags: PSH_ACK }, { window: 9 }, { payloadBytes: 0 }, {
    id: 500,
  });
  fc.assert(
    fc.property(fc.array(fc.tuple(gap, change), { maxLength: 200 }), (steps) => {
      const changes = Object.fromEntries(steps.map(([, change], i) => [i, change]));
      let timeNs = 0;
      let startNs = -Infinity;
      const bursts: Arrival[][] = [];
      flowOf(steps.length, changes, { payloadBytes: 100 }).forEach((frame, i) => {
        timeNs += steps[i]![0];
        if (timeNs - startNs > BURST_NS || bursts.at(-1)!.length === 64) {
          bursts.push([]);
          startNs = timeNs;
        }
        bursts.at(-1)!.push({ frame, timeNs });
      });
      const { inBursts } = censusOf(bursts.flat()).contents(true);
      const alone = bursts.map((burst) => censusOf(burst).contents(true).polledTogether);
      const sums = new Map<string, number>();
      for (const { ends } of alone) {
        for (const { reason, aggregates } of ends) sums.set(reason, (sums.get(reason) ?? 0) + aggregates);
      }
      assertEquals(inBursts!.mergedPackets, alone.reduce((sum, figures) => sum + figures.mergedPackets, 0));
      assertEquals(new Map(inBursts!.ends.map((end) => [end.reason, end.aggregates])), sums);
      const counts = inBursts!.ends.map((end) => end.aggregates);
      assertEquals(counts, counts.toSorted((a, b) => b - a));
    }),
    { numRuns: 60 },
  );
});

Deno.test("AggregationCensus knows no bursts without stamps", () => {
  const census = censusOf(flowOf(3).map((frame) => ({ frame })));
  assertEquals([census.contents(false).inBursts, census.contentsOf(0, false)!.inBursts], [null, null]);
  assertEquals(census.contentsOf(0, true)!.inBursts, census.contents(true).inBursts);
});

Deno.test("AggregationCensus gives the figures of the flows that come first, and those of others only in the sums", () => {
  const frames = interleaved(5, 6);
  const census = censusOf(frames.map((frame) => ({ frame })), new AggregationCensus(3));
  const all = census.contents(true);
  assertEquals([all.packets, all.packetsOfOtherFlows, endsOf(all.polledTogether)], [30, 12, "poll-end 5"]);
  for (let flow = 0; flow < 3; flow++) {
    const one = census.contentsOf(flow, true)!;
    assertEquals([one.packets, one.segments, one.polledTogether.mergedPackets], [6, 6, 5]);
    assertEquals([endsOf(one.polledTogether), endsOf(one.inBursts!)], ["poll-end 1", "poll-end 1"]);
  }
  assertEquals([census.contentsOf(3, true), census.contentsOf(9, true)], [null, null]);
});

Deno.test("AggregationCensus gives a snapshot that does not disturb it", () => {
  const frames = flowOf(6);
  const census = censusOf(frames.slice(0, 3).map((frame) => ({ frame })));
  assertEquals(census.contents(true), census.contents(true));
  assertEquals(endsOf(census.contents(true).polledTogether), "poll-end 1");
});
