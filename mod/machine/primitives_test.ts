/** The timed primitives against the reference: copies, sums, and ciphers over pieces. */

import { assert, assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import type { CipherName } from "../esp/suites.ts";
import { sealEsp } from "../esp/seal.ts";
import { partialSum } from "../wire/checksum.ts";
import { CipherRequest, copyAndSumBytes, copyBytes, pieceCipher, sumBytes } from "./primitives.ts";

const CIPHERS: readonly CipherName[] = [
  "aes-gcm-128",
  "aes-gmac-128",
  "aes-ccm-128",
  "chacha20-poly1305",
  "aes-cbc-128-sha256",
  "null-sha256",
  "null",
];
const TEXT_BYTES = 1472;

function pattern(bytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: bytes }, (_, i) => i * 7 + (i >> 8));
}

Deno.test("copyBytes(), sumBytes() and copyAndSumBytes() do what they say", () => {
  const u8 = pattern(4096);
  copyBytes(u8, 100, 3000, 56);
  assertEquals(u8.subarray(3000, 3056), u8.subarray(100, 156));
  assertEquals(sumBytes(u8, 33, 1001), partialSum(u8, 33, 1001));
  assertEquals(copyAndSumBytes(u8, 0, 2048, 900), partialSum(u8, 0, 900));
  assertEquals(u8.subarray(2048, 2948), u8.subarray(0, 900));
});

for (const engine of [ENGINES.noble, ENGINES.openssl]) {
  for (const cipher of CIPHERS) {
    Deno.test({
      name: `pieceCipher() seals and opens pieces as one message: ${engine.name}, ${cipher}`,
      ignore: engine.whyUnavailable() !== undefined,
      fn: () => sealAndOpen(cipher, engine),
    });
  }
}

/** ESN is on, so that the upper half counts; the ICV itself is in two pieces. */
function sealAndOpen(cipher: CipherName, engine: typeof ENGINES.noble): void {
  const sa = testSecurityAssociation({ seed: 1, cipher, esn: "on" });
  const { ivBytes, icvBytes } = sa;
  const textAt = 8 + ivBytes;
  const expected = pattern(2048);
  sealEsp(sa, sa.aead(ENGINES.noble), expected, 0, TEXT_BYTES, 3);
  const sealed = expected.subarray(textAt, textAt + TEXT_BYTES + icvBytes);

  const whole = new Uint8Array(2048);
  whole.set(pattern(2048));
  const inOne = new CipherRequest(whole, 0, [{ at: textAt, bytes: TEXT_BYTES }], [{
    at: textAt + TEXT_BYTES,
    bytes: icvBytes,
  }], 3);

  const apart = new Uint8Array(8192);
  apart.set(pattern(2048));
  copyBytes(apart, textAt + 100, 5000, TEXT_BYTES - 100);
  const front = Math.min(5, icvBytes);
  const text = [{ at: textAt, bytes: 100 }, { at: 5000, bytes: TEXT_BYTES - 100 }];
  const icv = [{ at: 7000, bytes: front }, { at: 7100, bytes: icvBytes - front }];
  const inPieces = new CipherRequest(apart, 0, text, icv, 3);
  const gathered = (): Uint8Array => {
    return Uint8Array.from([...text, ...icv].flatMap(({ at, bytes }) => [...apart.subarray(at, at + bytes)]));
  };

  const its = pieceCipher(sa, engine);
  its.seal(inOne);
  its.seal(inPieces);
  assertEquals(whole.subarray(textAt, textAt + TEXT_BYTES + icvBytes), sealed);
  assertEquals(gathered(), sealed);
  assert(its.open(inOne) && its.open(inPieces));
  assertEquals(gathered().subarray(0, TEXT_BYTES), pattern(2048).subarray(textAt, textAt + TEXT_BYTES));
  if (icvBytes === 0) return;
  its.seal(inPieces);
  apart[5000]! ^= 1;
  assertEquals(its.open(inPieces), false);
}
