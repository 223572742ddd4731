import { assertEquals, assertThrows } from "@std/assert";
import { clone, headerRelease } from "./clone_ops.ts";
import {
  cow,
  cowHead,
  expandHead,
  moveMacHeader,
  pull,
  push,
  pushMovedHeader,
  put,
  reserve,
  unclone,
} from "./head_ops.ts";
import { assertSameBytes, SkbFixture } from "./testing.ts";

Deno.test("reserve(), put(), push() and pull() move the ends of the data", () => {
  const { skbs } = new SkbFixture();
  const skb = skbs.allocSkb(704);
  reserve(skb, 100);
  assertEquals([skb.headroom, skb.headlen, skb.tailroom], [100, 0, 604]);
  put(skb, 50);
  assertEquals([skb.headroom, skb.headlen, skb.tailroom], [100, 50, 554]);
  push(skb, 14);
  assertEquals([skb.headroom, skb.headlen, skb.tailroom], [86, 64, 554]);
  pull(skb, 34);
  assertEquals([skb.headroom, skb.headlen, skb.tailroom, skb.len], [120, 30, 554, 30]);
});

Deno.test("put() fills the head to its end and refuses one byte more", () => {
  const { skbs } = new SkbFixture();
  const skb = skbs.allocSkb(704);
  put(skb, 704);
  assertThrows(() => put(skb, 1), Error, `Cannot put 1 bytes: skb ${skb.id} lacks tailroom`);
  assertEquals([skb.len, skb.tail], [704, 704]);
});

Deno.test("put() refuses a nonlinear skb", () => {
  const skb = new SkbFixture().build({ request: 704, headroom: 0, linear: 10, frags: [20] });
  assertThrows(() => put(skb, 1), Error, `Cannot put 1 bytes: skb ${skb.id} is nonlinear`);
});

Deno.test("push() refuses more than the headroom and pull() more than the linear bytes", () => {
  const skb = new SkbFixture().build({ request: 704, headroom: 20, linear: 10, frags: [20] });
  assertThrows(() => push(skb, 21), Error, `Cannot push 21 bytes: skb ${skb.id} has 20 bytes of headroom`);
  assertThrows(() => pull(skb, 11), Error, `Cannot pull 11 bytes: skb ${skb.id} has 10 linear bytes`);
  pull(skb, 10);
  push(skb, 30);
  assertEquals([skb.headroom, skb.headlen, skb.len], [0, 30, 50]);
});

Deno.test("pushMovedHeader() moves the network header up to the data, over what was between", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 100, linear: 200 });
  fixture.fill(skb.head.at, 300);
  skb.networkHeader = 100;
  pull(skb, 20 + 16);
  const header = fixture.memory.u8.slice(skb.head.at + 100, skb.head.at + 120);
  const rest = fixture.memory.u8.slice(skb.dataAt, skb.dataAt + skb.headlen);
  pushMovedHeader(fixture.skbs, skb, 20);
  assertEquals([skb.data, skb.networkHeader, skb.transportHeader, skb.len], [116, 116, 136, 184]);
  assertSameBytes(fixture.memory.u8.slice(skb.dataAt, skb.dataAt + 20), header);
  assertSameBytes(fixture.memory.u8.slice(skb.dataAt + 20, skb.dataAt + skb.headlen), rest);
});

Deno.test("pushMovedHeader() moves a header that overlaps where it goes", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 100, linear: 200 });
  fixture.fill(skb.head.at, 300);
  skb.networkHeader = 100;
  pull(skb, 60 + 8);
  const header = fixture.memory.u8.slice(skb.head.at + 100, skb.head.at + 160);
  pushMovedHeader(fixture.skbs, skb, 60);
  assertSameBytes(fixture.memory.u8.slice(skb.dataAt, skb.dataAt + 60), header);
});

Deno.test("moveMacHeader() puts the Ethernet header in front of the data", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 100, linear: 200 });
  fixture.fill(skb.head.at, 300);
  skb.macHeader = 86;
  const header = fixture.memory.u8.slice(skb.head.at + 86, skb.head.at + 100);
  pull(skb, 52);
  moveMacHeader(fixture.skbs, skb);
  assertEquals([skb.macHeader, skb.data], [138, 152]);
  assertSameBytes(fixture.memory.u8.slice(skb.head.at + 138, skb.head.at + 152), header);
});

