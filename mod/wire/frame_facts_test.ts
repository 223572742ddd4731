import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { set16 } from "./bytes.ts";
import { FrameFacts, LONGEST_MTU_FRAME_BYTES } from "./frame_facts.ts";
import { LINKTYPE_ETHERNET, LINKTYPE_PPP, LINKTYPE_RAW } from "./link_types.ts";

/** Ethernet, IPv4 and TCP headers, behind 2 bytes that belong to nobody; the total length is to be filled in. */
const HEADERS = "a5a5" + "020000000002020000000001" + "0800" +
  "45000000000140004006" + "0000" + "c0000201" + "c0000202" +
  "9c40" + "1389" + "00000001" + "00000002" + "5010" + "0000" + "0000" + "0000";
const AT = 2;
const HEADER_BYTES = 54;

function read(
  fields: { totalLength: number; frameBytes: number; capturedBytes?: number; fragmentWord?: number },
): FrameFacts {
  const { totalLength, frameBytes, capturedBytes = HEADER_BYTES, fragmentWord = 0x4000 } = fields;
  const u8 = Uint8Array.fromHex(HEADERS);
  const view = new DataView(u8.buffer);
  view.setUint16(AT + 16, totalLength);
  view.setUint16(AT + 20, fragmentWord);
  const facts = new FrameFacts();
  facts.read(u8, AT, capturedBytes, frameBytes, LINKTYPE_ETHERNET);
  return facts;
}

Deno.test("FrameFacts reads addresses, ports and lengths of a TCP segment", () => {
  const facts = read({ totalLength: 1500, frameBytes: 1514 });
  assertEquals([facts.etherType, facts.isIpv4, facts.protocol, facts.isFragment], [0x0800, true, 6, false]);
  assertEquals([facts.source, facts.destination], [0xc0000201, 0xc0000202]);
  assertEquals([facts.sourcePort, facts.destinationPort], [40000, 5001]);
  assertEquals([facts.ipAt, facts.transportAt], [AT + 14, AT + 34]);
  assertEquals([facts.ipBytes, facts.transportBytes, facts.payloadBytes], [1500, 1480, 1460]);
});

Deno.test("FrameFacts leaves Ethernet padding out, and counts no byte that the frame has not", () => {
  const padded = read({ totalLength: 40, frameBytes: 60 });
  assertEquals([padded.ipBytes, padded.transportBytes, padded.payloadBytes], [40, 20, 0]);
  const short = read({ totalLength: 1500, frameBytes: 1000 });
  assertEquals([short.ipBytes, short.transportBytes, short.payloadBytes], [1500, 966, 946]);
});

Deno.test("FrameFacts takes a total length of 0 for the rest of the frame above 1518 bytes only", () => {
  const longest = read({ totalLength: 0, frameBytes: LONGEST_MTU_FRAME_BYTES });
  assertEquals([longest.ipBytes, longest.transportBytes, longest.payloadBytes], [0, 0, 0]);
  const above = read({ totalLength: 0, frameBytes: 1519 });
  assertEquals([above.ipBytes, above.transportBytes, above.payloadBytes], [1505, 1485, 1465]);
  const bigTcp = read({ totalLength: 0, frameBytes: 80066 });
  assertEquals([bigTcp.ipBytes, bigTcp.payloadBytes, bigTcp.sourcePort], [80052, 80012, 40000]);
});

Deno.test("FrameFacts finds no ports in later fragments, nor where the header was cut off", () => {
  const first = read({ totalLength: 1500, frameBytes: 1514, fragmentWord: 0x2000 });
  assertEquals([first.isFragment, first.sourcePort, first.payloadBytes], [true, 40000, 1460]);
  const later = read({ totalLength: 1500, frameBytes: 1514, fragmentWord: 0x2001 });
  assertEquals([later.isFragment, later.sourcePort, later.payloadBytes], [true, 0, 1480]);
  const cut = read({ totalLength: 1500, frameBytes: 1514, capturedBytes: HEADER_BYTES - 1 });
  assertEquals([cut.isIpv4, cut.sourcePort, cut.destinationPort], [true, 0, 0]);
});

