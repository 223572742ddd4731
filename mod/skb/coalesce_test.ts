/** Which bytes move and which are copied when one buffer goes behind another (skb_try_coalesce). */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { clone } from "./clone_ops.ts";
import { tryCoalesce } from "./coalesce.ts";
import type { Skb } from "./skb.ts";
import { assertSameBytes, assertSound, SkbFixture, type SkbShape } from "./testing.ts";

/** What came of it. */
interface Coalesced {
  readonly joined: boolean;
  /** Bytes copied. */
  readonly copied: number;
  /** Linear bytes and fragments of the first buffer. */
  readonly linear: number;
  readonly frags: readonly number[];
}

/** Coalesces buffers of these shapes; all bytes must be there, in order, and nothing may leak. */
function coalesced(
  toShape: SkbShape,
  fromShape: SkbShape,
  { headFrag = false, clonedTo = false, clonedFrom = false } = {},
): Coalesced {
  const fixture = new SkbFixture();
  const to = fixture.build(toShape);
  const from = fixture.build(fromShape);
  from.headFrag = headFrag;
  const twins = [...clonedTo ? [clone(fixture.skbs, to)] : [], ...clonedFrom ? [clone(fixture.skbs, from)] : []];
  const before = [fixture.bytesOf(to), fixture.bytesOf(from)] as const;
  fixture.takeRows();
  const joined = tryCoalesce(fixture.skbs, to, from);
  const copied = fixture.takeCopies().reduce((sum, [, bytes]) => sum + bytes, 0);
  assertSound(to);
  assertSameBytes(fixture.bytesOf(to), joined ? Uint8Array.from([...before[0], ...before[1]]) : before[0]);
  const result = { joined, copied, linear: to.headlen, frags: to.head.frags.map(({ bytes }) => bytes) };
  fixture.free(to, ...joined ? [] : [from], ...twins);
  fixture.assertNothingLives();
  return result;
}

const HEAD = { request: 704, headroom: 100, linear: 60 } as const;

function frags(count: number): number[] {
  return Array.from({ length: count }, () => 8);
}

Deno.test("tryCoalesce() copies what fits into the tailroom of a linear buffer, to the byte", () => {
  const full = { ...HEAD, linear: 504 };
  assertEquals(coalesced(full, { ...HEAD, linear: 100 }), { joined: true, copied: 100, linear: 604, frags: [] });
  assertEquals(coalesced(full, { ...HEAD, linear: 60, frags: [40] }), {
    joined: true,
    copied: 100,
    linear: 604,
    frags: [],
  });
  assertEquals(coalesced(full, { ...HEAD, linear: 101 }), { joined: false, copied: 0, linear: 504, frags: [] });
  assertEquals(coalesced(full, { ...HEAD, linear: 101 }, { headFrag: true }), {
    joined: true,
    copied: 0,
    linear: 504,
    frags: [101],
  });
});

Deno.test("tryCoalesce() moves fragments and a head in a page, 17 in all", () => {
  const to = (count: number): SkbShape => ({ ...HEAD, frags: frags(count) });
  const paged = (count: number): SkbShape => ({ ...HEAD, linear: 0, frags: frags(count) });
  const result = (to: SkbShape, from: SkbShape): Coalesced => coalesced(to, from, { headFrag: true });
  assertEquals(result(to(10), paged(7)), { joined: true, copied: 0, linear: 60, frags: frags(17) });
  assertEquals(result(to(10), paged(8)), { joined: false, copied: 0, linear: 60, frags: frags(10) });
  assertEquals(result(to(10), { ...HEAD, frags: frags(6) }), {
    joined: true,
    copied: 0,
    linear: 60,
    frags: [...frags(10), 60, ...frags(6)],
  });
  assertEquals(result(to(10), { ...HEAD, frags: frags(7) }), {
    joined: false,
    copied: 0,
    linear: 60,
    frags: frags(10),
  });
});

Deno.test("tryCoalesce() refuses a frag_list on either side, and a clone in front", () => {
  const listed: SkbShape = { ...HEAD, members: [HEAD] };
  const long = { ...HEAD, request: 1728, linear: 1000 };
  for (const [to, from] of [[listed, HEAD], [HEAD, { ...long, members: [HEAD] }]] as const) {
    assertEquals(coalesced(to, from, { headFrag: true }).joined, false);
  }
  assertEquals(coalesced(HEAD, HEAD, { clonedTo: true }).joined, false);
  assertEquals(coalesced({ ...HEAD, linear: 600 }, HEAD, { headFrag: true, clonedFrom: true }).joined, false);
});

Deno.test("tryCoalesce() leaves a clone its fragments", () => {
  const fixture = new SkbFixture();
  const to = fixture.build({ ...HEAD, frags: [10] });
  const from = fixture.build({ ...HEAD, linear: 0, frags: [700, 5] });
  const twin: Skb = clone(fixture.skbs, from);
  const bytes = fixture.bytesOf(from);
  assertEquals(tryCoalesce(fixture.skbs, to, from), true);
  assertEquals([to.nrFrags, twin.nrFrags], [3, 2]);
  assertEquals(fixture.bytesOf(twin), bytes);
  for (const skb of [to, twin]) assertSound(skb);
  fixture.free(to, twin);
  fixture.assertNothingLives();
});

Deno.test("tryCoalesce() keeps all bytes in order, whatever the buffers look like", () => {
  const shapes = fc.record({
    request: fc.constantFrom(192, 704, 1728),
    headroom: fc.nat(100),
    linear: fc.nat(90),
    frags: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 17 }),
  });
  fc.assert(fc.property(shapes, shapes, fc.boolean(), (to, from, headFrag) => {
    coalesced(to, from, { headFrag });
  }));
});
