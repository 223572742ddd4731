/**
 * Speed of sealing one packet with each engine and algorithm: 64 and 1460 bytes of plaintext, 8 bytes of additional data.
 * Gbit/s is 8 times the bytes divided by the nanoseconds shown.
 *
 * @module
 */
import { assert } from "@std/assert";
import type { AeadAlgorithm } from "./aead.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { ENGINES } from "./engines.ts";

for (const bytes of [64, 1460]) {
  for (const engine of Object.values(ENGINES).filter((engine) => engine.whyUnavailable() === undefined)) {
    for (const [algorithm, { keyBytes, authKeyBytes, tagBytes, nonceBytes, parts }] of Object.entries(ALGORITHMS)) {
      // AES-CBC takes whole blocks.
      const length = parts?.cipher.endsWith("cbc") ? bytes - bytes % 16 : bytes;
      const keys = {
        key: new Uint8Array(keyBytes.at(-1)!).fill(1),
        authKey: new Uint8Array(authKeyBytes.at(-1)!).fill(1),
      };
      const aead = engine.aead(algorithm as AeadAlgorithm, keys, tagBytes.at(-1)!);
      const nonce = new Uint8Array(nonceBytes);
      const aad = new Uint8Array(8);
      const u8 = new Uint8Array(4096);
      aead.seal(nonce, aad, u8, 34, length);
      assert(aead.open(nonce, aad, u8, 34, length + aead.tagBytes));
      Deno.bench({
        name: `seal ${length} bytes, ${algorithm}, ${engine.name}`,
        group: `${bytes}`,
        fn: () => aead.seal(nonce, aad, u8, 34, length),
      });
    }
  }
}
