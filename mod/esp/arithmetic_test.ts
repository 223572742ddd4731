import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  ciphertextBytes,
  type EspMode,
  headerBytes,
  innerMtu,
  type IpVersion,
  outerHeaderBytes,
  padAndTrailerBytes,
  trailerBytes,
} from "./arithmetic.ts";

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

Deno.test("headerBytes() counts the outer header in tunnel mode only", () => {
  assertEquals([outerHeaderBytes(4), outerHeaderBytes(6)], [20, 40]);
  assertEquals([headerBytes("tunnel", 4, 8), headerBytes("tunnel", 6, 8)], [36, 56]);
  assertEquals([headerBytes("tunnel", 4, 0), headerBytes("tunnel", 6, 0)], [28, 48]);
  assertEquals([headerBytes("transport", 4, 8), headerBytes("transport", 6, 8)], [16, 16]);
  assertEquals(headerBytes("tunnel", 4, 8, 8), 44);
});

/** The MTU inside a link of 1500 bytes. */
function inside(
  mode: EspMode,
  outer: IpVersion,
  version: IpVersion,
  ivBytes: number,
  block: number,
  icv: number,
): number {
  return innerMtu(1500, mode, version, headerBytes(mode, outer, ivBytes), block, icv);
}

Deno.test("innerMtu() of a link MTU of 1500 is that of Linux over IPv4", () => {
  assertEquals(inside("tunnel", 4, 4, 8, 4, 16), 1446);
  assertEquals(inside("transport", 4, 4, 8, 4, 16), 1466);
  assertEquals(inside("tunnel", 4, 4, 16, 16, 12), 1438);
  assertEquals(inside("transport", 4, 4, 16, 16, 12), 1458);
  assertEquals(innerMtu(1500, "tunnel", 4, headerBytes("tunnel", 4, 8, 8), 4, 16), 1438);
});

Deno.test("innerMtu() of a link MTU of 1500 is that of Linux over IPv6 and for ESP-NULL", () => {
  assertEquals(inside("tunnel", 6, 6, 8, 4, 16), 1426);
  assertEquals(inside("transport", 6, 6, 8, 4, 16), 1466);
  assertEquals(inside("tunnel", 6, 4, 8, 4, 16), inside("tunnel", 6, 6, 8, 4, 16));
  assertEquals(inside("tunnel", 4, 4, 0, 4, 0), 1470);
  assertEquals(inside("transport", 4, 4, 0, 4, 0), 1490); // The slides' ESP-NULL.
  assertEquals(inside("tunnel", 6, 6, 0, 4, 16), 1434);
});

Deno.test("innerMtu() is at least 1", () => {
  assertEquals(innerMtu(10, "tunnel", 4, headerBytes("tunnel", 4, 8), 4, 16), 1);
});

Deno.test("padAndTrailerBytes() is 2 to blockBytes + 1 and fills the block", () => {
  fc.assert(fc.property(fc.nat(70000), fc.constantFrom(4, 8, 16), (payloadBytes, blockBytes) => {
    const bytes = padAndTrailerBytes(payloadBytes, blockBytes);
    assert(bytes >= 2 && bytes <= blockBytes + 1);
    assertEquals((payloadBytes + bytes) % blockBytes, 0);
  }));
});

Deno.test("a packet of innerMtu() bytes fits the link in either mode, one byte more does not", () => {
  const mode = fc.constantFrom<EspMode>("tunnel", "transport");
  const version = fc.constantFrom<IpVersion>(4, 6);
  const suite = fc.constantFrom([8, 4, 16], [0, 4, 0], [0, 4, 16], [16, 16, 12]);
  fc.assert(fc.property(fc.integer({ min: 576, max: 9000 }), mode, version, suite, (mtu, mode, version, suite) => {
    const [ivBytes, blockBytes, icvBytes] = suite as [number, number, number];
    const header = headerBytes(mode, version, ivBytes);
    const inner = innerMtu(mtu, mode, version, header, blockBytes, icvBytes);
    const own = mode === "tunnel" ? 0 : outerHeaderBytes(version);
    const outside = (bytes: number) => header + bytes + trailerBytes(bytes - own, blockBytes, icvBytes);
    assert(outside(inner) <= mtu);
    assert(outside(inner + 1) > mtu);
  }));
});
