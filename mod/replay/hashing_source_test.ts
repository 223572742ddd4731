/** What a capture's bytes come out as, however few of them its source gives at a time. */

import { assertEquals } from "@std/assert";
import type { ByteSource } from "../capture/mod.ts";
import { HashingSource } from "./hashing_source.ts";

/** SHA-256 of "abc": FIPS 180-2, appendix B.1. */
const ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/** Gives `text` in pieces of one byte, with reads of nothing between them. */
function drops(text: string): ByteSource {
  const bytes = [...new TextEncoder().encode(text)].flatMap((byte) => [undefined, byte]);
  return {
    read: (into) => {
      if (bytes.length === 0) return Promise.resolve(null);
      const byte = bytes.shift();
      if (byte === undefined) return Promise.resolve(0);
      into[0] = byte;
      return Promise.resolve(1);
    },
  };
}

Deno.test("HashingSource fills what it is given as far as there are bytes, then says that there are no more", async () => {
  const source = new HashingSource(drops("abcde"));
  const into = new Uint8Array(3);
  assertEquals([await source.read(into), new TextDecoder().decode(into)], [3, "abc"]);
  assertEquals([await source.read(into), new TextDecoder().decode(into.subarray(0, 2))], [2, "de"]);
  assertEquals(await source.read(into), null);
});

Deno.test("HashingSource hashes all of a source, whatever of it was read", async () => {
  for (const read of [0, 1, 3, 4]) {
    const source = new HashingSource(drops("abc"));
    await source.read(new Uint8Array(read));
    assertEquals(await source.sha256(), ABC_SHA256, `${read} bytes read`);
  }
});

Deno.test("HashingSource gives a source back as it is that goes on giving nothing", async () => {
  let reads = 0;
  const source = new HashingSource({ read: () => Promise.resolve(reads++ < 5000 ? 0 : null) });
  assertEquals(await source.read(new Uint8Array(8)), 0);
  assertEquals(reads, 1000);
});
