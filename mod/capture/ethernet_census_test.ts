import { assertEquals } from "@std/assert";
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

Deno.test("EthernetCensus looks behind tags and other link layers, and counts what they were taken off", () => {
  const census = new EthernetCensus();
  const frame = buildFrame();
  for (const { linkType, header } of linksOf(140)) {
    const packet = packetOf(Uint8Array.from([...header, ...frame.subarray(14), 0, 0]));
    packet.linkType = linkType;
    census.add(packet);
  }
  const links = linksOf(140).length;
  const { reframed, network, checksums, flows, payloadBytes } = census.contents();
  assertEquals([reframed, network.ipv4, checksums.complete], [links - 1, links, links]);
  assertEquals([flows, payloadBytes], [1, 100 * links]);
});

Deno.test("EthernetCensus counts IPv4 frames by protocol, those with an unreadable header as other", () => {
  const protocols = [6, 17, 17, 1, 1, 1, 50, 50, 50, 50, 47, 51];
  const frames = protocols.map((protocol) => buildFrame({ protocol }));
  const version6 = buildFrame();
  version6[14] = 0x65;
  const shortHeader = buildFrame();
  shortHeader[14] = 0x44;
  const contents = contentsOf(...frames, version6, shortHeader, buildFrame().subarray(0, 33));
  assertEquals(contents.transport, { tcp: 1, udp: 2, icmp: 3, esp: 4, other: 5 });
  assertEquals(contents.network.ipv4, protocols.length + 3);
  assertEquals(contents.flows, 6);
  assertEquals(contents.checksums, { ...NONE, complete: 3, unchecked: 12 });
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
  assertEquals(topFlows, [
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

Deno.test("EthernetCensus adds the packets of a flow up, wherever they are among others", () => {
  const frames = [1, 2, 3, 1, 2, 1].map((sourcePort) => buildFrame({ sourcePort, payloadBytes: 100 * sourcePort }));
  const { topFlows } = contentsOf(...frames);
  assertEquals(topFlows.map((flow) => [flow.sourcePort, flow.packets, flow.payloadBytes]), [
    [2, 2, 400],
    [1, 3, 300],
    [3, 1, 300],
  ]);
});