Deno.test("expandHead() keeps headroom bytes, header offsets and GSO facts, and clears head_frag", () => {
  const fixture = new SkbFixture();
  const skb = fixture.skbs.napiAllocSkb(600);
  put(skb, 100);
  fixture.fill(skb.head.at, 164);
  const before = fixture.memory.u8.slice(skb.head.at, skb.head.at + 164);
  Object.assign(skb, { macHeader: 64, networkHeader: 78, transportHeader: 98, hdrLen: 5 });
  Object.assign(skb.head, { gsoSize: 1448, gsoSegs: 3, gsoFixedId: true });
  expandHead(fixture.skbs, skb, 64, 10);
  assertSameBytes(fixture.memory.u8.slice(skb.head.at + 64, skb.head.at + 228), before);
  assertEquals([skb.macHeader, skb.networkHeader, skb.transportHeader], [128, 142, 162]);
  assertEquals([skb.head.gsoSize, skb.head.gsoSegs, skb.head.gsoFixedId], [1448, 3, true]);
  assertEquals([skb.headFrag, skb.hdrLen, skb.head.endOffset], [false, 0, 1728]);
});

Deno.test("expandHead() moves the fragments of a sole user and takes references for a clone", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 0, linear: 10, frags: [20] });
  const { block } = skb.head.frags[0]!;
  expandHead(fixture.skbs, skb, 0, 0);
  assertEquals(block.refs, 1);
  const twin = clone(fixture.skbs, skb);
  expandHead(fixture.skbs, skb, 0, 0);
  assertEquals([block.refs, twin.isCloned, skb.isCloned], [2, false, false]);
  fixture.free(skb);
  assertEquals(block.refs, 1);
  fixture.free(twin);
  fixture.assertNothingLives();
});

Deno.test("cowHead() lets the clone of a payload-only owner write headers without a copy, cow() does not", () => {
  const fixture = new SkbFixture();
  const original = fixture.build({ request: 704, headroom: 320, linear: 100 });
  headerRelease(original);
  const sent = clone(fixture.skbs, original);
  assertEquals([sent.isCloned, sent.isHeaderCloned, sent.hdrLen], [true, false, 320]);
  cowHead(fixture.skbs, sent, 320);
  assertEquals(fixture.takeCopies(), []);
  cow(fixture.skbs, sent, 16);
  assertEquals(fixture.takeCopies(), [["expand-head", 420]]);
  fixture.free(sent, original);
  fixture.assertNothingLives();
});

Deno.test("cowHead() copies when a second clone may look at the headers", () => {
  const fixture = new SkbFixture();
  const original = fixture.build({ request: 704, headroom: 320, linear: 100 });
  headerRelease(original);
  const sent = clone(fixture.skbs, original);
  const tapped = clone(fixture.skbs, sent);
  assertEquals([sent.isHeaderCloned, tapped.hdrLen], [true, 320]);
  cowHead(fixture.skbs, sent, 0);
  assertEquals(fixture.takeCopies(), [["expand-head", 420]]);
  assertEquals([sent.isCloned, tapped.isHeaderCloned, tapped.isCloned], [false, false, true]);
  fixture.free(original);
  assertEquals(tapped.isCloned, false);
  fixture.free(sent, tapped);
  fixture.assertNothingLives();
});

Deno.test("cowHead() adds headroom in steps of 64 bytes", () => {
  const fixture = new SkbFixture();
  for (const [wanted, headroom] of [[20, 20], [21, 84], [84, 84], [85, 148]]) {
    const skb = fixture.build({ request: 300, headroom: 20, linear: 100 });
    cowHead(fixture.skbs, skb, wanted!);
    assertEquals(skb.headroom, headroom!);
  }
});

Deno.test("unclone() of a buffer whose twin was freed copies nothing: cloned is a live test", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 64, linear: 100 });
  fixture.free(clone(fixture.skbs, skb));
  unclone(fixture.skbs, skb);
  assertEquals([skb.isCloned, fixture.takeCopies()], [false, []]);
});
