import { assertEquals } from "@std/assert";
import { etherType, ETHERTYPE_IPV6, writeEthernet } from "./ethernet.ts";

Deno.test("writeEthernet() writes 14 bytes on dirty memory and nothing else", () => {
  const u8 = new Uint8Array(20).fill(0xa5);
  writeEthernet(u8, 2, Uint8Array.of(1, 2, 3, 4, 5, 6), Uint8Array.of(7, 8, 9, 10, 11, 12), ETHERTYPE_IPV6);
  assertEquals(u8.toHex(), "a5a5" + "010203040506" + "0708090a0b0c" + "86dd" + "a5a5a5a5");
  assertEquals(etherType(u8, 2), ETHERTYPE_IPV6);
});
