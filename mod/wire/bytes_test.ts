import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { get16, get32, set16, set32 } from "./bytes.ts";

Deno.test("get16() and get32() read network order, unsigned", () => {
  const u8 = Uint8Array.of(0xa5, 0xff, 0xfe, 0xfd, 0xfc);
  assertEquals(get16(u8, 1), 0xfffe);
  assertEquals(get32(u8, 1), 0xfffefdfc);
});

Deno.test("set16() and set32() write what get16() and get32() read, and nothing else", () => {
  fc.assert(fc.property(fc.nat(0xffff), fc.nat(0xffffffff), fc.nat(8), (short, long, at) => {
    const u8 = new Uint8Array(16).fill(0xa5);
    set16(u8, at, short);
    set32(u8, at + 2, long);
    assertEquals(get16(u8, at), short);
    assertEquals(get32(u8, at + 2), long);
    u8.fill(0xa5, at, at + 6);
    assertEquals(u8, new Uint8Array(16).fill(0xa5));
  }));
});
