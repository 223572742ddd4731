import { assert, assertEquals } from "@std/assert";
import { clone } from "./clone_ops.ts";
import { cowData, type CowResult } from "./cow_data.ts";
import { push, put, reserve } from "./head_ops.ts";
import { addFrag, mayPull } from "./paged_ops.ts";
import type { Skb } from "./skb.ts";
import { assertSameBytes, assertSound, type Copy, SkbFixture, type SkbShape } from "./testing.ts";

/** A row of the byte table of linux-datapath 2.4, played with 104 linear bytes in a head of E = 704. */
interface TableRow {
  readonly input: string;
  readonly headroom: number;
  readonly frags?: number[];
  readonly cloned?: boolean;
  readonly tailbits: number;
  readonly copies: Copy[];
}

const BYTE_TABLE: TableRow[] = [
  { input: "linear, not cloned, tr >= tailbits", headroom: 582, tailbits: 18, copies: [] },
  { input: "linear, not cloned, tr < tailbits", headroom: 583, tailbits: 18, copies: [["expand-head", 687]] },
  {
    input: "linear, cloned, tr >= tailbits",
    headroom: 582,
    cloned: true,
    tailbits: 18,
    copies: [["expand-head", 686]],
  },
  {
    input: "linear, cloned, tr < tailbits: two reallocations",
    headroom: 583,
    cloned: true,
    tailbits: 18,
    copies: [["expand-head", 687], ["expand-head", 687]],
  },
  {
    input: "frags fit in E with the tail",
    headroom: 300,
    frags: [200, 82],
    tailbits: 18,
    copies: [["pull-tail", 282]],
  },
  {
    input: "frags fit in E with the tail, cloned",
    headroom: 300,
    frags: [200, 82],
    cloned: true,
    tailbits: 18,
    copies: [["expand-head", 404], ["pull-tail", 282]],
  },
  {
    input: "frags fit in E, the tail does not: H' = L",
    headroom: 300,
    frags: [200, 100],
    tailbits: 18,
    copies: [["pull-tail", 300], ["expand-head", 704]],
  },
  {
    input: "frags fit in E, the tail does not, cloned",
    headroom: 300,
    frags: [200, 100],
    cloned: true,
    tailbits: 18,
    copies: [["expand-head", 404], ["pull-tail", 300], ["expand-head", 704]],
  },
  {
    input: "frags do not fit: the slack covers the trailer",
    headroom: 300,
    frags: [200, 101],
    tailbits: 128,
    copies: [["expand-head", 404], ["pull-tail", 301]],
  },
  {
    input: "frags do not fit, cloned: one reallocation all the same",
    headroom: 300,
    frags: [200, 101],
    cloned: true,
    tailbits: 128,
    copies: [["expand-head", 404], ["pull-tail", 301]],
  },
];

for (const { input, headroom, frags, cloned, tailbits, copies } of BYTE_TABLE) {
  Deno.test(`cowData() copies what the byte table says: ${input}`, () => {
    const fixture = new SkbFixture();
    const skb = fixture.build({ request: 704, headroom, linear: 104, frags: frags ?? [] });
    const twin = cloned ? clone(fixture.skbs, skb) : null;
    const bytes = fixture.bytesOf(skb);
    const result = cowData(fixture.skbs, skb, tailbits);
    assertEquals(fixture.takeCopies(), copies);
    assertEquals(result, { elements: 1, trailer: skb, copied: copies.length > 0 });
    assert(skb.tailroom >= tailbits && !skb.isCloned && skb.nrFrags === 0);
    assertSameBytes(fixture.bytesOf(skb), bytes);
    fixture.free(skb);
    if (twin !== null) {
      assertSameBytes(fixture.bytesOf(twin), bytes);
      fixture.free(twin);
    }
    fixture.assertNothingLives();
  });
}

const LINEAR_MEMBER: SkbShape = { request: 192, headroom: 40, linear: 100 };

