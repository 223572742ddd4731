import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ethernetHeaderBytes } from "./header_length.ts";

const MACS = "020000000001020000000002";

/** An IPv4 header of `words` 32-bit words in hex. */
function ipv4Hex(protocol: number, words = 5, fragmentWord = 0x4000): string {
  const bytes = new Uint8Array(words * 4);
  bytes[0] = 0x40 | words;
  bytes[6] = fragmentWord >> 8;
  bytes[7] = fragmentWord & 0xff;
  bytes[9] = protocol;
  return bytes.toHex();
}

function ipv6Hex(nextHeader: number): string {
  const bytes = new Uint8Array(40);
  bytes[0] = 0x60;
  bytes[6] = nextHeader;
  return bytes.toHex();
}

function tcpHex(words: number): string {
  const bytes = new Uint8Array(words * 4);
  bytes[12] = words << 4;
  return bytes.toHex();
}

/** Header bytes of the frame MACs + `hex` + 100 bytes of payload, placed at offset 3 of dirty memory. */
function headers(hex: string, cutTo = Infinity): number {
  const frame = Uint8Array.fromHex(MACS + hex + "a5".repeat(100));
  const u8 = new Uint8Array(frame.length + 8).fill(0xa5);
  u8.set(frame, 3);
  return ethernetHeaderBytes(u8, 3, Math.min(frame.length, cutTo));
}

Deno.test("ethernetHeaderBytes() counts the transport header of IPv4", () => {
  assertEquals(headers("0800" + ipv4Hex(6) + tcpHex(5)), 54);
  assertEquals(headers("0800" + ipv4Hex(6) + tcpHex(8)), 66);
  assertEquals(headers("0800" + ipv4Hex(6, 6) + tcpHex(15)), 14 + 24 + 60);
  assertEquals(headers("0800" + ipv4Hex(17)), 42);
  assertEquals(headers("0800" + ipv4Hex(136)), 42);
  assertEquals(headers("0800" + ipv4Hex(1)), 42);
  assertEquals(headers("0800" + ipv4Hex(2)), 42);
  assertEquals(headers("0800" + ipv4Hex(132)), 46);
  assertEquals(headers("0800" + ipv4Hex(33)), 46);
});

Deno.test("ethernetHeaderBytes() stops behind the IP header of ESP and AH", () => {
  assertEquals(headers("0800" + ipv4Hex(50)), 34);
  assertEquals(headers("0800" + ipv4Hex(51)), 34);
  assertEquals(headers("0800" + ipv4Hex(50, 7)), 42);
  assertEquals(headers("86dd" + ipv6Hex(50)), 54);
  assertEquals(headers("86dd" + ipv6Hex(51)), 54);
  assertEquals(headers("86dd" + ipv6Hex(60) + "3200000000000000"), 62);
});

Deno.test("ethernetHeaderBytes() counts the transport header of the first fragment only", () => {
  assertEquals(headers("0800" + ipv4Hex(17, 5, 0x2000)), 42);
  assertEquals(headers("0800" + ipv4Hex(17, 5, 0x2001)), 34);
  assertEquals(headers("0800" + ipv4Hex(6, 5, 0x00b9) + tcpHex(5)), 34);
  assertEquals(headers("86dd" + ipv6Hex(44) + "1100000100000001"), 14 + 40 + 8 + 8);
  assertEquals(headers("86dd" + ipv6Hex(44) + "1100000900000001"), 14 + 40 + 8);
  assertEquals(headers("86dd" + ipv6Hex(44) + "3c00000100000001" + "1100000000000000"), 14 + 40 + 8 + 8 + 8);
  assertEquals(
    headers("86dd" + ipv6Hex(0) + "2c00000000000000" + "3c00000800000001" + "1100000000000000"),
    14 + 40 + 16,
  );
});

Deno.test("ethernetHeaderBytes() follows VLAN tags", () => {
  assertEquals(headers("81000005" + "0800" + ipv4Hex(6) + tcpHex(5)), 58);
  assertEquals(headers("88a80005" + "81000006" + "0800" + ipv4Hex(17)), 50);
  assertEquals(headers("81000005" + "0806"), 18);
});

Deno.test("ethernetHeaderBytes() follows IPv6 extension headers", () => {
  assertEquals(headers("86dd" + ipv6Hex(6) + tcpHex(8)), 14 + 40 + 32);
  assertEquals(headers("86dd" + ipv6Hex(17)), 14 + 40 + 8);
  assertEquals(headers("86dd" + ipv6Hex(58)), 14 + 40 + 8);
  assertEquals(headers("86dd" + ipv6Hex(59)), 14 + 40);
  assertEquals(headers("86dd" + ipv6Hex(135) + "3b00000000000000"), 14 + 40);
  assertEquals(headers("86dd" + ipv6Hex(0) + "3c00000000000000" + "1101" + "00".repeat(14)), 14 + 40 + 8 + 16 + 8);
  assertEquals(headers("86dd" + ipv6Hex(43) + "0600000000000000" + tcpHex(5)), 14 + 40 + 8 + 20);
});

