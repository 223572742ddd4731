import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ciphertextBytes, headerBytes, innerMtu, padAndTrailerBytes, trailerBytes } from "./arithmetic.ts";

Deno.test("the lengths of GCM with 16 bytes of ICV and of CBC with HMAC-SHA1-96 are those of Linux", () => {
  const lengths = (payloadBytes: number, blockBytes: number, icvBytes: number) => [
    ciphertextBytes(payloadBytes, blockBytes),
    padAndTrailerBytes(payloadBytes, blockBytes),
    trailerBytes(payloadBytes, blockBytes, icvBytes),
  ];
  assertEquals(lengths(1446, 4, 16), [1448, 2, 18]);
  assertEquals(lengths(1448, 4, 16), [1452, 4, 20]);
  assertEquals(lengths(1446, 16, 12), [1456, 10, 22]);
  assertEquals(lengths(84, 4, 16), [88, 4, 20]);
  assertEquals(lengths(64, 16, 12), [80, 16, 28]);
});

Deno.test("innerMtu() of a link MTU of 1500 is that of Linux", () => {
  assertEquals(innerMtu(1500, "tunnel", headerBytes("tunnel", 8), 4, 16), 1446);
  assertEquals(innerMtu(1500, "transport", headerBytes("transport", 8), 4, 16), 1466);
  assertEquals(innerMtu(1500, "tunnel", headerBytes("tunnel", 16), 16, 12), 1438);
  assertEquals(innerMtu(1500, "transport", headerBytes("transport", 16), 16, 12), 1458);
  assertEquals(innerMtu(1500, "tunnel", headerBytes("tunnel", 8, 8), 4, 16), 1438);
});

Deno.test("innerMtu() is at least 1", () => {
  assertEquals(innerMtu(10, "tunnel", headerBytes("tunnel", 8), 4, 16), 1);
});

Deno.test("padAndTrailerBytes() is 2 to blockBytes + 1 and fills the block", () => {
  fc.assert(fc.property(fc.nat(70000), fc.constantFrom(4, 8, 16), (payloadBytes, blockBytes) => {
    const bytes = padAndTrailerBytes(payloadBytes, blockBytes);
    assert(bytes >= 2 && bytes <= blockBytes + 1);
    assertEquals((payloadBytes + bytes) % blockBytes, 0);
  }));
});

Deno.test("a packet of innerMtu() bytes fits the link in tunnel mode, one byte more does not", () => {
  const block = fc.constantFrom(4, 16);
  fc.assert(fc.property(fc.integer({ min: 576, max: 9000 }), block, fc.constantFrom(12, 16), (mtu, blockBytes, icv) => {
    const header = headerBytes("tunnel", 8);
    const inner = innerMtu(mtu, "tunnel", header, blockBytes, icv);
    assert(header + inner + trailerBytes(inner, blockBytes, icv) <= mtu);
    assert(header + inner + 1 + trailerBytes(inner + 1, blockBytes, icv) > mtu);
  }));
});
