import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Ipv6Extensions } from "./ipv6_extensions.ts";

const AT = 3;

/** An IPv6 packet at offset 3 of dirty memory: its header, then `hex`. */
function packet(nextHeader: number, hex: string): Uint8Array {
  const header = "60000000" + (hex.length / 2).toString(16).padStart(4, "0") +
    nextHeader.toString(16).padStart(2, "0") +
    "40" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002";
  return Uint8Array.fromHex("a5a5a5" + header + hex + "a5a5a5a5");
}

function read(nextHeader: number, hex: string, missingBytes: number = 0): Ipv6Extensions {
  const extensions = new Ipv6Extensions();
  const u8 = packet(nextHeader, hex);
  extensions.read(u8, AT, u8.length - 4 - missingBytes);
  return extensions;
}

/** Protocol, and offset behind the IPv6 header of the transport and of the byte that says the protocol. */
function found({ protocol, transportAt, protocolAt, isMalformed }: Ipv6Extensions): (number | boolean)[] {
  return [protocol, transportAt - AT - 40, protocolAt - AT - 40, isMalformed];
}

Deno.test("Ipv6Extensions.read() finds the transport behind no, one and many extension headers", () => {
  assertEquals(found(read(6, "")), [6, 0, -34, false]);
  assertEquals(found(read(0, "1100010400000000" + "a5a5")), [17, 8, 0, false]);
  const routing = "3c02" + "0000" + "00".repeat(20);
  const options = "8700" + "00".repeat(6);
  const mobility = "0600" + "00".repeat(6);
  const chain = "2b00" + "00".repeat(6) + routing + options + mobility;
  assertEquals(found(read(0, chain + "00".repeat(20))), [6, 8 + 24 + 8 + 8, 8 + 24 + 8, false]);
});

Deno.test("Ipv6Extensions.read() stops at ESP, AH, no next header, and what nobody knows", () => {
  for (const protocol of [50, 51, 59, 41, 4, 58, 253]) {
    const next = protocol.toString(16).padStart(2, "0");
    assertEquals(found(read(60, next + "00000000000000" + "00".repeat(16))), [protocol, 8, 0, false]);
    assertEquals(found(read(protocol, "00".repeat(16))), [protocol, 0, -34, false]);
  }
});

Deno.test("Ipv6Extensions.read() tells first, middle, last and lonely fragments", () => {
  const fragment = (word: string) => {
    const extensions = read(44, "3c00" + word + "00000001" + "1100000000000000" + "00".repeat(16));
    const { isFragment, fragmentAt, fragmentOffsetBytes, moreFragments } = extensions;
    assertEquals(fragmentAt, AT + 40);
    return [isFragment, fragmentOffsetBytes, moreFragments, ...found(extensions).slice(0, 2)];
  };
  assertEquals(fragment("0001"), [true, 0, true, 17, 16]);
  assertEquals(fragment("05a9"), [true, 1448, true, 60, 8]); // What follows is data, whatever its number says.
  assertEquals(fragment("05a8"), [true, 1448, false, 60, 8]);
  assertEquals(fragment("fff8"), [true, 65528, false, 60, 8]);
  assertEquals(fragment("0000"), [false, 0, false, 17, 16]);
  assertEquals(fragment("0006"), [false, 0, false, 17, 16], "Reserved bits mean nothing.");
});

Deno.test("Ipv6Extensions.read() remembers a fragment behind which another fragment header stands", () => {
  const extensions = read(44, "2c00" + "0001" + "00000001" + "1100" + "0000" + "00000002" + "00".repeat(8));
  assertEquals([extensions.isFragment, extensions.fragmentAt, extensions.protocol], [true, AT + 40, 17]);
});

Deno.test("Ipv6Extensions.read() sees segments left in a routing header", () => {
  const routed = (left: string) => read(43, "0602" + "00" + left + "00".repeat(20) + "00".repeat(20)).hasSegmentsLeft;
  assertEquals([routed("00"), routed("01"), routed("ff")], [false, true, true]);
  assertEquals(read(60, "0600" + "00ff" + "00000000" + "00".repeat(20)).hasSegmentsLeft, false);
});

Deno.test("Ipv6Extensions.read() stops at the header that goes beyond the end", () => {
  assertEquals(found(read(0, "1101" + "00".repeat(14), 1)), [0, 0, -34, true]);
  assertEquals(found(read(0, "11ff" + "00".repeat(14))), [0, 0, -34, true]);
  assertEquals(found(read(44, "11000000000000", 0)), [44, 0, -34, true]);
  assertEquals(found(read(0, "2c00000000000000" + "11")), [44, 8, 0, true]);
  assertEquals(found(read(60, "")), [60, 0, -34, true]);
});

Deno.test("Ipv6Extensions.read() knows nothing of a packet shorter than the IPv6 header", () => {
  assertEquals(found(read(6, "", 1)), [59, -40, -34, true]);
  const extensions = new Ipv6Extensions();
  extensions.read(new Uint8Array(0), 0, 0);
  assertEquals([extensions.protocol, extensions.transportAt, extensions.isMalformed], [59, 0, true]);
});

Deno.test("Ipv6Extensions.read() forgets the packet before", () => {
  const extensions = read(43, "2c00" + "0001" + "00000000" + "1100" + "05a9" + "00000000");
  assertEquals([extensions.isFragment, extensions.hasSegmentsLeft, extensions.fragmentOffsetBytes], [true, true, 1448]);
  const u8 = packet(6, "00".repeat(20));
  extensions.read(u8, AT, u8.length - 4);
  const fresh = new Ipv6Extensions();
  fresh.read(u8, AT, u8.length - 4);
  assertEquals({ ...extensions }, { ...fresh });
});

Deno.test("Ipv6Extensions.read() ends within any packet and never depends on bytes outside of it", () => {
  // Numbers of extension headers are as likely as all others together, and lengths are small.
  const byte = fc.oneof(fc.constantFrom(0, 0, 1, 43, 44, 60, 135), fc.nat(255));
  const bodies = fc.array(byte, { maxLength: 200, size: "max" });
  fc.assert(
    fc.property(byte, bodies, fc.nat(60), (nextHeader, body, missingBytes) => {
      const one = packet(nextHeader, Uint8Array.from(body).toHex());
      const end = Math.max(AT, one.length - 4 - missingBytes);
      const other = one.slice();
      one.fill(0x00, end);
      other.fill(0x2c, end);
      const extensions = new Ipv6Extensions();
      extensions.read(one, AT, end);
      const facts = { ...extensions };
      extensions.read(other, AT, end);
      assertEquals({ ...extensions }, facts);
      assertEquals(facts.transportAt >= AT && facts.transportAt <= end, true);
      assertEquals(facts.protocolAt < facts.transportAt || facts.isMalformed, true);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("Ipv6Extensions.read() walks through a megabyte of the smallest headers", () => {
  const u8 = new Uint8Array(40 + (1 << 20));
  u8.fill(0, 0, u8.length);
  const extensions = new Ipv6Extensions();
  extensions.read(u8, 0, u8.length);
  assertEquals([extensions.protocol, extensions.transportAt, extensions.isMalformed], [0, u8.length, true]);
});
