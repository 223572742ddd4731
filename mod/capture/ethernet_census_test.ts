import { assertEquals } from "@std/assert";
import { flowOf } from "../stages/testing.ts";
import { udpFrame } from "../stages/testing_frames.ts";
import { type ChecksumCounts, EthernetCensus, type EthernetContents, TOP_FLOWS } from "./ethernet_census.ts";
import { CapturePacket } from "./packet.ts";
import { buildFrame, type FrameFields } from "./testing_frames.ts";
import { linksOf } from "./testing_links.ts";

/** The packet of a frame of which only `capturedBytes` were captured, at an odd place in a larger array. */
function packetOf(frame: Uint8Array, capturedBytes: number = frame.length): CapturePacket {
  const packet = new CapturePacket();
  packet.bytes = new Uint8Array(3 + capturedBytes + 100).fill(0xa5);
  packet.bytes.set(frame.subarray(0, capturedBytes), 3);
  packet.offset = 3;
  packet.capturedBytes = capturedBytes;
  packet.originalBytes = frame.length;
  packet.linkType = 1;
  return packet;
}

function contentsOf(...frames: Uint8Array[]): EthernetContents {
  const census = new EthernetCensus();
  for (const frame of frames) census.add(packetOf(frame));
  return census.contents();
}

function checksumOf(fields: FrameFields, missingBytes: number = 0): ChecksumCounts {
  const census = new EthernetCensus();
  const frame = buildFrame(fields);
  census.add(packetOf(frame, frame.length - missingBytes));
  return census.contents().checksums;
}

const NONE: ChecksumCounts = { complete: 0, pseudoHeaderOnly: 0, wrong: 0, unchecked: 0 };
const COMPLETE = { ...NONE, complete: 1 };
const PSEUDO_HEADER_ONLY = { ...NONE, pseudoHeaderOnly: 1 };
const WRONG = { ...NONE, wrong: 1 };
const UNCHECKED = { ...NONE, unchecked: 1 };

Deno.test("EthernetCensus counts frames by EtherType, damaged tags and short frames as other", () => {
  const types = [0x0800, 0x86dd, 0x86dd, 0x0806, 0x0806, 0x0806, 0x8100, 0x8847, 0x0026];
  const frames = types.map((etherType) => buildFrame({ etherType }));
  const { network, flows } = contentsOf(...frames, new Uint8Array(13), new Uint8Array(0));
  assertEquals(network, { ipv4: 1, ipv6: 2, arp: 3, other: 5 });
  assertEquals(flows, 1);
});

for (const ipVersion of [4, 6] as const) {
  Deno.test(`EthernetCensus looks for IPv${ipVersion} behind tags and other link layers, and counts what they were taken off`, () => {
    const census = new EthernetCensus();
    const frame = buildFrame({ ipVersion });
    const links = linksOf(frame.length - 14, ipVersion);
    for (const { linkType, header } of links) {
      const packet = packetOf(Uint8Array.from([...header, ...frame.subarray(14), 0, 0]));
      packet.linkType = linkType;
      census.add(packet);
    }
    const { reframed, network, checksums, flows, payloadBytes } = census.contents();
    assertEquals([reframed, network[`ipv${ipVersion}`], checksums.complete], [
      links.length - 1,
      links.length,
      links.length,
    ]);
    assertEquals([flows, payloadBytes], [1, 100 * links.length]);
  });
}

Deno.test("EthernetCensus counts IP frames by protocol, those with an unreadable header as other", () => {
  const protocols = [6, 17, 17, 1, 1, 1, 50, 50, 50, 50, 47, 51];
  const frames = protocols.map((protocol) => buildFrame({ protocol }));
  const version6 = buildFrame();
  version6[14] = 0x65;
  const shortHeader = buildFrame();
  shortHeader[14] = 0x44;
  const contents = contentsOf(...frames, version6, shortHeader, buildFrame().subarray(0, 33));
  assertEquals(contents.transport, { tcp: 1, udp: 2, icmp: 3, icmpv6: 0, esp: 4, other: 5 });
  assertEquals(contents.network.ipv4, protocols.length + 3);
  assertEquals(contents.flows, 6);
  assertEquals(contents.checksums, { ...NONE, complete: 3, unchecked: 12 });
});

