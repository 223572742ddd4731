import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { EVENT, NONE, REASON, REASONS } from "../ledger/schema.ts";
import { DEFAULT_MAX_SKB_FRAGS } from "./geometry.ts";
import { appendToAggregate, joins } from "./gro_receive.ts";
import { put } from "./head_ops.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemoryOptions } from "./skb_memory.ts";
import { assertSameBytes, assertSound, type RecordedRow, SkbFixture } from "./testing.ts";

const HEADER_BYTES = 52;
const MSS = 1448;

/** Makes a received packet of HEADER_BYTES and MSS. */
type Layout = (fixture: SkbFixture) => Skb;

/** Headers pulled into the linear area, payload in one fragment (profile PF). */
const pageFrag: Layout = (fixture) => withFrags(fixture, HEADER_BYTES, [MSS]);
/** Everything linear in a page (profile BS). */
const buildSkb: Layout = (fixture) => {
  const skb = fixture.skbs.napiAllocSkb(1600);
  fixture.fill(skb.dataAt, HEADER_BYTES + MSS);
  put(skb, HEADER_BYTES + MSS);
  return skb;
};
/** Everything linear in a kmalloc block (profile LK). */
const kmalloc: Layout = (fixture) => withFrags(fixture, HEADER_BYTES + MSS, []);
/** Nothing linear: the headers begin the first fragment. */
const allInFrags: Layout = (fixture) => withFrags(fixture, 0, [HEADER_BYTES + 100, MSS - 100]);
/** Half of the headers are linear. */
const halfPulled: Layout = (fixture) => withFrags(fixture, 20, [HEADER_BYTES - 20 + MSS]);
/** A linear payload in a page, and a fragment behind it. */
const buildSkbAndFrag: Layout = (fixture) => {
  const skb = fixture.skbs.napiAllocSkb(1600);
  fixture.fill(skb.dataAt, HEADER_BYTES + 448);
  put(skb, HEADER_BYTES + 448);
  fixture.addFrag(skb, 1000);
  return skb;
};

function withFrags(fixture: SkbFixture, linear: number, frags: number[]): Skb {
  return fixture.build({ request: 1728, headroom: 78, linear, frags });
}

/** What came of merging packets of `layouts`, in order. */
interface Outcome {
  readonly fixture: SkbFixture;
  readonly aggregate: Skb;
  readonly rows: RecordedRow[];
  /** Headers of the first packet, then the payload of each. */
  readonly bytes: Uint8Array;
}

function merge(layouts: Layout[], sizes: Omit<SkbMemoryOptions, "era"> = {}): Outcome {
  const fixture = new SkbFixture("6.1", sizes);
  const packets = layouts.map((layout, packet) => Object.assign(layout(fixture), { packet, payloadBytes: MSS }));
  const bytes = new Uint8Array(HEADER_BYTES + MSS * packets.length);
  packets.forEach((skb, i) => {
    bytes.set(fixture.bytesOf(skb).subarray(i === 0 ? 0 : HEADER_BYTES), i === 0 ? 0 : HEADER_BYTES + i * MSS);
  });
  fixture.takeRows();
  const [aggregate, ...others] = packets as [Skb, ...Skb[]];
  let last = aggregate;
  for (const skb of others) {
    last = appendToAggregate(fixture.skbs, aggregate, last, skb, HEADER_BYTES);
    assertSound(aggregate);
  }
  return { fixture, aggregate, rows: fixture.takeRows(), bytes };
}

/** Segments held by the aggregate itself and by each member, as [linear bytes with payload, fragments]. */
function layoutOf(aggregate: Skb): [linear: number, nrFrags: number][] {
  const layout: [number, number][] = [[aggregate.headlen, aggregate.nrFrags]];
  for (let member = aggregate.head.fragList; member !== null; member = member.next) {
    layout.push([member.headlen, member.nrFrags]);
  }
  return layout;
}

