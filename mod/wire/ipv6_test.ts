import { assertEquals } from "@std/assert";
import fc from "fast-check";
import * as ipv6 from "./ipv6.ts";

const SOURCE = Uint8Array.fromHex("20010db8000000000000000000000001");
const DESTINATION = Uint8Array.fromHex("20010db8000000000000000000000002");

Deno.test("getters read every field of an IPv6 header", () => {
  const u8 = new Uint8Array(50).fill(0xa5);
  u8.set(Uint8Array.fromHex("6b812345" + "05b4" + "06" + "40"), 3);
  assertEquals(ipv6.version(u8, 3), 6);
  assertEquals(ipv6.trafficClass(u8, 3), 0xb8);
  assertEquals(ipv6.flowLabel(u8, 3), 0x12345);
  assertEquals(ipv6.payloadLength(u8, 3), 1460);
  assertEquals(ipv6.nextHeader(u8, 3), 6);
  assertEquals(ipv6.hopLimit(u8, 3), 64);
});

Deno.test("setters write a whole header on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(50).fill(0xa5);
  ipv6.setVersionClassFlow(u8, 3, 0xb8, 0x12345);
  ipv6.setPayloadLength(u8, 3, 1460);
  ipv6.setNextHeader(u8, 3, 50);
  ipv6.setHopLimit(u8, 3, 64);
  ipv6.setSource(u8, 3, SOURCE);
  ipv6.setDestination(u8, 3, DESTINATION);
  const header = "6b812345" + "05b4" + "32" + "40" + SOURCE.toHex() + DESTINATION.toHex();
  assertEquals(u8.toHex(), "a5a5a5" + header + "a5".repeat(7));
});

Deno.test("setTrafficClass() and setFlowLabel() leave the rest of the first word as it is", () => {
  const bytes = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(fc.property(bytes, fc.nat(0xff), fc.nat(0xfffff), (word, trafficClass, flowLabel) => {
    const u8 = word.slice();
    ipv6.setTrafficClass(u8, 0, trafficClass);
    assertEquals(ipv6.trafficClass(u8, 0), trafficClass);
    assertEquals([ipv6.version(u8, 0), ipv6.flowLabel(u8, 0)], [ipv6.version(word, 0), ipv6.flowLabel(word, 0)]);
    ipv6.setFlowLabel(u8, 0, flowLabel);
    assertEquals(ipv6.flowLabel(u8, 0), flowLabel);
    assertEquals([ipv6.version(u8, 0), ipv6.trafficClass(u8, 0)], [ipv6.version(word, 0), trafficClass]);
    const whole = new Uint8Array(4);
    ipv6.setVersionClassFlow(whole, 0, trafficClass, flowLabel);
    u8[0] = 0x60 | (u8[0]! & 0x0f);
    assertEquals(whole, u8);
  }));
});

Deno.test("setters take no more bits than their field has", () => {
  const u8 = new Uint8Array(4);
  ipv6.setVersionClassFlow(u8, 0, 0x1ff, 0x1fffff);
  assertEquals(u8.toHex(), "6fffffff");
  u8.fill(0);
  ipv6.setTrafficClass(u8, 0, 0x1ff);
  assertEquals(u8.toHex(), "0ff00000");
  u8.fill(0);
  ipv6.setFlowLabel(u8, 0, 0xffffffff);
  assertEquals(u8.toHex(), "000fffff");
});
