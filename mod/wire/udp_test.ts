import { assertEquals } from "@std/assert";
import * as udp from "./udp.ts";

Deno.test("UDP getters read and setters write their fields, and nothing else", () => {
  const u8 = new Uint8Array(12).fill(0xa5);
  u8.set(Uint8Array.fromHex("0035d431"), 1);
  udp.setLength(u8, 1, 65507 + 8);
  udp.setChecksum(u8, 1, 0xffff);
  assertEquals(u8.toHex(), "a5" + "0035d431ffebffff" + "a5a5a5");
  assertEquals(udp.sourcePort(u8, 1), 53);
  assertEquals(udp.destinationPort(u8, 1), 54321);
  assertEquals(udp.length(u8, 1), 65515);
  assertEquals(udp.checksum(u8, 1), 0xffff);
});
