import { assertEquals } from "@std/assert";
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
  const facts = read({ totalLength: 1500, frameBytes: 1514, fragmentWord: 0x2000 });
  facts.read(new Uint8Array(60), 0, 60, 60, LINKTYPE_ETHERNET);
  const { isIpv4, isFragment, protocol, sourcePort, destinationPort } = facts;
  assertEquals([isIpv4, isFragment, protocol, sourcePort, destinationPort], [false, false, 0, 0, 0]);
  assertEquals([facts.etherType, facts.ipBytes, facts.transportBytes, facts.payloadBytes], [0, 0, 0, 0]);
});

Deno.test("FrameFacts sees no IPv4 in a frame too short for its header", () => {
  for (const capturedBytes of [0, 13, 14, 33]) {
    const facts = read({ totalLength: 40, frameBytes: 60, capturedBytes });
    assertEquals([facts.isIpv4, facts.isReframed], [false, false]);
    assertEquals([facts.frameBytes, facts.capturedFrameBytes, facts.frameAt], [60, capturedBytes, AT]);
  }
  assertEquals(read({ totalLength: 40, frameBytes: 60, capturedBytes: 34 }).isIpv4, true);
});
