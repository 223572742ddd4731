import { assertEquals } from "@std/assert";
import fc from "fast-check";
import type { HashAlgorithm } from "./aead.ts";
import { nobleHmac } from "./noble_hmac.ts";

interface HmacVector {
  section: string;
  case: number;
  /** Absent: sha256. */
  hash?: HashAlgorithm;
  key: string;
  data: string;
  /** The whole code, or the front of it. */
  mac: string;
}

const hex = (text: string) => Uint8Array.fromHex(text);
const vectorsOf = (file: string): HmacVector[] => {
  return JSON.parse(Deno.readTextFileSync(new URL(`../../fixtures/vectors/${file}`, import.meta.url))).tests;
};
const VECTORS: Readonly<Record<string, HmacVector[]>> = {
  "RFC 4231": [...vectorsOf("rfc4231-hmac-sha256.json"), ...vectorsOf("rfc4231-hmac-sha384-sha512.json")],
  "RFC 2202": vectorsOf("rfc2202-hmac-sha1.json"),
};
const MAC_BYTES: Readonly<Record<HashAlgorithm, number>> = { sha1: 20, sha256: 32, sha384: 48, sha512: 64 };

/** The code of a message given in pieces. */
function macOf(hash: HashAlgorithm, key: Uint8Array, ...pieces: Uint8Array[]): string {
  const mac = nobleHmac(hash, key);
  const code = new Uint8Array(mac.macBytes);
  for (const piece of pieces) mac.update(piece);
  mac.finish(code);
  return code.toHex();
}

for (const [rfc, vectors] of Object.entries(VECTORS)) {
  for (const vector of vectors) {
    const { hash = "sha256" } = vector;
    Deno.test(`nobleHmac() gives ${rfc}, section ${vector.section}, test case ${vector.case}, ${hash}`, () => {
      const code = macOf(hash, hex(vector.key), hex(vector.data));
      assertEquals(code.length, 2 * MAC_BYTES[hash]);
      assertEquals(code.slice(0, vector.mac.length), vector.mac);
    });
  }
}

for (const [hash, macBytes] of Object.entries(MAC_BYTES) as [HashAlgorithm, number][]) {
  Deno.test(`nobleHmac("${hash}") does not care how the message is cut, and starts anew after finish()`, () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 200, size: "max" }), { maxLength: 5 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100, size: "max" }), pieces, (key, cut) => {
      const whole = Uint8Array.from(cut.flatMap((piece) => [...piece]));
      const expected = macOf(hash, key, whole);
      assertEquals(macOf(hash, key, ...cut), expected);
      const mac = nobleHmac(hash, key);
      const code = new Uint8Array(mac.macBytes);
      for (let round = 0; round < 3; round++) {
        for (const piece of cut) mac.update(piece);
        mac.finish(code);
        assertEquals(code.toHex(), expected);
      }
    }));
  });

  Deno.test(`finish() of nobleHmac("${hash}") writes ${macBytes} bytes and nothing else`, () => {
    const out = new Uint8Array(macBytes + 8).fill(0xa5);
    nobleHmac(hash, new Uint8Array(32)).finish(out);
    assertEquals(out.subarray(macBytes).toHex(), "a5".repeat(8));
  });
}
