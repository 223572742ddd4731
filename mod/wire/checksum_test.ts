import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  combine,
  finish,
  fold,
  partialSum,
  pseudoHeaderSum,
  pseudoHeaderSumIpv4,
  pseudoHeaderSumIpv6,
} from "./checksum.ts";

/** RFC 1071, section 3. */
const RFC1071 = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);

/** The definition, one byte at a time, with the carry taken round at once. */
function naiveSum(bytes: Uint8Array, initial = 0): number {
  let sum = initial % 0xffff;
  bytes.forEach((byte, i) => {
    sum += i % 2 === 0 ? byte * 256 : byte;
    if (sum > 0xffff) sum -= 0xffff;
  });
  return sum;
}

/** 0 and 0xffff are one value in ones-complement. */
function canonical(sum: number): number {
  return sum === 0 ? 0xffff : sum;
}

Deno.test("partialSum() and finish() give the example of RFC 1071, section 3", () => {
  assertEquals(partialSum(RFC1071, 0, 8), 0xddf2);
  assertEquals(finish(partialSum(RFC1071, 0, 8)), 0x220d);
});

Deno.test("partialSum() agrees with the byte loop for every alignment and every length to 200", () => {
  const arena = new Uint8Array(256);
  for (let i = 0; i < arena.length; i++) arena[i] = (i * 167 + 13) & 0xff;
  for (let at = 0; at < 9; at++) {
    for (let length = 0; length <= 200; length++) {
      assertEquals(partialSum(arena, at, length), naiveSum(arena.subarray(at, at + length)), `at ${at}, ${length}`);
    }
  }
});

Deno.test("partialSum() agrees with the byte loop on random bytes, offsets, initial sums and views", () => {
  const bytes = fc.uint8Array({ maxLength: 3000, size: "max" });
  fc.assert(fc.property(bytes, fc.nat(9), fc.nat(9), fc.nat(0xffffffff), (piece, before, at, initial) => {
    const buffer = new Uint8Array(before + at + piece.length + 9).fill(0xa5);
    const u8 = buffer.subarray(before);
    u8.set(piece, at);
    assertEquals(
      canonical(partialSum(u8, at, piece.length, initial)),
      canonical(naiveSum(piece, initial)),
    );
  }));
});

Deno.test("partialSum() is exact on 1 MiB of ones", () => {
  assertEquals(partialSum(new Uint8Array(1 << 20).fill(0xff), 0, 1 << 20), 0xffff);
  assertEquals(partialSum(new Uint8Array(1 << 20).fill(0x01), 1, 1000001), fold(500000 * 0x0101 + 0x0100));
});

Deno.test("partialSum() of no bytes is the initial sum, folded", () => {
  assertEquals(partialSum(RFC1071, 8, 0), 0);
  assertEquals(partialSum(RFC1071, 8, 0, 0x12345), 0x2346);
});

Deno.test("combine() of pieces equals the sum of the whole, wherever it is cut", () => {
  const cuts = fc.array(fc.nat(300), { maxLength: 6 });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300, size: "max" }), cuts, (message, at) => {
    const edges = [0, ...at.filter((cut) => cut < message.length).sort((a, b) => a - b), message.length];
    let sum = 0;
    for (let i = 1; i < edges.length; i++) {
      const offset = edges[i - 1]!;
      sum = combine(sum, partialSum(message, offset, edges[i]! - offset), offset);
    }
    assertEquals(sum, naiveSum(message));
  }));
});

Deno.test("fold() is exact for sums beyond 32 bits", () => {
  assertEquals(fold(0xffff), 0xffff);
  assertEquals(fold(0x10000), 1);
  assertEquals(fold(0x1_0000_0000), 1);
  assertEquals(fold(2 ** 53 - 1), Number(BigInt(2 ** 53 - 1) % 0xffffn));
});

Deno.test("pseudoHeaderSumIpv4() equals the sum of the pseudo-header written out", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(255), fc.nat(0xffff), (from, to, protocol, length) => {
      const written = new Uint8Array(12);
      const view = new DataView(written.buffer);
      view.setUint32(0, from);
      view.setUint32(4, to);
      view.setUint16(8, protocol);
      view.setUint16(10, length);
      assertEquals(pseudoHeaderSumIpv4(from, to, protocol, length), naiveSum(written));
    }),
  );
});

Deno.test("pseudoHeaderSumIpv4() counts a length beyond 65535, as of an aggregate", () => {
  assertEquals(pseudoHeaderSumIpv4(0, 0, 6, 0x2_0001), 6 + 2 + 1);
});

Deno.test("pseudoHeaderSumIpv6() equals the sum of the pseudo-header written out", () => {
  const addresses = fc.uint8Array({ minLength: 32, maxLength: 32 });
  fc.assert(fc.property(addresses, fc.nat(255), fc.nat(0xffffffff), (both, protocol, length) => {
    const written = new Uint8Array(40);
    written.set(both);
    new DataView(written.buffer).setUint32(32, length);
    written[39] = protocol;
    const u8 = new Uint8Array(60).fill(0xa5);
    u8[3] = 0x60;
    u8.set(both, 3 + 8);
    assertEquals(pseudoHeaderSumIpv6(u8, 3, protocol, length), naiveSum(written));
    assertEquals(pseudoHeaderSum(u8, 3, protocol, length), naiveSum(written));
  }));
});

Deno.test("pseudoHeaderSum() equals pseudoHeaderSumIpv4() over an IPv4 header", () => {
  fc.assert(
    fc.property(fc.nat(0xffffffff), fc.nat(0xffffffff), fc.nat(255), fc.nat(0xffffff), (from, to, protocol, length) => {
      const view = new DataView(new ArrayBuffer(40));
      view.setUint8(3, 0x4f);
      view.setUint32(3 + 12, from);
      view.setUint32(3 + 16, to);
      const sum = pseudoHeaderSum(new Uint8Array(view.buffer), 3, protocol, length);
      assertEquals(sum, pseudoHeaderSumIpv4(from, to, protocol, length));
    }),
  );
});