/** A buffer with a frag_list of `members`; E = 704, so 524 bytes of it are behind the linear bytes. */
function listOf(fixture: SkbFixture, members: SkbShape[], frags: number[] = []): Skb {
  return fixture.build({ request: 704, headroom: 80, linear: 100, frags, members });
}

function members(skb: Skb): Skb[] {
  const found: Skb[] = [];
  for (let member = skb.head.fragList; member !== null; member = member.next) found.push(member);
  return found;
}

function cowAndFree(fixture: SkbFixture, skb: Skb, tailbits: number, ...others: Skb[]): [CowResult, Copy[]] {
  const bytes = fixture.bytesOf(skb);
  fixture.takeRows();
  const result = cowData(fixture.skbs, skb, tailbits);
  const copies = fixture.takeCopies();
  assertSound(skb);
  assertSameBytes(fixture.bytesOf(skb), bytes);
  assert(result.trailer.tailroom >= tailbits);
  fixture.free(skb, ...others);
  fixture.assertNothingLives();
  return [result, copies];
}

Deno.test("cowData() copies nothing of a frag_list of private linear members with room for the trailer", () => {
  const fixture = new SkbFixture();
  const skb = listOf(fixture, [LINEAR_MEMBER, LINEAR_MEMBER, LINEAR_MEMBER]);
  const last = members(skb)[2]!;
  assertEquals(cowAndFree(fixture, skb, 52), [{ elements: 4, trailer: last, copied: false }, []]);
});

Deno.test("cowData() gives the last member of a frag_list the room that it lacks", () => {
  const fixture = new SkbFixture();
  const [result, copies] = cowAndFree(fixture, listOf(fixture, [LINEAR_MEMBER, LINEAR_MEMBER]), 53);
  assertEquals(copies, [["skb-copy-expand", 140]]);
  assertEquals(result.elements, 3);
});

Deno.test("cowData() pulls the frags of the head but not the frag_list", () => {
  const fixture = new SkbFixture();
  const [result, copies] = cowAndFree(fixture, listOf(fixture, [LINEAR_MEMBER], [300, 100]), 0);
  assertEquals([copies, result.elements, result.copied], [[["pull-tail", 400]], 2, true]);
});

Deno.test("cowData() makes a member with frags linear: skb_copy in the middle, skb_copy_expand at the end", () => {
  const fixture = new SkbFixture();
  const paged = { ...LINEAR_MEMBER, frags: [60] };
  assertEquals(cowAndFree(fixture, listOf(fixture, [paged, LINEAR_MEMBER]), 18)[1], [["skb-copy", 200]]);
  assertEquals(cowAndFree(fixture, listOf(fixture, [LINEAR_MEMBER, paged]), 18)[1], [["skb-copy-expand", 200]]);
  assertEquals(cowAndFree(fixture, listOf(fixture, [LINEAR_MEMBER, paged]), 0)[1], [["skb-copy", 200]]);
});

Deno.test("cowData() copies a cloned member alone, but everything from a shared member on", () => {
  const fixture = new SkbFixture();
  const withClone = listOf(fixture, [LINEAR_MEMBER, LINEAR_MEMBER, LINEAR_MEMBER]);
  const twin = clone(fixture.skbs, members(withClone)[1]!);
  assertEquals(cowAndFree(fixture, withClone, 0, twin)[1], [["skb-copy", 140]]);

  const withShared = listOf(fixture, [LINEAR_MEMBER, LINEAR_MEMBER, LINEAR_MEMBER]);
  const shared = members(withShared)[1]!;
  shared.users += 1;
  assertEquals(cowAndFree(fixture, withShared, 0, shared)[1], [["skb-copy", 140], ["skb-copy", 140]]);
});

Deno.test("cowData() copies the whole frag_list of a clone, whose members it shares", () => {
  const fixture = new SkbFixture();
  const skb = listOf(fixture, [LINEAR_MEMBER, LINEAR_MEMBER]);
  const twin = clone(fixture.skbs, skb);
  assertEquals(cowAndFree(fixture, skb, 18, twin)[1], [["expand-head", 180], ["skb-copy", 140], ["skb-copy", 140]]);
});

