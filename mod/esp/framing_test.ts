import { assertEquals } from "@std/assert";
import * as ipv4 from "../wire/ipv4.ts";
import { tunnelNextHeader, writeEspHeader, writeOuterIpv4, writeTrailer } from "./framing.ts";

Deno.test("writeEspHeader() writes SPI, sequence number and IV on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(20).fill(0xa5);
  writeEspHeader(u8, 2, 0x1001, 0xfffffffe, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assertEquals(u8.toHex(), "a5a5" + "00001001" + "fffffffe" + "0102030405060708" + "a5a5");
});

Deno.test("writeTrailer() writes 1, 2, 3, pad length and next header on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(8).fill(0xa5);
  writeTrailer(u8, 1, 3, 4);
  assertEquals(u8.toHex(), "a5" + "010203" + "03" + "04" + "a5a5");
  u8.fill(0xa5);
  writeTrailer(u8, 1, 0, 41);
  assertEquals(u8.toHex(), "a5" + "00" + "29" + "a5a5a5a5a5");
});

Deno.test("writeTrailer() writes the longest padding", () => {
  const u8 = new Uint8Array(258).fill(0xa5);
  writeTrailer(u8, 0, 255, 4);
  assertEquals([u8[0], u8[254], u8[255], u8[256], u8[257]], [1, 255, 255, 4, 0xa5]);
});

/** The outer header around an IPv4 header of this type of service and fragment word, at offset 3 of dirty memory. */
function outer(tos: number, fragmentWord: number): Uint8Array {
  const u8 = new Uint8Array(64).fill(0xa5);
  u8.set([0x46, tos, 0x05, 0xdc, 0x12, 0x34, fragmentWord >> 8, fragmentWord & 0xff, 1, 6], 40);
  writeOuterIpv4(u8, 3, 40, 1556, 0x4242, 0xc0000201, 0xc0000202);
  assertEquals(u8.subarray(23, 40).every((byte) => byte === 0xa5), true);
  assertEquals(u8.subarray(0, 3).toHex(), "a5a5a5");
  return u8.slice(3, 23);
}

Deno.test("writeOuterIpv4() writes 20 bytes with a right checksum on dirty memory and nothing else", () => {
  const header = outer(0, ipv4.FLAG_DF);
  assertEquals(header.subarray(0, 10).toHex(), "4500" + "0614" + "4242" + "4000" + "40" + "32");
  assertEquals(header.subarray(12).toHex(), "c0000201" + "c0000202");
  assertEquals(ipv4.headerChecksumOk(header, 0), true);
});

Deno.test("writeOuterIpv4() copies DSCP and ECN, but makes ECT(0) of congestion experienced", () => {
  for (let tos = 0; tos < 256; tos++) {
    assertEquals(ipv4.tos(outer(tos, 0), 0), (tos & 3) === 3 ? tos - 1 : tos, `tos ${tos}`);
  }
});

Deno.test("writeOuterIpv4() copies DF and nothing else of the fragment word", () => {
  assertEquals(ipv4.fragmentWord(outer(0, 0), 0), 0);
  assertEquals(ipv4.fragmentWord(outer(0, ipv4.FLAG_DF), 0), ipv4.FLAG_DF);
  assertEquals(ipv4.fragmentWord(outer(0, ipv4.FLAG_MF | 185), 0), 0);
});

Deno.test("writeOuterIpv4() and tunnelNextHeader() know IPv6 inside", () => {
  const u8 = new Uint8Array(64).fill(0xa5);
  u8.set(Uint8Array.fromHex("6bb12345"), 24); // Traffic class 0xbb: DSCP 46, congestion experienced.
  writeOuterIpv4(u8, 0, 24, 100, 0, 1, 2);
  assertEquals([ipv4.tos(u8, 0), ipv4.fragmentWord(u8, 0)], [0xba, ipv4.FLAG_DF]);
  assertEquals(ipv4.headerChecksumOk(u8, 0), true);
  assertEquals([tunnelNextHeader(u8, 24), tunnelNextHeader(u8, 0)], [41, 4]);
});
