import { assertEquals } from "@std/assert";
import { desCbc } from "./des.ts";

const KEY = Uint8Array.fromHex("0123456789abcdef");
const IV = Uint8Array.fromHex("1234567890abcdef");
const CLEAR = new TextEncoder().encode("Now is the time for all ");
/** FIPS 81, appendix C, table C1 (CBC). */
const SEALED = "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6";

Deno.test("desCbc() gives the example of FIPS 81, appendix C, in the middle of memory, and takes it back", () => {
  const u8 = new Uint8Array(3 + CLEAR.length + 5).fill(0xa5);
  u8.set(CLEAR, 3);
  const cipher = desCbc(KEY);
  cipher.encrypt(IV, u8, 3, CLEAR.length);
  assertEquals(u8.toHex(), `a5a5a5${SEALED}a5a5a5a5a5`);
  cipher.decrypt(IV, u8, 3, CLEAR.length);
  assertEquals(u8.subarray(3, 3 + CLEAR.length), CLEAR);
});

Deno.test("desCbc() with three times the same key is DES, and with three keys is undone by itself", () => {
  const u8 = CLEAR.slice();
  desCbc(Uint8Array.of(...KEY, ...KEY, ...KEY)).encrypt(IV, u8, 0, u8.length);
  assertEquals(u8.toHex(), SEALED);
  const cipher = desCbc(Uint8Array.from({ length: 24 }, (_, i) => 37 * i));
  cipher.encrypt(IV, u8, 0, u8.length);
  cipher.decrypt(IV, u8, 0, u8.length);
  assertEquals(u8.toHex(), SEALED);
});