Deno.test("EthernetCensus counts IPv6 frames by the protocol behind their extension headers", () => {
  const options = [...[0, 0, 1, 4], 0, 0, 0, 0];
  const frames = [6, 17, 17, 58, 58, 58, 50, 50, 50, 50, 59].map((protocol) => {
    return buildFrame({ ipVersion: 6, protocol, nextHeader: 60, extensions: options.with(0, protocol) });
  });
  const version4 = buildFrame({ ipVersion: 6 });
  version4[14] = 0x45;
  const cutExtension = buildFrame({ ipVersion: 6, nextHeader: 60, extensions: [6, 200, 0, 0, 0, 0, 0, 0] });
  const contents = contentsOf(...frames, version4, cutExtension, buildFrame({ ipVersion: 6 }).subarray(0, 53));
  assertEquals(contents.transport, { tcp: 1, udp: 2, icmp: 0, icmpv6: 3, esp: 4, other: 4 });
  assertEquals(contents.network, { ipv4: 0, ipv6: frames.length + 3, arp: 0, other: 0 });
  assertEquals([contents.flows, contents.payloadBytes], [6, 300]);
  assertEquals(contents.checksums, { ...NONE, complete: 3, unchecked: 11 });
  const protocols = contents.topFlows.map((flow) => flow.protocol);
  assertEquals(protocols.toSorted(), ["esp", "icmpv6", "protocol-59", "protocol-60", "tcp", "udp"]);
});

Deno.test("EthernetCensus describes flows of IPv6 in the words of RFC 5952, apart from those of IPv4", () => {
  const mapped = [...Array<number>(10).fill(0), 0xff, 0xff, 192, 0, 2, 1];
  const { topFlows, flows } = contentsOf(
    buildFrame({ ipVersion: 6, payloadBytes: 1440 }),
    buildFrame({ ipVersion: 6, payloadBytes: 1439 }),
    buildFrame({ ipVersion: 6, source: mapped, protocol: 58 }),
    buildFrame(),
  );
  const described = topFlows.map((flow) => [flow.source, flow.sourcePort, flow.packets, flow.fullSizeSegments]);
  assertEquals(described, [
    ["2001:db8::1", 40000, 2, 1],
    ["::ffff:192.0.2.1", null, 1, null],
    ["192.0.2.1", 40000, 1, 0],
  ]);
  assertEquals([flows, topFlows[0]?.destination], [3, "2001:db8::2"]);
});

Deno.test("EthernetCensus tells complete checksums from pseudo-header sums and from wrong ones over IPv6", () => {
  const options = [6, 0, 1, 4, 0, 0, 0, 0];
  for (const extra of [{}, { paddingBytes: 9 }, { nextHeader: 0, extensions: options }]) {
    for (const protocol of [6, 17]) {
      const fields = { ipVersion: 6, protocol, ...extra } as const;
      if ("extensions" in extra) extra.extensions[0] = protocol;
      assertEquals(checksumOf(fields), COMPLETE);
      assertEquals(checksumOf({ ...fields, checksum: "pseudo-header" }), PSEUDO_HEADER_ONLY);
      assertEquals(checksumOf({ ...fields, checksum: 0x1234 }), WRONG);
      assertEquals(checksumOf({ ...fields, checksum: 0 }), WRONG, "IPv6 knows no UDP without a checksum.");
      assertEquals(checksumOf(fields, 10), UNCHECKED);
    }
  }
});

Deno.test("EthernetCensus leaves IPv6 checksums unchecked in fragments and where segments are left", () => {
  const fragment = (word: number) => ({ nextHeader: 44, extensions: [17, 0, word >> 8, word & 0xff, 0, 0, 0, 1] });
  const checksum = (extra: Partial<FrameFields>) => checksumOf({ ipVersion: 6, protocol: 17, ...extra });
  assertEquals([checksum(fragment(1)), checksum(fragment(8))], [UNCHECKED, UNCHECKED]);
  assertEquals(checksum(fragment(0)), COMPLETE, "A lonely fragment is a whole packet.");
  const routing = (left: number) => ({ nextHeader: 43, extensions: [17, 0, 4, left, 0, 0, 0, 0] });
  assertEquals([checksum(routing(0)), checksum(routing(1))], [COMPLETE, UNCHECKED]);
});

Deno.test("EthernetCensus reads an IPv6 super-packet of payload length 0 to the end of its frame", () => {
  const jumbo = [6, 0, 0xc2, 4, 0, 1, 0x38, 0x9c];
  const fields = { ipVersion: 6, payloadBytes: 80000, totalLength: 0, checksum: "pseudo-header" } as const;
  for (const extra of [{}, { nextHeader: 0, extensions: jumbo }]) {
    const contents = contentsOf(buildFrame({ ...fields, ...extra }));
    assertEquals([contents.payloadBytes, contents.topFlows[0]?.fullSizeSegments], [80000, 1]);
    assertEquals(contents.checksums, PSEUDO_HEADER_ONLY);
  }
});

