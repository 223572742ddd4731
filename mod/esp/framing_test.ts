import { assertEquals } from "@std/assert";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { tunnelNextHeader, writeEspHeader, writeOuterHeader, writeTrailer } from "./framing.ts";

Deno.test("writeEspHeader() writes SPI, sequence number and IV on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(20).fill(0xa5);
  writeEspHeader(u8, 2, 0x1001, 0xfffffffe, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  assertEquals(u8.toHex(), "a5a5" + "00001001" + "fffffffe" + "0102030405060708" + "a5a5");
  u8.fill(0xa5);
  writeEspHeader(u8, 2, 0x1001, 1, new Uint8Array(0));
  assertEquals(u8.toHex(), "a5a5" + "00001001" + "00000001" + "a5".repeat(10));
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

const V4 = [Uint8Array.of(192, 0, 2, 1), Uint8Array.of(192, 0, 2, 2)] as const;
const V6 = [Uint8Array.fromHex("20010db8" + "00".repeat(11) + "01"), new Uint8Array(16).fill(0xfd)] as const;

/** The first bytes of an IPv4 header with options, of this type of service and fragment word. */
function innerIpv4(tos: number, fragmentWord: number): number[] {
  return [0x46, tos, 0x05, 0xdc, 0x12, 0x34, fragmentWord >> 8, fragmentWord & 0xff, 1, 6];
}

/** The first bytes of an IPv6 header of this traffic class and flow label. */
function innerIpv6(trafficClass: number, flowLabel: number): number[] {
  const inner = new Uint8Array(8);
  ipv6.setVersionClassFlow(inner, 0, trafficClass, flowLabel);
  return [...inner];
}

/** The outer header around `inner`, at offset 3 of dirty memory. */
function outer(inner: readonly number[], addresses: readonly [Uint8Array, Uint8Array]): Uint8Array {
  const u8 = new Uint8Array(80).fill(0xa5);
  const headerBytes = addresses === V4 ? 20 : 40;
  u8.set(inner, 56);
  writeOuterHeader(u8, 3, 56, 1556, 0x4242, ...addresses);
  assertEquals(u8.subarray(3 + headerBytes, 56).every((byte) => byte === 0xa5), true);
  assertEquals(u8.subarray(0, 3).toHex(), "a5a5a5");
  return u8.slice(3, 3 + headerBytes);
}

Deno.test("writeOuterHeader() writes 20 bytes of IPv4 with a right checksum on dirty memory and nothing else", () => {
  const header = outer(innerIpv4(0, ipv4.FLAG_DF), V4);
  assertEquals(header.subarray(0, 10).toHex(), "4500" + "0614" + "4242" + "4000" + "40" + "32");
  assertEquals(header.subarray(12).toHex(), "c0000201" + "c0000202");
  assertEquals(ipv4.headerChecksumOk(header, 0), true);
});

Deno.test("writeOuterHeader() writes 40 bytes of IPv6 on dirty memory and nothing else", () => {
  const header = outer(innerIpv6(0xb8, 0x12345), V6);
  assertEquals(header.subarray(0, 8).toHex(), "6b812345" + "05ec" + "32" + "40");
  assertEquals(header.subarray(8).toHex(), V6[0].toHex() + V6[1].toHex());
});

Deno.test("writeOuterHeader() copies DSCP and ECN, but makes ECT(0) of congestion experienced", () => {
  for (let field = 0; field < 256; field++) {
    const expected = (field & 3) === 3 ? field - 1 : field;
    assertEquals(ipv4.tos(outer(innerIpv4(field, 0), V4), 0), expected, `4 in 4, ${field}`);
    assertEquals(ipv4.tos(outer(innerIpv6(field, 0xfffff), V4), 0), expected, `6 in 4, ${field}`);
    assertEquals(ipv6.trafficClass(outer(innerIpv4(field, 0), V6), 0), expected, `4 in 6, ${field}`);
    assertEquals(ipv6.trafficClass(outer(innerIpv6(field, 0xfffff), V6), 0), expected, `6 in 6, ${field}`);
  }
});

Deno.test("writeOuterHeader() of IPv4 copies DF and nothing else of the fragment word; IPv6 inside counts as DF", () => {
  const fragmentWord = (inner: number[]) => ipv4.fragmentWord(outer(inner, V4), 0);
  assertEquals(fragmentWord(innerIpv4(0, 0)), 0);
  assertEquals(fragmentWord(innerIpv4(0, ipv4.FLAG_DF)), ipv4.FLAG_DF);
  assertEquals(fragmentWord(innerIpv4(0, ipv4.FLAG_MF | 185)), 0);
  assertEquals(fragmentWord(innerIpv6(0, 0)), ipv4.FLAG_DF);
});

Deno.test("writeOuterHeader() of IPv6 copies the flow label of IPv6 and has 0 around IPv4", () => {
  assertEquals(ipv6.flowLabel(outer(innerIpv6(0xff, 0xabcde), V6), 0), 0xabcde);
  assertEquals(ipv6.flowLabel(outer(innerIpv4(0xff, 0), V6), 0), 0);
});

Deno.test("tunnelNextHeader() is 41 for IPv6 and 4 for everything else", () => {
  const of = (first: number) => tunnelNextHeader(Uint8Array.of(0xa5, first), 1);
  assertEquals([of(0x60), of(0x6f), of(0x45), of(0x00)], [41, 41, 4, 4]);
});