Deno.test("FrameFacts measures the frame that a NIC receives, whatever it was captured with", () => {
  const ipv4 = HEADERS.slice(4 + 2 * 14);
  const facts = new FrameFacts();
  for (
    const [linkType, header, isReframed] of [
      [LINKTYPE_ETHERNET, HEADERS.slice(4, 4 + 2 * 14), false],
      [LINKTYPE_ETHERNET, HEADERS.slice(4, 4 + 2 * 12) + "810000010800", true],
      [LINKTYPE_RAW, "", true],
      [LINKTYPE_PPP, "21", true],
    ] as const
  ) {
    const u8 = Uint8Array.fromHex("a5a5" + header + ipv4);
    const linkBytes = header.length / 2;
    set16(u8, AT + linkBytes + 2, 1500);
    facts.read(u8, AT, u8.length - AT, 1510 + linkBytes, linkType);
    assertEquals([facts.etherType, facts.isIpv4, facts.isReframed], [0x0800, true, isReframed]);
    assertEquals([facts.frameBytes, facts.capturedFrameBytes], [14 + 1510, 14 + 40]);
    const ipAt = AT + linkBytes;
    assertEquals([facts.frameAt, facts.ipAt, facts.transportAt], [ipAt - 14, ipAt, ipAt + 20]);
    assertEquals([facts.ipBytes, facts.payloadBytes, facts.sourcePort], [1500, 1460, 40000]);
  }
});

Deno.test("FrameFacts knows of a packet of another link type nothing but its length", () => {
  const facts = read({ totalLength: 1500, frameBytes: 1514 });
  facts.read(Uint8Array.fromHex(HEADERS), AT, 40, 60, 127);
  assertEquals([facts.etherType, facts.isIpv4, facts.isReframed, facts.payloadBytes], [0, false, true, 0]);
  assertEquals([facts.frameBytes, facts.capturedFrameBytes], [74, 54]);
});

Deno.test("FrameFacts forgets the frame before", () => {
  const fresh = new FrameFacts();
  fresh.read(new Uint8Array(60), 0, 60, 60, LINKTYPE_ETHERNET);
  const { etherType, isIp, protocol, sourcePort, ipBytes, transportBytes, payloadBytes } = fresh;
  assertEquals([etherType, isIp, protocol, sourcePort, ipBytes, transportBytes, payloadBytes], [
    0,
    false,
    ...Array(5).fill(0),
  ]);
  const before = [
    read({ totalLength: 1500, frameBytes: 1514, fragmentWord: 0x2000 }),
    read({ totalLength: 1500, frameBytes: 1514, fragmentWord: 0x2001 }),
    read6(6, TCP_HEADER),
    read6(43, "2c00040100000000" + "060005a9" + "00000001" + TCP_HEADER),
  ];
  for (const facts of before) {
    assertEquals(facts.isIp, true);
    facts.read(new Uint8Array(60), 0, 60, 60, LINKTYPE_ETHERNET);
    assertEquals({ ...facts, transportAt: 0 }, { ...fresh, transportAt: 0 });
  }
});

Deno.test("FrameFacts sees no IPv4 in a frame too short for its header", () => {
  for (const capturedBytes of [0, 13, 14, 33]) {
    const facts = read({ totalLength: 40, frameBytes: 60, capturedBytes });
    assertEquals([facts.isIpv4, facts.isReframed], [false, false]);
    assertEquals([facts.frameBytes, facts.capturedFrameBytes, facts.frameAt], [60, capturedBytes, AT]);
  }
  assertEquals(read({ totalLength: 40, frameBytes: 60, capturedBytes: 34 }).isIpv4, true);
});

const IPV6_ADDRESSES = "20010db8000000000000000000000001" + "20010db8000000000000000000000002";
const TCP_HEADER = "9c40" + "1389" + "00000001" + "00000002" + "8010" + "00000000" + "0000" + "00".repeat(12);