Deno.test("EthernetCensus counts TCP and UDP payload without padding, and none of other protocols", () => {
  const { payloadBytes } = contentsOf(
    buildFrame({ payloadBytes: 1, paddingBytes: 5 }),
    buildFrame({ protocol: 17, payloadBytes: 20, paddingBytes: 4 }),
    buildFrame({ protocol: 1, payloadBytes: 300 }),
    buildFrame({ protocol: 50, payloadBytes: 4000 }),
  );
  assertEquals(payloadBytes, 21);
});

Deno.test("EthernetCensus counts payload that the capture lacks", () => {
  const census = new EthernetCensus();
  census.add(packetOf(buildFrame({ payloadBytes: 1460 }), 64));
  const { payloadBytes, topFlows } = census.contents();
  assertEquals([payloadBytes, topFlows[0]?.fullSizeSegments], [1460, 1]);
});

Deno.test("EthernetCensus counts fragments, and the payload of all of them", () => {
  const first = buildFrame({ protocol: 17, payloadBytes: 1472, fragmentWord: 0x2000 });
  const last = buildFrame({ protocol: 17, payloadBytes: 520, fragmentWord: 1480 / 8 });
  const contents = contentsOf(first, last, buildFrame({ protocol: 17, payloadBytes: 7 }));
  // The last fragment has no UDP header: all of its 528 bytes are payload.
  assertEquals([contents.fragments, contents.payloadBytes], [2, 1472 + 528 + 7]);
  assertEquals(contents.checksums, { ...NONE, complete: 1, unchecked: 2 });
  const ports = contents.topFlows.map((flow) => [flow.sourcePort, flow.destinationPort, flow.packets]);
  assertEquals(ports, [[40000, 5001, 2], [null, null, 1]]);
});

Deno.test("EthernetCensus tells complete checksums from pseudo-header sums and from wrong ones", () => {
  for (const protocol of [6, 17]) {
    for (const payloadBytes of [0, 1, 100, 1460]) {
      assertEquals(checksumOf({ protocol, payloadBytes }), COMPLETE);
      assertEquals(checksumOf({ protocol, payloadBytes, paddingBytes: 9 }), COMPLETE);
      assertEquals(checksumOf({ protocol, payloadBytes, checksum: "pseudo-header" }), PSEUDO_HEADER_ONLY);
      assertEquals(checksumOf({ protocol, payloadBytes, checksum: 0x1234 }), WRONG);
    }
  }
});

Deno.test("EthernetCensus leaves a checksum unchecked where bytes of it are missing, not where padding is", () => {
  assertEquals(checksumOf({ paddingBytes: 6 }, 6), COMPLETE);
  assertEquals(checksumOf({ paddingBytes: 6 }, 7), UNCHECKED);
  assertEquals(checksumOf({}, 1), UNCHECKED);
  assertEquals(checksumOf({ protocol: 17 }, 1), UNCHECKED);
  assertEquals(checksumOf({ totalLength: 141 }), UNCHECKED, "The IP header claims a byte that the frame has not.");
});

Deno.test("EthernetCensus leaves unchecked what has no checksum to check", () => {
  assertEquals(checksumOf({ protocol: 1 }), UNCHECKED);
  assertEquals(checksumOf({ protocol: 50 }), UNCHECKED);
  assertEquals(checksumOf({ fragmentWord: 0x2000 }), UNCHECKED);
  assertEquals(checksumOf({ protocol: 17, checksum: 0 }), UNCHECKED);
  assertEquals(checksumOf({ checksum: 0 }), WRONG, "0 means nothing special in TCP.");
  const sequenceOfZero = buildFrame({ checksum: 0x1234 }).fill(0, 38, 42);
  assertEquals(contentsOf(sequenceOfZero).checksums, WRONG, "Nor does it where UDP has its checksum.");
  assertEquals(checksumOf({ totalLength: 39 }), UNCHECKED, "19 bytes are no TCP header.");
  assertEquals(checksumOf({ protocol: 17, totalLength: 27 }), UNCHECKED, "7 bytes are no UDP header.");
});

Deno.test("EthernetCensus takes the length of a UDP checksum from the UDP header", () => {
  assertEquals(checksumOf({ protocol: 17, udpLength: 88 }), COMPLETE);
  assertEquals(checksumOf({ protocol: 17, udpLength: 8 }), COMPLETE);
  assertEquals(checksumOf({ protocol: 17, udpLength: 88, checksum: "pseudo-header" }), PSEUDO_HEADER_ONLY);
  assertEquals(checksumOf({ protocol: 17, udpLength: 7 }), UNCHECKED);
  assertEquals(checksumOf({ protocol: 17, udpLength: 109 }), UNCHECKED);
});

