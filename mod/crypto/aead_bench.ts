/**
 * Speed of sealing one packet with each engine: 64 and 1460 bytes of plaintext, AES-256-GCM, 8 bytes of additional data.
 * Gbit/s is 8 times the bytes divided by the nanoseconds shown.
 *
 * @module
 */
import { assert } from "@std/assert";
import { ENGINES } from "./engines.ts";

for (const bytes of [64, 1460]) {
  for (const engine of Object.values(ENGINES)) {
    const aead = engine.aesGcm(new Uint8Array(32).fill(1), 16);
    const nonce = new Uint8Array(12);
    const aad = new Uint8Array(8);
    const u8 = new Uint8Array(4096);
    aead.seal(nonce, aad, u8, 34, bytes);
    assert(aead.open(nonce, aad, u8, 34, bytes + aead.tagBytes));
    Deno.bench({
      name: `seal ${bytes} bytes, ${engine.name}`,
      group: `${bytes}`,
      fn: () => aead.seal(nonce, aad, u8, 34, bytes),
    });
  }
}
