import { assertEquals } from "@std/assert";
import {
  alignCacheLine,
  kmallocBlockBytes,
  kmallocEndOffset,
  napiEndOffset,
  napiHeadIsPageFragment,
} from "./geometry.ts";
import { SkbFixture } from "./testing.ts";
import { put, reserve } from "./head_ops.ts";

Deno.test("alignCacheLine() rounds up to 64 bytes", () => {
  assertEquals([0, 1, 63, 64, 65, 1714].map(alignCacheLine), [0, 64, 64, 64, 128, 1728]);
});

Deno.test("kmallocBlockBytes() knows the size classes, and powers of two of pages above 8192", () => {
  const classes = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536];
  for (const [index, size] of classes.entries()) {
    assertEquals(kmallocBlockBytes(size), size);
    assertEquals(kmallocBlockBytes(size + 1), classes[index + 1] ?? 131072);
  }
});

Deno.test("kmallocEndOffset() gives the examples of linux-datapath 1.4 at both ends of each range", () => {
  const ranges = [[0, 192, 192], [193, 704, 704], [705, 1728, 1728], [1729, 3776, 3776], [3777, 7872, 7872]];
  for (const [first, last, endOffset] of ranges) {
    assertEquals(kmallocEndOffset(first!), endOffset);
    assertEquals(kmallocEndOffset(last!), endOffset);
  }
  assertEquals(kmallocEndOffset(7873), 16064);
});

Deno.test("kmallocEndOffset() rounds the request to a cache line before it adds the shared info", () => {
  assertEquals(kmallocEndOffset(1665), 1728);
  assertEquals(kmallocEndOffset(3713), 3776);
});

Deno.test("napiEndOffset() carves the rounded request in 4.4, and a fixed 1 KiB slice for small ones in 6.1", () => {
  const cases = [
    // [bytes, 4.4, 6.1]
    [0, 64, 704],
    [256, 320, 704],
    [576, 640, 704],
    [640, 704, 704],
    [641, 768, 768],
    [1514, 1600, 1600],
    [1600, 1664, 1664],
    [3712, 3776, 3776],
    [3713, 7872, 7872],
    [9018, 16064, 16064],
  ];
  for (const [bytes, in44, in61] of cases) {
    assertEquals([napiEndOffset(bytes!, "4.4"), napiEndOffset(bytes!, "6.1")], [in44!, in61!], `${bytes}`);
  }
});

Deno.test("napiHeadIsPageFragment() holds up to 3776 bytes with NET_SKB_PAD", () => {
  assertEquals([0, 256, 3712, 3713, 9018].map(napiHeadIsPageFragment), [true, true, true, false, false]);
});

Deno.test("allocSkb(1704) leaves 24 bytes of tailroom behind 304 + 1400 bytes (11.3)", () => {
  const { skbs } = new SkbFixture();
  const skb = skbs.allocSkb(1704);
  assertEquals([skb.head.endOffset, skb.headFrag, skb.headroom, skb.len], [1728, false, 0, 0]);
  reserve(skb, 304);
  put(skb, 1400);
  assertEquals(skb.tailroom, 24);
});

Deno.test("allocSkb() leaves 14, 76 and 22 bytes in the segments and the frame of 11.3", () => {
  const { skbs } = new SkbFixture();
  for (
    const [request, headroom, linear, tailroom] of [[1714, 320, 1394, 14], [1652, 258, 1394, 76], [1728, 192, 1514, 22]]
  ) {
    const skb = skbs.allocSkb(request!);
    reserve(skb, headroom!);
    put(skb, linear!);
    assertEquals([skb.head.endOffset, skb.tailroom], [1728, tailroom!]);
  }
});

Deno.test("napiAllocSkb() reserves NET_SKB_PAD and says where the head lies", () => {
  const cases = [["4.4", 256, 320, true], ["6.1", 256, 704, true], ["4.4", 1514, 1600, true], [
    "6.1",
    9018,
    16064,
    false,
  ]];
  for (const [era, bytes, endOffset, headFrag] of cases) {
    const skb = new SkbFixture(era as "4.4" | "6.1").skbs.napiAllocSkb(bytes as number);
    assertEquals([skb.headroom, skb.tail, skb.len, skb.head.endOffset, skb.headFrag], [64, 64, 0, endOffset, headFrag]);
  }
});