Deno.test("EthernetCensus reads a super-packet of total length 0 to the end of its frame", () => {
  const contents = contentsOf(buildFrame({ payloadBytes: 80000, totalLength: 0, checksum: "pseudo-header" }));
  assertEquals(contents.payloadBytes, 80000);
  assertEquals(contents.checksums, PSEUDO_HEADER_ONLY);
  assertEquals(contents.topFlows[0]?.fullSizeSegments, 1);
});

Deno.test("EthernetCensus counts as full-size the TCP segments that fill 1500 bytes, fragments apart", () => {
  const { topFlows } = contentsOf(
    buildFrame({ payloadBytes: 1460 }),
    buildFrame({ payloadBytes: 1459 }),
    buildFrame({ payloadBytes: 9000 }),
    buildFrame({ payloadBytes: 1460, fragmentWord: 0x2000 }),
    buildFrame({ protocol: 17, payloadBytes: 1472 }),
    buildFrame({ protocol: 50, payloadBytes: 1480 }),
  );
  assertEquals(topFlows.map((flow) => [flow.protocol, flow.packets, flow.fullSizeSegments]), [
    ["tcp", 4, 2],
    ["esp", 1, null],
    ["udp", 1, null],
  ]);
});

Deno.test("EthernetCensus describes a flow by addresses, ports and protocol, each direction apart", () => {
  const { flows, topFlows } = contentsOf(
    buildFrame({ source: [10, 0, 0, 255], destination: [224, 1, 2, 3], sourcePort: 65535, destinationPort: 0 }),
    buildFrame({ source: [224, 1, 2, 3], destination: [10, 0, 0, 255], sourcePort: 0, destinationPort: 65535 }),
    buildFrame({ protocol: 47 }),
  );
  assertEquals(flows, 3);
  assertEquals(topFlows.map(({ aggregation: _, ...flow }) => flow), [
    {
      source: "10.0.0.255",
      destination: "224.1.2.3",
      sourcePort: 65535,
      destinationPort: null,
      protocol: "tcp",
      packets: 1,
      payloadBytes: 100,
      fullSizeSegments: 0,
    },
    {
      source: "224.1.2.3",
      destination: "10.0.0.255",
      sourcePort: null,
      destinationPort: 65535,
      protocol: "tcp",
      packets: 1,
      payloadBytes: 100,
      fullSizeSegments: 0,
    },
    {
      source: "192.0.2.1",
      destination: "192.0.2.2",
      sourcePort: null,
      destinationPort: null,
      protocol: "protocol-47",
      packets: 1,
      payloadBytes: 100,
      fullSizeSegments: null,
    },
  ]);
});

Deno.test("EthernetCensus lists the flows with the most payload, the earlier one first among equals", () => {
  const payloads = [5, 9, 9, 1, 30, 5, 7, 7, 0, 5, 30, 5, 5, 8];
  const frames = payloads.map((payloadBytes, flow) => buildFrame({ sourcePort: flow + 1, payloadBytes }));
  const { flows, topFlows } = contentsOf(...frames);
  assertEquals(flows, payloads.length);
  const ranked = payloads.map((payloadBytes, flow) => [payloadBytes, flow + 1] as const);
  ranked.sort((a, b) => b[0] - a[0]); // Sorting is stable.
  assertEquals(
    topFlows.map((flow) => [flow.payloadBytes, flow.sourcePort!]),
    ranked.slice(0, TOP_FLOWS).map(([...pair]) => pair),
  );
});

Deno.test("EthernetCensus says of a capture and of each TCP flow how it would aggregate, wrong checksums considered", () => {
  const flow = flowOf(6, { 4: { checksumError: 1 } });
  const other = flowOf(3, {}, { sourcePort: 7, payloadBytes: 1200 });
  const { aggregation, topFlows } = contentsOf(...flow, udpFrame(), ...other, new Uint8Array(60));
  assertEquals([aggregation.packets, aggregation.polledTogether.mergedPackets], [9, 5]);
  assertEquals(aggregation.polledTogether.ends, [
    { reason: "poll-end", aggregates: 2 },
    { reason: "sequence", aggregates: 1 },
    { reason: "tcp-checksum", aggregates: 1 },
  ]);
  assertEquals(topFlows.map((flow) => flow.aggregation?.polledTogether.mergedPackets), [3, 2, undefined]);
});

Deno.test("EthernetCensus adds the packets of a flow up, wherever they are among others", () => {
  const frames = [1, 2, 3, 1, 2, 1].map((sourcePort) => buildFrame({ sourcePort, payloadBytes: 100 * sourcePort }));
  const { topFlows } = contentsOf(...frames);
  assertEquals(topFlows.map((flow) => [flow.sourcePort, flow.packets, flow.payloadBytes]), [
    [2, 2, 400],
    [1, 3, 300],
    [3, 1, 300],
  ]);
});
