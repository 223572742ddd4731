import { assertEquals, assertThrows } from "@std/assert";
import { REASON } from "../ledger/schema.ts";
import { pullFromFrag0 } from "./gro_frag0.ts";
import { assertSameBytes, assertSound, SkbFixture } from "./testing.ts";

Deno.test("pullFromFrag0() copies from the first fragment and never reallocates", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 78, linear: 0, frags: [100, 50] });
  const before = fixture.bytesOf(skb);
  const { head } = skb;
  pullFromFrag0(fixture.skbs, skb, 14, REASON.frag0Pull);
  pullFromFrag0(fixture.skbs, skb, 40, REASON.frag0Pull);
  assertEquals([skb.headlen, skb.nrFrags, skb.len, skb.head === head], [54, 2, 150, true]);
  assertSound(skb);
  assertSameBytes(fixture.bytesOf(skb), before);
  assertEquals(fixture.takeCopies(), [["frag0-pull", 14], ["frag0-pull", 40]]);
  fixture.free(skb);
  fixture.assertNothingLives();
});

Deno.test("pullFromFrag0() lets a fragment go that it has used up", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 704, headroom: 78, linear: 0, frags: [52, 50] });
  pullFromFrag0(fixture.skbs, skb, 52, REASON.frag0Pull);
  assertEquals([skb.headlen, skb.nrFrags, skb.dataLen], [52, 1, 50]);
  assertSound(skb);
  fixture.free(skb);
  fixture.assertNothingLives();
});

Deno.test("pullFromFrag0() refuses what lies beyond the first fragment or behind the end of the head", () => {
  const fixture = new SkbFixture();
  const skb = fixture.build({ request: 192, headroom: 150, linear: 0, frags: [60, 50] });
  for (const bytes of [61, 43]) {
    assertThrows(() => pullFromFrag0(fixture.skbs, skb, bytes, REASON.frag0Pull), Error, `Cannot pull ${bytes} bytes`);
  }
  pullFromFrag0(fixture.skbs, skb, 42, REASON.frag0Pull);
  fixture.free(skb);
  fixture.assertNothingLives();
});