/** Reads an IPv6 frame: Ethernet, the IPv6 header, `hex`; the payload length is what the frame holds, if not said. */
function read6(
  nextHeader: number,
  hex: string,
  fields: { payloadLength?: number; frameBytes?: number; capturedBytes?: number } = {},
): FrameFacts {
  const headers = 54 + hex.length / 2;
  const { frameBytes = headers, capturedBytes = Math.min(headers, frameBytes) } = fields;
  const { payloadLength = frameBytes - 54 } = fields;
  const words = [0x6000, 0, payloadLength, (nextHeader << 8) | 64].map((word) => word.toString(16).padStart(4, "0"));
  const u8 = Uint8Array.fromHex("a5a5" + "020000000002020000000001" + "86dd" + words.join("") + IPV6_ADDRESSES + hex);
  const facts = new FrameFacts();
  facts.read(u8, AT, capturedBytes, frameBytes, LINKTYPE_ETHERNET);
  return facts;
}

Deno.test("FrameFacts reads version, ports and lengths of a TCP segment over IPv6", () => {
  const facts = read6(6, TCP_HEADER, { frameBytes: 1514 });
  assertEquals([facts.etherType, facts.ipVersion, facts.isIp, facts.isIpv6, facts.isIpv4], [
    0x86dd,
    6,
    true,
    true,
    false,
  ]);
  assertEquals([facts.protocol, facts.sourcePort, facts.destinationPort, facts.isFragment], [6, 40000, 5001, false]);
  assertEquals([facts.source, facts.destination], [0, 0]);
  assertEquals([facts.ipAt, facts.transportAt], [AT + 14, AT + 54]);
  assertEquals([facts.ipBytes, facts.transportBytes, facts.payloadBytes], [1500, 1460, 1428]);
});

Deno.test("FrameFacts finds ports and payload behind extension headers", () => {
  const options = "3c00000000000000" + "1101" + "00".repeat(14);
  const facts = read6(0, options + "1389" + "9c40" + "0000" + "0000", { frameBytes: 1514 });
  assertEquals([facts.protocol, facts.sourcePort, facts.destinationPort], [17, 5001, 40000]);
  assertEquals([facts.transportAt, facts.ipBytes], [AT + 54 + 24, 1500]);
  assertEquals([facts.transportBytes, facts.payloadBytes], [1460 - 24, 1460 - 24 - 8]);
  assertEquals(facts.hasSegmentsLeft, false);
  assertEquals(read6(43, "1100000100000000" + "00".repeat(8)).hasSegmentsLeft, true);
});

Deno.test("FrameFacts leaves padding behind an IPv6 packet out, and counts no byte that the frame has not", () => {
  const padded = read6(17, "00350035" + "00080000", { payloadLength: 8, frameBytes: 90 });
  assertEquals([padded.ipBytes, padded.transportBytes, padded.payloadBytes, padded.sourcePort], [48, 8, 0, 53]);
  const short = read6(6, TCP_HEADER, { payloadLength: 1460, frameBytes: 1000 });
  assertEquals([short.ipBytes, short.transportBytes, short.payloadBytes], [1500, 946, 914]);
  const tiny = read6(6, TCP_HEADER, { payloadLength: 19, frameBytes: 86 });
  assertEquals([tiny.ipBytes, tiny.transportBytes, tiny.sourcePort], [59, 19, 0]);
});

Deno.test("FrameFacts takes an IPv6 payload length of 0 for the rest of a jumbogram and of frames above 1518 bytes", () => {
  const jumbo = "0600c204" + "00013880"; // BIG TCP: 80000 bytes.
  const bigTcp = read6(0, jumbo + TCP_HEADER, { payloadLength: 0, frameBytes: 54 + 80000 });
  assertEquals([bigTcp.ipBytes, bigTcp.transportAt, bigTcp.payloadBytes], [80040, AT + 62, 80000 - 8 - 32]);
  assertEquals([bigTcp.protocol, bigTcp.sourcePort], [6, 40000]);
  const small = read6(0, jumbo + TCP_HEADER, { payloadLength: 0 });
  assertEquals([small.ipBytes, small.sourcePort], [80, 40000]);
  const tso = read6(6, TCP_HEADER, { payloadLength: 0, frameBytes: 30054 });
  assertEquals([tso.ipBytes, tso.payloadBytes, tso.sourcePort], [30040, 30000 - 32, 40000]);
  const longest = read6(6, TCP_HEADER, { payloadLength: 0, frameBytes: LONGEST_MTU_FRAME_BYTES });
  assertEquals([longest.ipBytes, longest.transportBytes, longest.payloadBytes, longest.sourcePort], [40, 0, 0, 0]);
});

