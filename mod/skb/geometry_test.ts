import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { alignCacheLine, Geometry, kmallocBlockBytes } from "./geometry.ts";
import { SkbFixture } from "./testing.ts";
import { put, reserve } from "./head_ops.ts";

const geometry = new Geometry();

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

Deno.test("Geometry.kmallocEndOffset() gives the examples of linux-datapath 1.4 at both ends of each range", () => {
  const ranges = [[0, 192, 192], [193, 704, 704], [705, 1728, 1728], [1729, 3776, 3776], [3777, 7872, 7872]];
  for (const [first, last, endOffset] of ranges) {
    assertEquals(geometry.kmallocEndOffset(first!), endOffset);
    assertEquals(geometry.kmallocEndOffset(last!), endOffset);
  }
  assertEquals(geometry.kmallocEndOffset(7873), 16064);
});

Deno.test("Geometry.kmallocEndOffset() rounds the request to a cache line before it adds the shared info", () => {
  assertEquals(geometry.kmallocEndOffset(1665), 1728);
  assertEquals(geometry.kmallocEndOffset(3713), 3776);
});

Deno.test("Geometry.napiEndOffset() carves the rounded request in 4.4, and a fixed 1 KiB slice for small ones in 6.1", () => {
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
    const ends = [geometry.napiEndOffset(bytes!, "4.4"), geometry.napiEndOffset(bytes!, "6.1")];
    assertEquals(ends, [in44!, in61!], `${bytes}`);
  }
});

Deno.test("Geometry.napiHeadIsPageFragment() holds up to 3776 bytes with NET_SKB_PAD", () => {
  const answers = [0, 256, 3712, 3713, 9018].map((bytes) => geometry.napiHeadIsPageFragment(bytes));
  assertEquals(answers, [true, true, true, false, false]);
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

Deno.test("Geometry counts 48 bytes and 16 per fragment of shared info, rounded up to a cache line", () => {
  const cases = [[17, 320], [18, 384], [21, 384], [22, 448], [25, 448], [26, 512], [29, 512], [30, 576], [45, 768]];
  for (const [frags, bytes] of cases) assertEquals(new Geometry(frags!).sharedInfoBytes, bytes!, `${frags}`);
});

Deno.test("Geometry of 17 fragments has SKB_MAX_HEAD(0) = 3776, SKB_MAX_HEAD(304) = 3472 and small heads of 704", () => {
  assertEquals([geometry.maxHead(0), geometry.maxHead(304), geometry.smallHeadBytes], [3776, 3472, 704]);
  assertEquals([geometry.withOverhead(2048), geometry.withOverhead(16384)], [1728, 16064]);
});

Deno.test("Geometry of 45 fragments takes 768 bytes out of each block", () => {
  const large = new Geometry(45);
  assertEquals([large.smallHeadBytes, large.maxHead(0), large.withOverhead(2048)], [256, 3328, 1280]);
  assertEquals([1, 256, 257, 1280, 1281, 3328, 3329].map((bytes) => large.kmallocEndOffset(bytes)), [
    256,
    256,
    1280,
    1280,
    3328,
    3328,
    7424,
  ]);
  assertEquals([192, 193, 3264, 3265].map((bytes) => large.napiEndOffset(bytes, "6.1")), [256, 320, 3328, 7424]);
  assertEquals([192, 193].map((bytes) => large.napiEndOffset(bytes, "4.4")), [256, 320]);
  assertEquals([192, 193, 3265].map((bytes) => large.netdevHeadIsPageFragment(bytes, "6.1")), [false, true, false]);
});

Deno.test("Geometry gives every request its room, in blocks that the shared info fills to the last byte", () => {
  const sizes = fc.record({ frags: fc.integer({ min: 17, max: 45 }), bytes: fc.integer({ min: 0, max: 70_000 }) });
  fc.assert(fc.property(sizes, ({ frags, bytes }) => {
    const any = new Geometry(frags);
    const end = any.kmallocEndOffset(bytes);
    assert(end >= bytes && end % 64 === 0);
    assertEquals(kmallocBlockBytes(end + any.sharedInfoBytes), end + any.sharedInfoBytes);
    for (const era of ["4.4", "6.1"] as const) {
      assert(any.napiEndOffset(bytes, era) >= bytes + 64 && any.netdevEndOffset(bytes, era) >= bytes + 64);
    }
  }));
});

Deno.test("SkbMemory makes every kind of head with the shared info of max_skb_frags", () => {
  const { skbs } = new SkbFixture("6.1", { maxSkbFrags: 45 });
  const heads = [skbs.allocSkb(1280), skbs.napiAllocSkb(192), skbs.netdevAllocSkb(1436), skbs.buildSkb(2048, 128)];
  assertEquals(heads.map((skb) => skb.head.endOffset), [1280, 256, 1536, 1280]);
  assertEquals(heads.map((skb) => skb.head.block.bytes), [2048, 1024, 4096, 2048]);
});
