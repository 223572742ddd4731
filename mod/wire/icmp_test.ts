import { assertEquals } from "@std/assert";
import { ERROR_V4, ERROR_V6, HEADER_BYTES, isErrorV4, isErrorV6, writeError } from "./icmp.ts";

Deno.test("writeError() writes eight bytes: type, code, no checksum, the MTU, and nothing else", () => {
  const u8 = new Uint8Array(12).fill(0xee);
  writeError(u8, 2, ERROR_V4.fragmentationNeeded, 1446);
  assertEquals(u8.toHex(), "eeee03040000000005a6eeee");
  writeError(u8, 2, ERROR_V6.packetTooBig, 0x12345678);
  assertEquals(u8.toHex(), "eeee0200000012345678eeee");
  assertEquals(HEADER_BYTES, 8);
});

Deno.test("isErrorV4() and isErrorV6() know what may be answered: queries, and of ICMPv6 what has the upper bit", () => {
  const types = Array.from({ length: 256 }, (_, type) => type);
  assertEquals(types.filter((type) => !isErrorV4(type)), [0, 8, 13, 14, 15, 16, 17, 18]);
  assertEquals(types.filter((type) => !isErrorV6(type)), types.slice(128));
});