Deno.test("FrameFacts finds ports in the first fragment of IPv6, not in later ones", () => {
  const first = read6(44, "06000001" + "00000001" + TCP_HEADER, { frameBytes: 1510 });
  assertEquals([first.isFragment, first.protocol, first.sourcePort, first.payloadBytes], [true, 6, 40000, 1448 - 32]);
  const later = read6(44, "060005a9" + "00000001" + TCP_HEADER, { frameBytes: 1510 });
  assertEquals([later.isFragment, later.protocol, later.sourcePort, later.payloadBytes], [true, 6, 0, 1448]);
  const lonely = read6(44, "06000000" + "00000001" + TCP_HEADER);
  assertEquals([lonely.isFragment, lonely.sourcePort], [false, 40000]);
});

Deno.test("FrameFacts stops at an extension header that is cut off, by the capture or by the packet", () => {
  for (const fields of [{ capturedBytes: 61, frameBytes: 1514 }, { payloadLength: 7 }]) {
    const facts = read6(60, "0600000000000000" + TCP_HEADER, fields);
    assertEquals([facts.isIpv6, facts.protocol, facts.sourcePort, facts.transportAt], [true, 60, 0, AT + 54]);
    assertEquals(facts.payloadBytes, facts.ipBytes - 40);
  }
  const cut = read6(6, TCP_HEADER, { capturedBytes: 73, frameBytes: 1514 });
  assertEquals([cut.isIpv6, cut.protocol, cut.sourcePort, cut.payloadBytes], [true, 6, 0, 1460]);
});

Deno.test("FrameFacts sees no IPv6 in a frame too short for its header, nor of another version", () => {
  for (const capturedBytes of [13, 14, 53]) {
    const facts = read6(6, TCP_HEADER, { capturedBytes });
    assertEquals([facts.isIp, facts.isIpv6, facts.ipVersion], [false, false, 0]);
  }
  assertEquals(read6(6, TCP_HEADER, { capturedBytes: 54 }).isIpv6, true);
  const facts = new FrameFacts();
  const u8 = new Uint8Array(100).fill(0x45);
  u8.set([0x86, 0xdd], 12);
  facts.read(u8, 0, 100, 100, LINKTYPE_ETHERNET);
  assertEquals([facts.etherType, facts.isIp], [0x86dd, false]);
});

Deno.test("FrameFacts closes its lengths over any frame, and looks at no byte outside of it", () => {
  const byte = fc.oneof(fc.constantFrom(0, 1, 4, 6, 17, 43, 44, 60, 0x45, 0x60), fc.nat(255));
  const type = fc.constantFrom([0x08, 0x00, 0x45], [0x86, 0xdd, 0x60]);
  const body = fc.array(byte, { maxLength: 160, size: "max" });
  fc.assert(
    fc.property(type, body, fc.nat(3000), fc.nat(40), (head, rest, missing, lost) => {
      const bytes = [...new Array(12).fill(0), ...head, ...rest];
      const captured = Math.max(0, bytes.length - lost);
      const one = Uint8Array.from([...bytes.slice(0, captured), ...new Array(100).fill(0)]);
      const other = Uint8Array.from([...bytes.slice(0, captured), ...new Array(100).fill(0x2c)]);
      const [facts, again] = [new FrameFacts(), new FrameFacts()];
      facts.read(one, 0, captured, captured + missing, LINKTYPE_ETHERNET);
      again.read(other, 0, captured, captured + missing, LINKTYPE_ETHERNET);
      assertEquals({ ...facts }, { ...again });
      if (!facts.isIp) return;
      const { frameBytes, ipAt, ipBytes, transportAt, transportBytes, payloadBytes } = facts;
      assertEquals(transportBytes, Math.max(0, Math.min(ipBytes, frameBytes - 14) - (transportAt - ipAt)));
      assertEquals(payloadBytes >= 0 && payloadBytes <= transportBytes, true);
    }),
    { numRuns: 2000 },
  );
});
