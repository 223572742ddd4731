/** cryptoSteps() and CryptoSource against a walk byte by byte. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { PageFragPool } from "./page_frag_pool.ts";
import { addFrag, moveToFrag } from "./paged_ops.ts";
import { REASON } from "../ledger/schema.ts";
import { CryptoSource, cryptoSteps } from "./scatterlist.ts";
import type { Skb } from "./skb.ts";
import { SkbFixture, type SkbShape } from "./testing.ts";

/** Where one byte lies: its scatterlist entry, and its offset in its block. */
interface Place {
  readonly entry: number;
  readonly offset: number;
}

function placesOf(skb: Skb, entries: { count: number } = { count: 0 }): Place[] {
  const places: Place[] = [];
  const add = (offset: number, bytes: number): void => {
    if (bytes === 0) return;
    for (let i = 0; i < bytes; i++) places.push({ entry: entries.count, offset: offset + i });
    entries.count += 1;
  };
  add(skb.head.offset + skb.data, skb.headlen);
  for (const { offset, bytes } of skb.head.frags) add(offset, bytes);
  for (let member = skb.head.fragList; member !== null; member = member.next) {
    places.push(...placesOf(member, entries));
  }
  return places;
}

/** A step begins with the first byte of an entry and, unless `acrossPages`, with the first of a page. */
function beginsStep(places: readonly Place[], at: number, first: number, acrossPages: boolean): boolean {
  const { entry, offset } = places[at]!;
  return at === first || entry !== places[at - 1]!.entry || (!acrossPages && offset % 4096 === 0);
}

function stepsByByte(places: readonly Place[], from: number, bytes: number, acrossPages: boolean): number {
  let steps = 0;
  for (let at = from; at < from + bytes; at++) if (beginsStep(places, at, from, acrossPages)) steps += 1;
  return steps;
}

const size = fc.oneof(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 4000, max: 4200 }), fc.constant(9000));
const buffer: fc.Arbitrary<SkbShape> = fc.record({
  headroom: fc.integer({ min: 0, max: 5000 }),
  linear: size,
  frags: fc.array(size.map((bytes) => bytes + 1), { maxLength: 3 }),
}).map((shape) => ({ ...shape, request: shape.headroom + shape.linear }));
const packet: fc.Arbitrary<SkbShape> = fc.tuple(buffer, fc.array(buffer, { maxLength: 2 }))
  .map(([head, members]) => ({ ...head, members }));
/** A part of a packet, in thousandths of its length. */
const part = fc.tuple(fc.nat(1000), fc.nat(1000)).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);

function rangeOf(skb: Skb, [from, to]: readonly [number, number]): [offset: number, bytes: number] {
  const offset = Math.floor(skb.len * from / 1000);
  return [offset, Math.floor(skb.len * to / 1000) - offset];
}

Deno.test("cryptoSteps() ends a step where an entry ends, and where a page does unless it may cross pages", () => {
  fc.assert(fc.property(packet, part, fc.boolean(), (shape, range, acrossPages) => {
    const fixture = new SkbFixture();
    const skb = fixture.build(shape);
    const [offset, bytes] = rangeOf(skb, range);
    const expected = stepsByByte(placesOf(skb), offset, bytes, acrossPages);
    assertEquals(cryptoSteps(fixture.skbs, skb, offset, bytes, acrossPages), expected);
  }));
});

Deno.test("cryptoSteps() takes a fragment of 32 KiB in 8 steps, or 9 when it begins inside a page, or 1", () => {
  const { skbs, memory } = new SkbFixture();
  for (const [offset, steps] of [[0, 8], [4095, 9], [8192, 8], [100, 9]] as const) {
    const skb = skbs.allocSkb(100);
    addFrag(skb, memory.allocate(65536), offset, 32768);
    assertEquals(cryptoSteps(skbs, skb, 0, 32768, false), steps, `${offset}`);
    assertEquals(cryptoSteps(skbs, skb, 0, 32768, true), 1, `${offset}`);
  }
});

Deno.test("cryptoSteps() crosses a page in a kmalloc head above one, and never in one below", () => {
  const fixture = new SkbFixture();
  const jumbo = fixture.build({ request: 7872, headroom: 78, linear: 7000 });
  assertEquals(cryptoSteps(fixture.skbs, jumbo, 0, 7000, false), 2);
  for (let i = 0; i < 8; i++) {
    const small = fixture.build({ request: 1728, headroom: 78, linear: 1650 });
    assertEquals(cryptoSteps(fixture.skbs, small, 0, 1650, false), 1);
  }
  assertEquals(cryptoSteps(fixture.skbs, jumbo, 10, 0, false), 0);
});

Deno.test("CryptoSource.stepsTo() ends a step where source or destination does", () => {
  const source = new CryptoSource();
  fc.assert(fc.property(packet, packet, part, part, fc.boolean(), (from, to, a, b, acrossPages) => {
    const fixture = new SkbFixture();
    const [input, output] = [fixture.build(from), fixture.build(to)];
    const [inOffset, inBytes] = rangeOf(input, a);
    const [outOffset, outBytes] = rangeOf(output, b);
    const bytes = Math.min(inBytes, outBytes);
    source.remember(fixture.skbs, input, inOffset, bytes);
    const [inPlaces, outPlaces] = [placesOf(input), placesOf(output)];
    let expected = 0;
    for (let i = 0; i < bytes; i++) {
      const cutIn = beginsStep(inPlaces, inOffset + i, inOffset, acrossPages);
      if (cutIn || beginsStep(outPlaces, outOffset + i, outOffset, acrossPages)) expected += 1;
    }
    assertEquals(source.stepsTo(fixture.skbs, output, outOffset, acrossPages), expected);
    assertEquals(source.stepsTo(fixture.skbs, output, outOffset, acrossPages), expected);
  }));
});

Deno.test("CryptoSource.stepsTo() of a request in place counts what cryptoSteps() does", () => {
  fc.assert(fc.property(packet, part, fc.boolean(), (shape, range, acrossPages) => {
    const { skbs, build } = withBuild();
    const skb = build(shape);
    const [offset, bytes] = rangeOf(skb, range);
    const source = new CryptoSource();
    source.remember(skbs, skb, offset, bytes);
    assertEquals(
      source.stepsTo(skbs, skb, offset, acrossPages),
      cryptoSteps(skbs, skb, offset, bytes, acrossPages),
    );
  }));
});

function withBuild(): { skbs: SkbFixture["skbs"]; build: (shape: SkbShape) => Skb } {
  const fixture = new SkbFixture();
  return { skbs: fixture.skbs, build: (shape) => fixture.build(shape) };
}

Deno.test("CryptoSource keeps the source of a packet whose fragments moved to a new page", () => {
  const fixture = new SkbFixture();
  const { skbs, memory } = fixture;
  const skb = fixture.build({ request: 320, headroom: 100, linear: 60, frags: [1000, 460, 20] });
  const pool = new PageFragPool(memory, 3);
  pool.take(3000);
  const source = new CryptoSource();
  source.remember(skbs, skb, 36, skb.len - 36);
  moveToFrag(skbs, skb, pool.take(1536), pool.takenOffset, 1464, REASON.nullCipher);
  // Linear, then [1000] up to the page end of the destination at 1096, [460] behind that in one piece, and the trailer.
  assertEquals(source.stepsTo(skbs, skb, 36, true), 4);
  assertEquals(source.stepsTo(skbs, skb, 36, false), 5);
  assertEquals([cryptoSteps(skbs, skb, 36, skb.len - 36, true), cryptoSteps(skbs, skb, 36, skb.len - 36, false)], [
    2,
    3,
  ]);
});
