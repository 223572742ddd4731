import { assertEquals, assertThrows } from "@std/assert";
import { EVENT, REASON } from "../ledger/schema.ts";
import { clone } from "./clone_ops.ts";
import { expandHead } from "./head_ops.ts";
import { addFrag, addToFragList, moveToFrag, pullTail, trim } from "./paged_ops.ts";
import type { Skb } from "./skb.ts";
import { assertSameBytes, assertSound, SkbFixture } from "./testing.ts";

Deno.test("addFrag() takes the caller's reference over and takes the tailroom away", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 64, linear: 100 });
  assertEquals(skb.tailroom, 540);
  const block = fixture.memory.allocate(2048);
  addFrag(skb, block, 10, 500);
  assertEquals([skb.len, skb.dataLen, skb.headlen, skb.tailroom, block.refs], [600, 500, 100, 0, 1]);
  fixture.free(skb);
  fixture.assertNothingLives();
});

Deno.test("addToFragList() chains buffers in order and adds their lengths", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 0, linear: 10 });
  const first = fixture.build({ request: 704, headroom: 0, linear: 20 });
  const second = fixture.build({ request: 704, headroom: 0, linear: 30, frags: [7] });
  addToFragList(skb, null, first);
  addToFragList(skb, first, second);
  assertEquals([skb.len, skb.dataLen, skb.head.fragList === first, first.next === second], [67, 57, true, true]);
  assertSound(skb);
});

Deno.test("pullTail() refuses more than there is", () => {
  const { skbs, build } = withBuild();
  const skb = build([20]);
  assertThrows(() => pullTail(skbs, skb, 21), Error, `Cannot pull 21 bytes: skb ${skb.id} has 20 paged bytes`);
});

Deno.test("pullTail() gives back what it consumed: whole fragments, members, and nothing of what is cut", () => {
  const { fixture, skbs, build } = withBuild();
  const skb = build([20, 30], [{ request: 704, headroom: 0, linear: 10 }, { request: 704, headroom: 0, linear: 9 }]);
  const live = (): number => fixture.memory.live;
  assertEquals(live(), 5);
  pullTail(skbs, skb, 19);
  assertEquals([live(), skb.nrFrags, skb.head.frags[0]!.bytes], [5, 2, 1]);
  pullTail(skbs, skb, 1);
  assertEquals([live(), skb.nrFrags], [4, 1]);
  pullTail(skbs, skb, 30 + 3);
  assertEquals([live(), skb.nrFrags, skb.head.fragList!.len], [3, 0, 7]);
  pullTail(skbs, skb, 7);
  assertEquals([live(), skb.head.fragList!.len, skb.head.fragList!.next], [2, 9, null]);
  pullTail(skbs, skb, 9);
  assertEquals([live(), skb.hasFragList, skb.isNonlinear], [1, false, false]);
});

Deno.test("pullTail() pulls the member that it cuts behind its linear part, which copies those bytes twice", () => {
  const { fixture, skbs, build } = withBuild();
  const skb = build([], [{ request: 192, headroom: 0, linear: 10, frags: [40, 50] }]);
  fixture.takeRows();
  pullTail(skbs, skb, 55);
  assertEquals(fixture.takeCopies(), [["pull-tail", 55], ["pull-tail", 45]]);
  const member = skb.head.fragList!;
  assertEquals([member.headlen, member.headroom, member.len, member.nrFrags], [0, 55, 45, 1]);
});

Deno.test("pullTail() forks the member that it cuts when another owner holds it", () => {
  const { fixture, skbs, build } = withBuild();
  const skb = build([], [{ request: 192, headroom: 0, linear: 60 }, { request: 192, headroom: 0, linear: 8 }]);
  const twin = clone(skbs, skb);
  expandHead(skbs, skb, 0, 0);
  const bytes = fixture.bytesOf(twin);
  const member = twin.head.fragList!;
  fixture.takeRows();
  pullTail(skbs, skb, 25);
  const clones = fixture.takeRows().filter((row) => row.event === EVENT.clone);
  assertEquals(clones.map((row) => [row.skb, row.bytes]), [[member.id, 60]]);
  assertEquals([member.len, member.users, member.next!.users], [60, 1, 2]);
  for (const each of [skb, twin]) assertSameBytes(fixture.bytesOf(each), bytes);
  fixture.free(skb, twin);
  fixture.assertNothingLives();
});

Deno.test("trim() in 6.1 pulls what is left of the paged data when it just fits into the head (skb_condense)", () => {
  for (const [era, left, copies] of [["6.1", 540, 1], ["6.1", 541, 0], ["4.4", 540, 0]] as const) {
    const fixture = new SkbFixture(era);
    const skb = fixture.build({ request: 704, headroom: 64, linear: 100, frags: [400, 200] });
    trim(fixture.skbs, skb, 100 + left);
    assertEquals(fixture.takeCopies(), copies === 0 ? [] : [["pull-tail", left]], `${era}, ${left}`);
    assertEquals(skb.nrFrags, copies === 0 ? 2 : 0);
    fixture.free(skb);
    fixture.assertNothingLives();
  }
});

Deno.test("trim() gives back the fragments and members behind the cut", () => {
  const { fixture, skbs, build } = withBuild("4.4");
  const skb = build([20, 30], [{ request: 704, headroom: 0, linear: 10 }, { request: 704, headroom: 0, linear: 9 }]);
  const live = (length: number): number => {
    trim(skbs, skb, length);
    return fixture.memory.live;
  };
  assertEquals([169, 161, 160, 151, 150, 121, 120, 101, 100, 40].map(live), [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]);
  assertEquals([skb.len, skb.headlen, skb.tail], [40, 40, skb.data + 40]);
});

Deno.test("trim() of a clone with nothing paged moves its own tail only", () => {
  const { fixture, skbs, build } = withBuild();
  const skb = build([]);
  const twin = clone(skbs, skb);
  fixture.takeRows();
  trim(skbs, twin, 60);
  assertEquals([fixture.takeCopies(), twin.len, skb.len], [[], 60, 100]);
});

Deno.test("moveToFrag() puts the paged data into one fragment and counts the bytes copied under the reason given", () => {
  const { fixture, skbs, build } = withBuild();
  const skb = build([20, 30, 16]);
  const bytes = fixture.bytesOf(skb);
  fixture.takeRows();
  const block = fixture.memory.allocate(4096);
  moveToFrag(skbs, skb, block, 64, 50, REASON.nullCipher);
  assertEquals(fixture.takeCopies(), [["null-cipher", 50]]);
  assertEquals([skb.nrFrags, skb.head.frags[0]!.bytes, skb.len, block.refs], [1, 66, 166, 1]);
  assertSound(skb);
  assertSameBytes(fixture.bytesOf(skb).subarray(0, 150), bytes.subarray(0, 150));
  fixture.free(skb);
  fixture.assertNothingLives();
});

/** A fixture, and a way to build buffers of E = 704 with 64 bytes of headroom and 100 linear bytes. */
function withBuild(era: "4.4" | "6.1" = "6.1") {
  const fixture = new SkbFixture(era);
  type Members = Parameters<SkbFixture["build"]>[0][];
  const build = (frags: number[], members: Members = []): Skb => {
    return fixture.build({ request: 704, headroom: 64, linear: 100, frags, members });
  };
  return { fixture, skbs: fixture.skbs, build };
}