Deno.test("ethernetHeaderBytes() takes IPv6 extension numbers inside IPv4 for unknown protocols", () => {
  for (const protocol of [0, 43, 44, 60]) assertEquals(headers("0800" + ipv4Hex(protocol) + "0600000000000000"), 34);
});

Deno.test("ethernetHeaderBytes() looks into tunnels as the flow dissector does", () => {
  assertEquals(headers("0800" + ipv4Hex(4) + ipv4Hex(6) + tcpHex(5)), 74);
  assertEquals(headers("0800" + ipv4Hex(41) + ipv6Hex(17)), 14 + 20 + 40 + 8);
  assertEquals(headers("0800" + ipv4Hex(47) + "00000800" + ipv4Hex(17)), 14 + 20 + 4 + 20 + 8);
  assertEquals(headers("0800" + ipv4Hex(47) + "b0000800" + "00".repeat(12) + ipv4Hex(17)), 14 + 20 + 16 + 20 + 8);
  assertEquals(headers("0800" + ipv4Hex(47) + "00006558" + MACS + "0800" + ipv4Hex(17)), 14 + 20 + 4 + 14 + 20 + 8);
  assertEquals(headers("0800" + ipv4Hex(47) + "3081880b"), 34);
  assertEquals(headers("8864" + "110000010020" + "0021" + ipv4Hex(17)), 14 + 8 + 20 + 8);
  assertEquals(headers("8864" + "110000010020" + "0057" + ipv6Hex(17)), 14 + 8 + 40 + 8);
  assertEquals(headers("8864" + "110000010020" + "c021"), 22);
});

Deno.test("ethernetHeaderBytes() counts 14 bytes of a frame that is not IP", () => {
  assertEquals(headers("0806"), 14);
  assertEquals(headers("0026"), 14);
  assertEquals(headers("8847"), 14);
});

Deno.test("ethernetHeaderBytes() counts no part of a cut network header", () => {
  assertEquals(headers("0800" + ipv4Hex(17), 13), 13);
  assertEquals(headers("0800" + ipv4Hex(17), 14), 14);
  assertEquals(headers("0800" + ipv4Hex(17), 33), 14);
  assertEquals(headers("86dd" + ipv6Hex(17), 53), 14);
  assertEquals(headers("86dd" + ipv6Hex(0) + "1100", 55), 54);
  assertEquals(headers("86dd" + ipv6Hex(44) + "1100000000000000", 61), 54);
  assertEquals(headers("0800" + ipv4Hex(47) + "00000800" + ipv4Hex(17), 37), 34);
  assertEquals(headers("0800" + ipv4Hex(47) + "00006558" + MACS + "0800", 51), 34);
  assertEquals(headers("81000005" + "0800" + ipv4Hex(17), 17), 14);
});

Deno.test("ethernetHeaderBytes() counts what is there of a cut transport header", () => {
  assertEquals(headers("0800" + ipv4Hex(17), 34), 34);
  assertEquals(headers("0800" + ipv4Hex(17), 39), 39);
  assertEquals(headers("0800" + ipv4Hex(6) + tcpHex(8), 46), 34); // The data offset is not there.
  assertEquals(headers("0800" + ipv4Hex(6) + tcpHex(8), 47), 47);
  assertEquals(headers("86dd" + ipv6Hex(0) + "11ff", 60), 60);
});

Deno.test("ethernetHeaderBytes() refuses an IPv4 header length of 16 bytes and takes a TCP one of 12 for 20", () => {
  assertEquals(headers("0800" + ipv4Hex(17).replace(/^45/, "44")), 14);
  assertEquals(headers("0800" + ipv4Hex(6) + tcpHex(5).replace("50", "30")), 54);
});

Deno.test("ethernetHeaderBytes() gives up after 15 nested headers", () => {
  assertEquals(headers("0800" + ipv4Hex(4).repeat(40)), 14 + 16 * 20);
});

Deno.test("ethernetHeaderBytes() never depends on bytes outside the frame", () => {
  const starts = fc.constantFrom(
    "0800" + ipv4Hex(6) + tcpHex(8),
    "0800" + ipv4Hex(47) + "b0000800" + "00".repeat(12) + ipv4Hex(17),
    "0800" + ipv4Hex(47) + "00006558" + MACS + "0800" + ipv4Hex(17),
    "86dd" + ipv6Hex(0) + "3c00000000000000" + "2c01" + "00".repeat(14) + "0600000000000000",
    "81000005" + "8864" + "110000010020" + "0057" + ipv6Hex(41) + ipv6Hex(43),
  );
  const tails = fc.uint8Array({ maxLength: 60, size: "max" });
  fc.assert(
    fc.property(starts, tails, fc.nat(200), (start, tail, cutTo) => {
      const frame = Uint8Array.fromHex(MACS + start + tail.toHex()).subarray(0, cutTo);
      const one = new Uint8Array(600).fill(0x00);
      const other = new Uint8Array(600).fill(0xff);
      one.set(frame, 100);
      other.set(frame, 100);
      const result = ethernetHeaderBytes(one, 100, frame.length);
      assertEquals(ethernetHeaderBytes(other, 100, frame.length), result);
      assertEquals(result <= frame.length, true);
    }),
    { numRuns: 500 },
  );
});
