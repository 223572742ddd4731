/** @module */

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { clone, headerRelease } from "./clone_ops.ts";
import { split } from "./split.ts";
import { assertSameBytes, assertSound, SkbFixture } from "./testing.ts";

Deno.test("split() parts any buffer of a socket into two that hold its bytes", () => {
  const shapes = fc.tuple(
    fc.integer({ min: 0, max: 1400 }),
    fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 17 }),
  );
  fc.assert(fc.property(shapes, fc.nat(), fc.boolean(), ([linear, frags], at, isCloned) => {
    const fixture = new SkbFixture("6.1");
    const skb = fixture.build({ request: 1704, headroom: 304, linear, frags });
    headerRelease(skb);
    const bytes = fixture.bytesOf(skb);
    const twin = isCloned ? clone(fixture.skbs, skb) : null;
    const cut = bytes.length === 0 ? 0 : at % bytes.length;
    const rest = split(fixture.skbs, skb, cut);
    assertSameBytes(fixture.bytesOf(skb), bytes.subarray(0, cut));
    assertSameBytes(fixture.bytesOf(rest), bytes.subarray(cut));
    for (const each of [skb, rest]) assertSound(each);
    if (twin !== null) assertSameBytes(fixture.bytesOf(twin), bytes);
    fixture.free(skb, rest, ...twin === null ? [] : [twin]);
    fixture.assertNothingLives();
  }));
});

Deno.test("split() shares the page under the cut and copies nothing of pages", () => {
  const fixture = new SkbFixture("6.1");
  const skb = fixture.build({ request: 320, headroom: 320, linear: 0, frags: [1000, 1000, 1000] });
  const rest = split(fixture.skbs, skb, 1394);
  assertEquals([skb, rest].map((each) => each.head.frags.map(({ bytes }) => bytes)), [[1000, 394], [606, 1000]]);
  assertEquals(skb.head.frags[1]!.block, rest.head.frags[0]!.block);
  assertEquals(fixture.takeCopies(), []);
});

Deno.test("split() copies the linear bytes behind the cut, and the head first where a clone has it", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.build({ request: 1704, headroom: 304, linear: 1394 });
  const rest = split(fixture.skbs, skb, 394);
  assertEquals([skb.headlen, rest.headlen, rest.headroom], [394, 1000, 304]);
  assertEquals(fixture.takeCopies(), [["tcp-split", 1000]]);
  const twin = clone(fixture.skbs, rest);
  const end = split(fixture.skbs, rest, 600);
  assertEquals(fixture.takeCopies(), [["expand-head", 304 + 1000], ["tcp-split", 400]]);
  fixture.free(skb, rest, twin, end);
  fixture.assertNothingLives();
});
