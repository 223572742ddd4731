import { assertEquals } from "@std/assert";
import { FrameFacts, LONGEST_MTU_FRAME_BYTES } from "./frame_facts.ts";

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
  facts.read(u8, AT, capturedBytes, frameBytes);
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

Deno.test("FrameFacts forgets the frame before", () => {
  const facts = read({ totalLength: 1500, frameBytes: 1514, fragmentWord: 0x2000 });
  facts.read(new Uint8Array(60), 0, 60, 60);
  const { isIpv4, isFragment, protocol, sourcePort, destinationPort } = facts;
  assertEquals([isIpv4, isFragment, protocol, sourcePort, destinationPort], [false, false, 0, 0, 0]);
  assertEquals([facts.etherType, facts.ipBytes, facts.transportBytes, facts.payloadBytes], [0, 0, 0, 0]);
});

Deno.test("FrameFacts sees no IPv4 in a frame too short for its header", () => {
  for (const capturedBytes of [0, 13, 14, 33]) {
    assertEquals(read({ totalLength: 40, frameBytes: 60, capturedBytes }).isIpv4, false);
  }
  assertEquals(read({ totalLength: 40, frameBytes: 60, capturedBytes: 34 }).isIpv4, true);
});
