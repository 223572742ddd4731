import { assertEquals } from "@std/assert";
import fc from "fast-check";
import * as ip from "./ip.ts";
import * as ipv4 from "./ipv4.ts";

/** Dirty memory with an IP header of `version` at offset 3; IPv4 with 4 bytes of options. */
function header(version: 4 | 6): Uint8Array {
  const u8 = new Uint8Array(60).fill(0xa5);
  u8[3] = version === 4 ? 0x46 : 0x65;
  return u8;
}

/** The offsets of bytes that differ, counted from the start of the header. */
function changed(before: Uint8Array, after: Uint8Array): number[] {
  return [...after.keys()].filter((i) => before[i] !== after[i]).map((i) => i - 3);
}

Deno.test("the questions are answered from the header of either version", () => {
  const v4 = header(4);
  const v6 = header(6);
  assertEquals([ip.version(v4, 3), ip.isIpv6(v4, 3), ip.headerBytes(v4, 3)], [4, false, 24]);
  assertEquals([ip.version(v6, 3), ip.isIpv6(v6, 3), ip.headerBytes(v6, 3)], [6, true, 40]);
  v4.set([1, 0x05, 0xdc], 3 + 1);
  v4.set([63, 17], 3 + 8);
  v6.set([0x6b, 0x8f, 0xff, 0xff, 0x05, 0xb4, 17, 63], 3);
  assertEquals([ip.dsField(v4, 3), ip.totalBytes(v4, 3), ip.hopLimit(v4, 3), ip.protocol(v4, 3)], [1, 1500, 63, 17]);
  assertEquals([ip.dsField(v6, 3), ip.totalBytes(v6, 3), ip.hopLimit(v6, 3), ip.protocol(v6, 3)], [184, 1500, 63, 17]);
  v4[3 + 6] = 0x40;
  assertEquals([ip.dontFragment(v4, 3), ip.dontFragment(v6, 3)], [true, true]);
  v4[3 + 6] = 0x20;
  assertEquals(ip.dontFragment(v4, 3), false);
});

Deno.test("a version that nobody knows is read as IPv4", () => {
  for (const version of [0, 5, 7, 15]) {
    const u8 = header(4);
    u8[3] = (version << 4) | 6;
    assertEquals([ip.version(u8, 3), ip.isIpv6(u8, 3), ip.headerBytes(u8, 3)], [version, false, 24]);
  }
});

Deno.test("setTotalBytes() and setDsField() are read back, and write nothing else", () => {
  fc.assert(
    fc.property(fc.constantFrom<4 | 6>(4, 6), fc.integer({ min: 40, max: 65535 }), fc.nat(255), (v, bytes, ds) => {
      const before = header(v);
      const u8 = before.slice();
      ip.setTotalBytes(u8, 3, bytes);
      assertEquals(ip.totalBytes(u8, 3), bytes);
      const lengthAt = v === 4 ? [2, 3] : [4, 5];
      assertEquals(changed(before, u8).every((i) => lengthAt.includes(i)), true);
      const lengthened = u8.slice();
      ip.setDsField(u8, 3, ds);
      assertEquals([ip.dsField(u8, 3), ip.version(u8, 3), u8[3 + 1]! & 0x0f], [ds, v, v === 4 ? ds & 0x0f : 5]);
      assertEquals(changed(lengthened, u8).every((i) => (v === 4 ? [1] : [0, 1]).includes(i)), true);
    }),
  );
});

Deno.test("decreaseHopLimit() takes one off, and keeps a right IPv4 checksum right", () => {
  const v4 = header(4);
  ipv4.writeHeaderChecksum(v4, 3);
  ip.decreaseHopLimit(v4, 3);
  assertEquals([ip.hopLimit(v4, 3), ipv4.headerChecksumOk(v4, 3)], [0xa4, true]);
  const v6 = header(6);
  ip.decreaseHopLimit(v6, 3);
  assertEquals(changed(header(6), v6), [7]);
  assertEquals(ip.hopLimit(v6, 3), 0xa4);
});
