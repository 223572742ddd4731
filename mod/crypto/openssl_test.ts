/** What only OpenSSL can get wrong; the tests of all engines are in engines_test.ts. Run with --allow-ffi: `deno task test-ffi`. */

import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { AeadAlgorithm } from "./aead.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { ENGINES, fastestEngine } from "./engines.ts";
import { LIBCRYPTO_PATHS, openLibcrypto } from "./libcrypto.ts";

const why = ENGINES.openssl.whyUnavailable();
const ignore = why !== undefined;
const isGranted = Deno.permissions.querySync({ name: "ffi" }).state === "granted";
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

Deno.test({
  name: "without --allow-ffi nothing is opened, nobody is asked, and noble is the fastest engine",
  ignore: isGranted || !ignore,
  fn() {
    assertEquals(openLibcrypto(), { missing: "--allow-ffi is not granted" });
    assertEquals(fastestEngine(), "noble");
    const keys = { key: new Uint8Array(32), authKey: new Uint8Array(0) };
    assertThrows(() => ENGINES.openssl.aead("aes-gcm", keys, 16), Error, "--allow-ffi is not granted");
  },
});

Deno.test("the library is looked for under absolute paths only", () => {
  for (const path of LIBCRYPTO_PATHS) assertMatch(path, /^\/(usr|opt)\/[^.]*libcrypto\.(so\.3|3\.dylib)$/);
});

for (const [name, { keyBytes, authKeyBytes, tagBytes, nonceBytes, parts }] of Object.entries(ALGORITHMS)) {
  const algorithm = name as AeadAlgorithm;
  const block = parts?.cipher.endsWith("cbc") ? 16 : 1;
  Deno.test({
    name: `openssl: ${name} gives the same bytes as noble, at any place of memory`,
    ignore,
    fn() {
      const lengths = fc.nat(3000).map((length) => length - length % block);
      const inputs = [
        bytes(keyBytes.at(-1)!),
        bytes(authKeyBytes.at(-1)!),
        bytes(nonceBytes),
        fc.oneof(bytes(8), bytes(12)),
        lengths,
        fc.nat(50),
      ] as const;
      fc.assert(
        fc.property(...inputs, (key, authKey, nonce, aad, length, at) => {
          const sealed = (["openssl", "noble"] as const).map((engine) => {
            const aead = ENGINES[engine].aead(algorithm, { key, authKey }, tagBytes.at(-1)!);
            const u8 = Uint8Array.from({ length: at + length + aead.tagBytes + 3 }, (_, i) => i);
            aead.seal(nonce, aad, u8, at, length);
            const before = u8.slice();
            assert(aead.open(nonce, aad, u8, at, length + aead.tagBytes));
            aead.seal(nonce, aad, u8, at, length);
            assertEquals(u8, before);
            return u8;
          });
          assertEquals(sealed[0], sealed[1]);
        }),
        { numRuns: 20 },
      );
    },
  });
}

Deno.test({
  name: "openssl: aead() refuses to touch memory outside of the array",
  ignore,
  fn() {
    const keys = { key: new Uint8Array(32), authKey: new Uint8Array(0) };
    const aead = ENGINES.openssl.aead("aes-gcm", keys, 16);
    const [nonce, aad, u8] = [new Uint8Array(12), new Uint8Array(8), new Uint8Array(100)];
    assertThrows(() => aead.seal(nonce, aad, u8, 50, 51), RangeError, "the array has 100");
    assertThrows(() => aead.open(nonce, aad, u8, 90, 200), RangeError, "the array has 100");
    assertThrows(() => aead.seal(nonce, aad, u8, -1, 10), RangeError, "the array has 100");
  },
});

Deno.test({
  name: "openssl: one context serves packets in many arrays and places, in both directions in turn",
  ignore,
  fn() {
    const keys = { key: new Uint8Array(32).fill(9), authKey: new Uint8Array(0) };
    const [fast, portable] = [ENGINES.openssl.aead("aes-gcm", keys, 16), ENGINES.noble.aead("aes-gcm", keys, 16)];
    const aad = new Uint8Array(8);
    for (let i = 0; i < 200; i++) {
      const nonce = new Uint8Array(12).fill(i);
      const u8 = new Uint8Array(2000).fill(i);
      fast.seal(nonce, aad, u8, i, 7 * i);
      assert(portable.open(nonce, aad, u8, i, 7 * i + 16));
      portable.seal(nonce, aad, u8, i, 7 * i);
      assert(fast.open(nonce, aad, u8, i, 7 * i + 16));
      assert(u8.subarray(i, 8 * i).every((byte) => byte === i));
    }
  },
});
