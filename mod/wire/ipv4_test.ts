import { assertEquals } from "@std/assert";
import fc from "fast-check";
import * as ipv4 from "./ipv4.ts";

/** A UDP packet's header with a known checksum, 0xb861, at offset 3 of memory full of 0xa5. */
function example(): Uint8Array {
  const u8 = new Uint8Array(40).fill(0xa5);
  u8.set(Uint8Array.fromHex("45000073000040004011b861c0a80001c0a800c7"), 3);
  return u8;
}

Deno.test("getters read every field of an IPv4 header", () => {
  const u8 = example();
  assertEquals(ipv4.version(u8, 3), 4);
  assertEquals(ipv4.ihlBytes(u8, 3), 20);
  assertEquals(ipv4.tos(u8, 3), 0);
  assertEquals(ipv4.totalLength(u8, 3), 115);
  assertEquals(ipv4.id(u8, 3), 0);
  assertEquals(ipv4.fragmentWord(u8, 3), 0x4000);
  assertEquals(ipv4.dontFragment(u8, 3), true);
  assertEquals(ipv4.moreFragments(u8, 3), false);
  assertEquals(ipv4.isFragment(u8, 3), false);
  assertEquals(ipv4.ttl(u8, 3), 64);
  assertEquals(ipv4.protocol(u8, 3), 17);
  assertEquals(ipv4.headerChecksum(u8, 3), 0xb861);
  assertEquals(ipv4.source(u8, 3), 0xc0a80001);
  assertEquals(ipv4.destination(u8, 3), 0xc0a800c7);
});

Deno.test("fragment getters tell first, middle and last fragments", () => {
  const u8 = example();
  const word = (value: number) => u8.set([value >> 8, value & 0xff], 3 + ipv4.OFFSET_FRAGMENT);
  word(0x2000);
  assertEquals([ipv4.isFragment(u8, 3), ipv4.moreFragments(u8, 3), ipv4.fragmentOffsetBytes(u8, 3)], [true, true, 0]);
  word(0x20b9);
  assertEquals(
    [ipv4.isFragment(u8, 3), ipv4.moreFragments(u8, 3), ipv4.fragmentOffsetBytes(u8, 3)],
    [true, true, 1480],
  );
  word(0x1fff);
  assertEquals(
    [ipv4.isFragment(u8, 3), ipv4.moreFragments(u8, 3), ipv4.fragmentOffsetBytes(u8, 3)],
    [true, false, 65528],
  );
});

Deno.test("setters write their field on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(40).fill(0xa5);
  ipv4.setTotalLength(u8, 3, 1500);
  ipv4.setId(u8, 3, 0x1fffe);
  ipv4.setSource(u8, 3, 0xc0000201);
  ipv4.setDestination(u8, 3, 0xfffffffe);
  assertEquals(u8.subarray(0, 25).toHex(), "a5a5a5" + "a5a505dcfffea5a5a5a5a5a5c0000201fffffffe" + "a5a5");
});

Deno.test("writeHeaderChecksum() repairs every broken header and headerChecksumOk() sees every broken byte", () => {
  const u8 = example();
  for (let i = 0; i < 20; i++) {
    if (i === 0) continue; // The header length decides what is summed.
    u8[3 + i]! ^= 0x40;
    assertEquals(ipv4.headerChecksumOk(u8, 3), false, `byte ${i}`);
    u8[3 + i]! ^= 0x40;
  }
  u8.fill(0, 3 + ipv4.OFFSET_CHECKSUM, 3 + ipv4.OFFSET_CHECKSUM + 2);
  ipv4.writeHeaderChecksum(u8, 3);
  assertEquals(ipv4.headerChecksum(u8, 3), 0xb861);
  assertEquals(ipv4.headerChecksumOk(u8, 3), true);
});

Deno.test("writeHeaderChecksum() covers options", () => {
  const u8 = example();
  u8[3] = 0x46;
  ipv4.writeHeaderChecksum(u8, 3);
  assertEquals(ipv4.headerChecksumOk(u8, 3), true);
  u8[3 + 23]! ^= 1;
  assertEquals(ipv4.headerChecksumOk(u8, 3), false);
});

Deno.test("headerChecksumOk() refuses a header length of 16 bytes", () => {
  const u8 = new Uint8Array(20);
  u8[0] = 0x44;
  ipv4.writeHeaderChecksum(u8, 0);
  assertEquals(ipv4.headerChecksumOk(u8, 0), false);
});

Deno.test("decreaseTtl() equals writing the checksum anew for every time to live and protocol", () => {
  const stepped = example();
  const written = example();
  for (let ttl = 1; ttl <= 255; ttl++) {
    for (let protocol = 0; protocol <= 255; protocol++) {
      stepped[3 + ipv4.OFFSET_TTL] = ttl;
      stepped[3 + ipv4.OFFSET_PROTOCOL] = protocol;
      ipv4.writeHeaderChecksum(stepped, 3);
      ipv4.decreaseTtl(stepped, 3);
      written[3 + ipv4.OFFSET_TTL] = ttl - 1;
      written[3 + ipv4.OFFSET_PROTOCOL] = protocol;
      ipv4.writeHeaderChecksum(written, 3);
      if (ipv4.headerChecksum(stepped, 3) !== ipv4.headerChecksum(written, 3)) {
        assertEquals(stepped, written, `ttl ${ttl}, protocol ${protocol}`);
      }
    }
  }
  assertEquals(stepped, written);
});

Deno.test("decreaseTtl() equals writing the checksum anew for every identification, hence every checksum", () => {
  const stepped = example();
  const written = example();
  written[3 + ipv4.OFFSET_TTL]! -= 1;
  for (let id = 0; id <= 0xffff; id++) {
    stepped[3 + ipv4.OFFSET_TTL] = 64;
    ipv4.setId(stepped, 3, id);
    ipv4.setId(written, 3, id);
    ipv4.writeHeaderChecksum(stepped, 3);
    ipv4.writeHeaderChecksum(written, 3);
    ipv4.decreaseTtl(stepped, 3);
    if (ipv4.headerChecksum(stepped, 3) !== ipv4.headerChecksum(written, 3)) {
      assertEquals(stepped, written, `id ${id}`);
    }
  }
});

Deno.test("decreaseTtl() leaves a wrong checksum wrong", () => {
  const u8 = example();
  u8[3 + ipv4.OFFSET_CHECKSUM]! ^= 1;
  ipv4.decreaseTtl(u8, 3);
  assertEquals(ipv4.headerChecksumOk(u8, 3), false);
});

Deno.test("parseAddress() undoes formatAddress()", () => {
  assertEquals(ipv4.formatAddress(0xc0000201), "192.0.2.1");
  fc.assert(fc.property(fc.nat(0xffffffff), (address) => {
    assertEquals(ipv4.parseAddress(ipv4.formatAddress(address)), address);
  }));
});

Deno.test("parseAddress() refuses what is not four numbers to 255", () => {
  for (const text of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.04", "1.2.3.", "a.b.c.d", " 1.2.3.4"]) {
    assertEquals(ipv4.parseAddress(text), undefined, text);
  }
});