Deno.test("cowData() adds 128 bytes of slack to the tailroom that it lacks", () => {
  const fixture = new SkbFixture();
  for (const [tailbits, endOffset] of [[600 + 896, 1728], [600 + 897, 3776]]) {
    const skb = fixture.build({ request: 704, headroom: 0, linear: 104 });
    cowData(fixture.skbs, skb, tailbits!);
    assertEquals(skb.head.endOffset, endOffset!);
  }
});

Deno.test("cowData() of an ESP frame in a page fragment copies 114 + 1464 bytes (worked example of 2.4)", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.skbs.napiAllocSkb(256);
  put(skb, 34);
  addFrag(skb, fixture.memory.allocate(2048), 34, 1480);
  assertEquals([skb.head.endOffset, skb.headroom, skb.headlen, skb.dataLen], [320, 64, 34, 1480]);
  assert(mayPull(fixture.skbs, skb, 34 + 16));
  assertEquals(fixture.takeCopies(), [["pull-tail", 16]]);
  const [result, copies] = cowAndFree(fixture, skb, 0);
  assertEquals(copies, [["expand-head", 114], ["pull-tail", 1464]]);
  assertEquals([result.elements, skb.head.endOffset], [1, 1728]);
});

Deno.test("cowData() of a forwarded TCP frame in a page fragment copies 118 + 1460 bytes", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.skbs.napiAllocSkb(256);
  put(skb, 54);
  addFrag(skb, fixture.memory.allocate(2048), 54, 1460);
  const [result, copies] = cowAndFree(fixture, skb, 20);
  assertEquals(copies, [["expand-head", 118], ["pull-tail", 1460]]);
  assertEquals([result.elements, skb.head.endOffset], [1, 1728]);
});

/** What tcp_sendmsg of 4.4 builds for one segment: mss rounded to 4 behind `maxHeader`, then a clone, then headers. */
function localSegment(fixture: SkbFixture, maxHeader: number, headerBytes: number): [Skb, Skb] {
  const skb = fixture.skbs.allocSkb(1396 + maxHeader);
  reserve(skb, maxHeader);
  put(skb, 1394);
  const sent = clone(fixture.skbs, skb);
  push(sent, headerBytes);
  return [skb, sent];
}

Deno.test("cowData() of a local TCP clone with max_header 304 copies 304 + 1394 bytes, however long its headers", () => {
  const fixture = new SkbFixture("4.4");
  for (const headerBytes of [0, 52, 88]) {
    const [original, sent] = localSegment(fixture, 304, headerBytes);
    assertEquals(sent.tailroom, 30);
    assertEquals(cowAndFree(fixture, sent, 18, original)[1], [["expand-head", 1698]]);
  }
});

Deno.test("cowData() of a local TCP clone with max_header 320 reallocates twice, 1714 bytes each", () => {
  const fixture = new SkbFixture("4.4");
  const [original, sent] = localSegment(fixture, 320, 52);
  assertEquals([sent.head.endOffset, sent.tailroom], [1728, 14]);
  assertEquals(cowAndFree(fixture, sent, 18, original)[1], [["expand-head", 1714], ["expand-head", 1714]]);
});

Deno.test("cowData() of a 6.1 local TCP clone copies 320 + 1394 bytes, and the slack holds the trailer", () => {
  const fixture = new SkbFixture("6.1");
  const original = fixture.build({ request: 320, headroom: 320, linear: 0, frags: [1394] });
  assertEquals(original.head.endOffset, 704);
  const sent = clone(fixture.skbs, original);
  push(sent, 88);
  assertEquals(cowAndFree(fixture, sent, 18, original)[1], [["expand-head", 320], ["pull-tail", 1394]]);
  assert(sent.head.endOffset - sent.tail >= 128);
});