function reasonsOf(rows: RecordedRow[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const row of rows.filter((row) => row.event === EVENT.merge)) {
    const { name } = REASONS[row.reason]!;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

/** What holds for every merge: bytes, rows, packets, references. */
function finish({ fixture, aggregate, rows, bytes }: Outcome): void {
  const merged = aggregate.members!.length;
  assertEquals(rows.filter((row) => row.event === EVENT.copy), []);
  assertSameBytes(fixture.bytesOf(aggregate), bytes);
  assertEquals([aggregate.packet, aggregate.payloadBytes], [NONE, MSS * merged]);
  assertEquals(aggregate.members, Array.from({ length: merged }, (_, i) => i));
  const merges = rows.filter((row) => row.event === EVENT.merge);
  assertEquals(merges.map((row) => row.packet), aggregate.members!.slice(1));
  for (const row of merges) assertEquals([row.into, row.bytes], [aggregate.id, MSS]);
  const freed = rows.filter((row) => row.event === EVENT.free);
  assert(freed.every((row) => row.reason === REASON.merged));
  assertEquals(freed.length, merges.filter((row) => row.reason !== REASON.fragList).length);
  fixture.free(aggregate);
  fixture.assertNothingLives();
}

function repeat(layout: Layout, times: number): Layout[] {
  return new Array(times).fill(layout);
}

Deno.test("appendToAggregate() packs 45 page-frag packets as 17 + 17 + 11 fragments", () => {
  const outcome = merge(repeat(pageFrag, 45));
  assertEquals(layoutOf(outcome.aggregate), [[HEADER_BYTES, 17], [0, 17], [0, 11]]);
  assertEquals(reasonsOf(outcome.rows), { "move-frags": 42, "frag-list": 2 });
  assertEquals(outcome.aggregate.len, 65212);
  finish(outcome);
});

Deno.test("appendToAggregate() packs 45 build_skb packets as 18 + 18 + 9: linear payloads become fragments", () => {
  const outcome = merge(repeat(buildSkb, 45));
  assertEquals(layoutOf(outcome.aggregate), [[HEADER_BYTES + MSS, 17], [MSS, 17], [MSS, 8]]);
  assertEquals(reasonsOf(outcome.rows), { "head-frag": 42, "frag-list": 2 });
  finish(outcome);
});

Deno.test("appendToAggregate() chains 44 kmalloc packets behind the first", () => {
  const outcome = merge(repeat(kmalloc, 45));
  assertEquals(layoutOf(outcome.aggregate), [[HEADER_BYTES + MSS, 0], ...new Array(44).fill([MSS, 0])]);
  assertEquals(reasonsOf(outcome.rows), { "frag-list": 44 });
  finish(outcome);
});

Deno.test("appendToAggregate() adds page-frag packets to the kmalloc packet that was chained last", () => {
  const outcome = merge([pageFrag, pageFrag, kmalloc, pageFrag, pageFrag, kmalloc, buildSkb]);
  assertEquals(layoutOf(outcome.aggregate), [[HEADER_BYTES, 2], [MSS, 2], [MSS, 1]]);
  finish(outcome);
});

Deno.test("appendToAggregate() skips headers that lie in the first fragment, moved or chained", () => {
  for (const layout of [allInFrags, halfPulled]) {
    const outcome = merge(repeat(layout, 20));
    const perPacket = layout === allInFrags ? 2 : 1;
    const first = Math.floor(DEFAULT_MAX_SKB_FRAGS / perPacket);
    const linear = layout === allInFrags ? 0 : 20;
    const expected: [number, number][] = [[linear, first * perPacket]];
    for (let left = 20 - first; left > 0; left -= first) expected.push([0, Math.min(left, first) * perPacket]);
    assertEquals(layoutOf(outcome.aggregate), expected);
    finish(outcome);
  }
});

Deno.test("appendToAggregate() moves several fragments only while all of them fit", () => {
  const threeFrags: Layout = (fixture) => withFrags(fixture, HEADER_BYTES, [1000, 400, 48]);
  const twoFrags: Layout = (fixture) => withFrags(fixture, HEADER_BYTES, [1000, 448]);
  const full = merge([...repeat(threeFrags, 5), twoFrags]);
  assertEquals(layoutOf(full.aggregate), [[HEADER_BYTES, 17]]);
  finish(full);
  const over = merge([...repeat(threeFrags, 5), threeFrags]);
  assertEquals(layoutOf(over.aggregate), [[HEADER_BYTES, 15], [0, 3]]);
  finish(over);
});

Deno.test("appendToAggregate() counts the linear payload as one fragment more", () => {
  const full = merge([...repeat(pageFrag, 15), buildSkbAndFrag]);
  assertEquals(layoutOf(full.aggregate), [[HEADER_BYTES, 17]]);
  finish(full);
  const over = merge([...repeat(pageFrag, 16), buildSkbAndFrag]);
  assertEquals(layoutOf(over.aggregate), [[HEADER_BYTES, 16], [448, 1]]);
  finish(over);
});

Deno.test("appendToAggregate() marks chained buffers as payload-only and pulls their headers", () => {
  const { fixture, aggregate } = merge([kmalloc, kmalloc]);
  const member = aggregate.head.fragList!;
  assertEquals([member.nohdr, member.headroom, member.len, aggregate.nohdr], [true, 78 + HEADER_BYTES, MSS, false]);
  fixture.free(aggregate);
});

Deno.test("appendToAggregate() fills buildFrags fragments where that is less than the array holds", () => {
  const sixteen = merge(repeat(pageFrag, 45), { buildFrags: 16 });
  assertEquals(layoutOf(sixteen.aggregate), [[HEADER_BYTES, 16], [0, 16], [0, 13]]);
  finish(sixteen);
  const one = merge(repeat(pageFrag, 4), { buildFrags: 1 });
  assertEquals(layoutOf(one.aggregate), [[HEADER_BYTES, 1], [0, 1], [0, 1], [0, 1]]);
  finish(one);
});

Deno.test("appendToAggregate() packs 45 packets into one buffer whose array holds 45 fragments", () => {
  const outcome = merge(repeat(pageFrag, 45), { maxSkbFrags: 45 });
  assertEquals(layoutOf(outcome.aggregate), [[HEADER_BYTES, 45]]);
  finish(outcome);
});

const LAYOUTS = { pageFrag, buildSkb, kmalloc, allInFrags, halfPulled, buildSkbAndFrag };

Deno.test("joins() says what appendToAggregate() does, and changes nothing", () => {
  const packets = fc.array(fc.constantFrom(...Object.values(LAYOUTS)), { minLength: 2, maxLength: 40 });
  fc.assert(fc.property(packets, fc.integer({ min: 1, max: 20 }), (layouts, buildFrags) => {
    const fixture = new SkbFixture("6.1", { maxSkbFrags: 20, buildFrags });
    const [aggregate, ...others] = layouts.map((layout) => layout(fixture)) as [Skb, ...Skb[]];
    fixture.takeRows();
    let last = aggregate;
    for (const skb of others) {
      const frags = [last.nrFrags, skb.nrFrags];
      const joined = joins(fixture.skbs, last, skb, HEADER_BYTES);
      assertEquals([last.nrFrags, skb.nrFrags, fixture.takeRows()], [...frags, []]);
      const newLast = appendToAggregate(fixture.skbs, aggregate, last, skb, HEADER_BYTES);
      assertEquals(joined, newLast === last);
      assert(newLast.nrFrags <= Math.max(buildFrags, 2));
      fixture.takeRows();
      last = newLast;
    }
    fixture.free(aggregate);
  }));
});

Deno.test("joins() refuses what would need a frag_list: a full array, and a linear payload in no page", () => {
  const fixture = new SkbFixture("6.1", { buildFrags: 3 });
  const { skbs } = fixture;
  const heldWith = (...frags: number[]): Skb => withFrags(fixture, HEADER_BYTES, frags);
  assertEquals(joins(skbs, heldWith(9, 9), pageFrag(fixture), HEADER_BYTES), true);
  assertEquals(joins(skbs, heldWith(9, 9, 9), pageFrag(fixture), HEADER_BYTES), false);
  assertEquals(joins(skbs, heldWith(9, 9), buildSkb(fixture), HEADER_BYTES), true);
  assertEquals(joins(skbs, heldWith(9, 9), buildSkbAndFrag(fixture), HEADER_BYTES), false);
  assertEquals(joins(skbs, heldWith(9), kmalloc(fixture), HEADER_BYTES), false);
});
