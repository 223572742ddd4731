import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { clone } from "./clone_ops.ts";
import { SkbFixture } from "./testing.ts";

Deno.test("SkbMemory writes a row for each buffer made and freed", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.skbs.allocSkb(1000);
  const napi = fixture.skbs.napiAllocSkb(256);
  skb.packet = 5;
  fixture.skbs.free(skb, REASON.sent);
  assertNotEquals(skb.id, napi.id);
  assertEquals(fixture.takeRows(), [
    { event: EVENT.alloc, reason: REASON.allocSkb, packet: NONE, skb: skb.id, into: NONE, bytes: 1728 },
    { event: EVENT.alloc, reason: REASON.napiAllocSkb, packet: NONE, skb: napi.id, into: NONE, bytes: 320 },
    { event: EVENT.free, reason: REASON.sent, packet: 5, skb: skb.id, into: NONE, bytes: 0 },
  ]);
  assertEquals(fixture.memory.live, 1);
});

Deno.test("SkbMemory.free() drops one owner; the last one gives head, fragments and list back", () => {
  const fixture = new SkbFixture();
  const member = {
    request: 100,
    headroom: 0,
    linear: 10,
    frags: [5],
    members: [{ request: 9, headroom: 0, linear: 4 }],
  };
  const skb = fixture.build({ request: 704, headroom: 0, linear: 10, frags: [20, 30], members: [member, member] });
  assertEquals(fixture.memory.live, 3 + 2 * 3);
  skb.users += 1;
  fixture.free(skb);
  assertEquals(fixture.memory.live, 9);
  fixture.free(skb);
  fixture.assertNothingLives();
});

Deno.test("SkbMemory.free() of one clone leaves the bytes to the other", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 0, linear: 10, frags: [20] });
  const bytes = fixture.bytesOf(skb);
  const twin = clone(fixture.skbs, skb);
  fixture.free(skb);
  assertEquals(fixture.bytesOf(twin), bytes);
  fixture.free(twin);
  fixture.assertNothingLives();
});

Deno.test("SkbMemory.free() refuses a buffer that is free already", () => {
  const fixture = new SkbFixture();
  const skb = fixture.skbs.allocSkb(100);
  fixture.free(skb);
  assertThrows(() => fixture.free(skb), Error, `Cannot free skb ${skb.id}: it is free already`);
});

Deno.test("SkbMemory.freeList() frees each buffer of a list", () => {
  const fixture = new SkbFixture();
  const [first, second] = [fixture.skbs.allocSkb(100), fixture.skbs.allocSkb(100)];
  first.next = second;
  fixture.skbs.freeList(first, REASON.dropped);
  const freed = fixture.takeRows().filter((row) => row.event === EVENT.free);
  assertEquals(freed.map((row) => [row.skb, row.reason]), [[first.id, REASON.dropped], [second.id, REASON.dropped]]);
  fixture.assertNothingLives();
});
