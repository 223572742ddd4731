import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { hmacSha256 } from "./noble_hmac.ts";

interface HmacVector {
  section: string;
  case: number;
  key: string;
  data: string;
  /** The whole code, or the front of it. */
  mac: string;
}

const hex = (text: string) => Uint8Array.fromHex(text);
const VECTORS: HmacVector[] = JSON.parse(
  Deno.readTextFileSync(new URL("../../fixtures/vectors/rfc4231-hmac-sha256.json", import.meta.url)),
).tests;

/** The code of a message given in pieces. */
function macOf(key: Uint8Array, ...pieces: Uint8Array[]): string {
  const mac = hmacSha256(key);
  const code = new Uint8Array(mac.macBytes);
  for (const piece of pieces) mac.update(piece);
  mac.finish(code);
  return code.toHex();
}

for (const vector of VECTORS) {
  Deno.test(`hmacSha256() gives RFC 4231, section ${vector.section}, test case ${vector.case}`, () => {
    const code = macOf(hex(vector.key), hex(vector.data));
    assertEquals(code.length, 64);
    assertEquals(code.slice(0, vector.mac.length), vector.mac);
  });
}

Deno.test("hmacSha256() does not care how the message is cut, and starts anew after finish()", () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 200, size: "max" }), { maxLength: 5 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100, size: "max" }), pieces, (key, cut) => {
    const whole = Uint8Array.from(cut.flatMap((piece) => [...piece]));
    const expected = macOf(key, whole);
    assertEquals(macOf(key, ...cut), expected);
    const mac = hmacSha256(key);
    const code = new Uint8Array(mac.macBytes);
    for (let round = 0; round < 3; round++) {
      for (const piece of cut) mac.update(piece);
      mac.finish(code);
      assertEquals(code.toHex(), expected);
    }
  }));
});

Deno.test("finish() writes 32 bytes and nothing else", () => {
  const out = new Uint8Array(40).fill(0xa5);
  hmacSha256(new Uint8Array(32)).finish(out);
  assertEquals(out.subarray(32).toHex(), "a5".repeat(8));
});
