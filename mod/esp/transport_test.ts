import { assertEquals } from "@std/assert";
import fc from "fast-check";
import * as ipv4 from "../wire/ipv4.ts";
import { EspInsertion, writeTransportHeader } from "./transport.ts";

const HOP_BY_HOP = 0;
const TCP = 6;
const ROUTING = 43;
const FRAGMENT = 44;
const ESP = 50;
const AUTHENTICATION = 51;
const DESTINATION = 60;

/** An IPv6 header and extension headers of these types, each of 8 bytes but where `lengths` says otherwise, then `last`. */
function packet6(types: readonly number[], last: number, lengths: Readonly<Record<number, number>> = {}): Uint8Array {
  const bytes = [0x60, 0, 0, 0, 0, 0, types[0] ?? last, 64, ...new Array(32).fill(0)];
  types.forEach((type, i) => {
    const length = lengths[type] ?? 8;
    bytes.push(types[i + 1] ?? last, length / 8 - 1, ...new Array(length - 2).fill(1));
  });
  return Uint8Array.from(bytes);
}

/** What is found in a packet that lies at an odd offset: bytes in front of ESP, next header and where it stands. */
function found(packet: Uint8Array): string | undefined {
  const u8 = new Uint8Array(packet.length + 10).fill(DESTINATION);
  u8.set(packet, 3);
  const insertion = new EspInsertion();
  if (!insertion.find(u8, 3, 3 + packet.length)) return undefined;
  return `${insertion.headersBytes} ${insertion.nextHeader} at ${insertion.nextHeaderOffset}`;
}

Deno.test("EspInsertion.find() puts ESP behind an IPv4 header and its options", () => {
  const header = (ihl: number) => {
    const packet = new Uint8Array(60);
    packet[0] = 0x40 | ihl;
    packet[9] = TCP;
    return packet;
  };
  assertEquals([5, 6, 15].map((ihl) => found(header(ihl))), ["20 6 at 9", "24 6 at 9", "60 6 at 9"]);
  assertEquals(found(header(4)), undefined);
  assertEquals(found(header(0)), undefined);
});

Deno.test("EspInsertion.find() puts ESP behind the extension headers of IPv6 that are for stations on the way", () => {
  assertEquals(found(packet6([], TCP)), "40 6 at 6");
  assertEquals(found(packet6([HOP_BY_HOP], TCP)), "48 6 at 40");
  assertEquals(found(packet6([ROUTING], TCP, { [ROUTING]: 24 })), "64 6 at 40");
  assertEquals(found(packet6([HOP_BY_HOP, DESTINATION, ROUTING], TCP, { [DESTINATION]: 16 })), "72 6 at 64");
  assertEquals(found(packet6([DESTINATION], TCP)), "48 6 at 40");
});

Deno.test("EspInsertion.find() protects destination options behind a routing header, fragment headers and the rest", () => {
  assertEquals(found(packet6([ROUTING, DESTINATION], TCP)), "48 60 at 40");
  assertEquals(found(packet6([HOP_BY_HOP, ROUTING, ROUTING, DESTINATION], TCP)), "64 60 at 56");
  assertEquals(found(packet6([FRAGMENT], TCP)), "40 44 at 6");
  assertEquals(found(packet6([HOP_BY_HOP], AUTHENTICATION)), "48 51 at 40");
  assertEquals(found(packet6([HOP_BY_HOP], ESP)), "48 50 at 40");
});

Deno.test("EspInsertion.find() refuses every packet that ends within its headers, and what is no IP", () => {
  const packet = packet6([HOP_BY_HOP, DESTINATION, ROUTING], TCP, { [DESTINATION]: 16 });
  for (let bytes = 0; bytes < packet.length; bytes++) assertEquals(found(packet.subarray(0, bytes)), undefined);
  assertEquals(found(packet), "72 6 at 64");
  const ipv4Header = new Uint8Array(24);
  ipv4Header[0] = 0x46;
  for (let bytes = 0; bytes < 24; bytes++) assertEquals(found(ipv4Header.subarray(0, bytes)), undefined);
  for (const version of [0, 1, 5, 7, 15]) assertEquals(found(new Uint8Array(64).fill(version << 4)), undefined);
});

Deno.test("EspInsertion.find() stays within any bytes, and what it finds is consistent", () => {
  const insertion = new EspInsertion();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120, size: "max" }), fc.boolean(), (packet, isIpv6) => {
      if (isIpv6 && packet.length > 6) [packet[0], packet[6]] = [0x60, packet[6]! % 2 === 0 ? 0 : 43];
      if (!insertion.find(packet, 0, packet.length)) return;
      assertEquals(insertion.headersBytes <= packet.length, true);
      assertEquals(insertion.nextHeaderOffset < insertion.headersBytes, true);
      assertEquals(packet[insertion.nextHeaderOffset], insertion.nextHeader);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("writeTransportHeader() corrects protocol, length and IPv4 checksum and nothing else", () => {
  const u8 = new Uint8Array(70).fill(0xa5);
  u8.set(Uint8Array.fromHex("46b80100" + "12344000" + "3f06ffff" + "0a000001" + "0a000002" + "94040000"), 3);
  writeTransportHeader(u8, 3, 9, ESP, 300);
  assertEquals(u8.subarray(3, 13).toHex(), "46b8012c" + "12344000" + "3f32");
  assertEquals(ipv4.headerChecksumOk(u8, 3), true);
  assertEquals(u8.subarray(15, 27).toHex(), "0a000001" + "0a000002" + "94040000");
  assertEquals(u8.subarray(27).every((byte) => byte === 0xa5), true);
});

Deno.test("writeTransportHeader() corrects the last extension header and the payload length of IPv6 and nothing else", () => {
  const packet = packet6([HOP_BY_HOP], TCP);
  const expected = packet.slice();
  expected.set([0x01, 0x04], 4); // 300 - 40
  expected[40] = ESP;
  writeTransportHeader(packet, 0, 40, ESP, 300);
  assertEquals(packet, expected);
});
