/**
 * segment() in every mode, on aggregates that GRO builds and on others: segments and copies are judged by
 * `testing_segment_oracle.ts`, bytes by what they were before.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { EVENT, REASONS } from "../ledger/schema.ts";
import { headerRelease } from "./clone_ops.ts";
import { segment } from "./segment.ts";
import type { SegmentFeatures } from "./segment_plan.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "./skb.ts";
import type { Era } from "./skb_memory.ts";
import { assertSameBytes, assertSound, SkbFixture, type SkbShape } from "./testing.ts";
import { aggregateOf, type PaperSegment, segmentsOf } from "./testing_segment_oracle.ts";

/** A list member, and what fixtures do not set. */
interface Member {
  readonly headroom: number;
  readonly linear: number;
  readonly frags: readonly number[];
  readonly headFrag: boolean;
  /** GRO has promised to look at its payload only. */
  readonly nohdr: boolean;
}

/** An aggregate to be cut. */
interface Aggregate {
  readonly headroom: number;
  readonly headerBytes: number;
  /** Payload in the head. */
  readonly linear: number;
  readonly frags: readonly number[];
  readonly members: readonly Member[];
  readonly mss: number;
}

/** How it is to be cut. */
interface Mode {
  readonly era: Era;
  readonly features: SegmentFeatures;
}

const modes: fc.Arbitrary<Mode> = fc.record({
  era: fc.constantFrom<Era>("4.4", "6.1"),
  features: fc.record({ scatterGather: fc.boolean(), checksumOffload: fc.boolean(), fragListOffload: fc.boolean() }),
});

/** Sizes without any order in them. */
const wild: fc.Arbitrary<Aggregate> = fc.record({
  headroom: fc.integer({ min: 0, max: 200 }),
  headerBytes: fc.integer({ min: 1, max: 110 }),
  linear: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 })),
  frags: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 17 }),
  members: fc.array(
    fc.record({
      headroom: fc.integer({ min: 0, max: 300 }),
      linear: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 300 })),
      frags: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 5 }),
      headFrag: fc.boolean(),
      nohdr: fc.boolean(),
    }),
    { maxLength: 4 },
  ),
  mss: fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 400, max: 4000 })),
});

/** Whole packets of `mss` in each buffer: in a fragment, in the head, or with `split` bytes in the head. */
const ofGro: fc.Arbitrary<Aggregate> = fc.record({
  mss: fc.integer({ min: 2, max: 1400 }),
  split: fc.integer({ min: 1, max: 1399 }),
  headroom: fc.integer({ min: 0, max: 200 }),
  headerBytes: fc.integer({ min: 40, max: 110 }),
  headKind: fc.constantFrom("frag", "linear", "split"),
  headFrags: fc.integer({ min: 0, max: 17 }),
  members: fc.array(
    fc.record({
      kind: fc.constantFrom("frag", "linear", "linear", "split"),
      frags: fc.constantFrom(0, 0, 1, 5, 17),
      headFrag: fc.boolean(),
      headroom: fc.constantFrom(0, 130, 300),
    }),
    { maxLength: 5 },
  ),
  sameAsHead: fc.boolean(),
  lastBytes: fc.integer({ min: 1, max: 1400 }),
}).map(({ mss, split, headroom, headerBytes, headKind, headFrags, members, sameAsHead, lastBytes }) => {
  const packets = (kind: string, more: number): { linear: number; frags: number[] } => {
    const linear = kind === "frag" ? 0 : kind === "linear" ? mss : Math.min(split, mss - 1);
    const rest = mss - linear;
    const frags = [...(rest > 0 ? [rest] : []), ...new Array<number>(more).fill(mss)].slice(0, 17);
    return { linear, frags };
  };
  const list = members.map((member) => {
    const kind = sameAsHead ? headKind : member.kind;
    return { ...member, ...packets(kind, sameAsHead ? headFrags : member.frags), nohdr: true };
  });
  const last = list.at(-1);
  if (last !== undefined && last.linear === 0) last.frags[last.frags.length - 1] = Math.min(mss, lastBytes);
  return { headroom, headerBytes, mss, ...packets(headKind, headFrags), members: list };
});

function build(fixture: SkbFixture, aggregate: Aggregate): Skb {
  const { headroom, headerBytes, frags, mss } = aggregate;
  const linear = headerBytes + aggregate.linear;
  const members = aggregate.members.map((member): SkbShape => {
    return { ...member, request: member.headroom + member.linear };
  });
  const head = fixture.build({ request: headroom + linear, headroom, linear, frags, members });
  Object.assign(head.head, { gsoSize: mss, gsoType: GSO_TYPE.tcpV4, gsoFixedId: true });
  head.networkHeader = head.data;
  head.transportHeader = head.data + 20;
  head.ipSummed = CHECKSUM.partial;
  head.packet = 7;
  head.payloadBytes = head.len - headerBytes;
  let at = head.head.fragList;
  for (const { headFrag, nohdr } of aggregate.members) {
    at!.headFrag = headFrag;
    if (nohdr) headerRelease(at!);
    at = at!.next;
  }
  return head;
}

/** RFC 1071, word by word; 0 and 0xffff are one value. */
function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum = (sum + bytes[i]! * 256 + (bytes[i + 1] ?? 0)) % 0xffff;
  return sum;
}

/** Shape of a segment, as the paper has it. */
function shapeOf(part: Skb, headerBytes: number): Partial<PaperSegment> {
  return {
    bytes: part.len - headerBytes,
    headroom: part.headroom,
    linear: part.headlen,
    end: part.head.endOffset,
    frags: part.head.frags.map(({ bytes }) => bytes),
    gsoSegs: part.head.gsoSegs,
  };
}

function check(aggregate: Aggregate, { era, features }: Mode): PaperSegment[] | null {
  const { headerBytes, mss } = aggregate;
  const fixture = new SkbFixture(era);
  const head = build(fixture, aggregate);
  const expected = segmentsOf(aggregateOf(head, headerBytes, era, fixture.skbs.maxSkbFrags), features);
  const whole = fixture.bytesOf(head);
  fixture.takeRows();
  const parts: Skb[] = [];
  const done = segment(fixture.skbs, head, headerBytes, features, (part, index, payloadSum) => {
    const bytes = fixture.bytesOf(part);
    const payload = bytes.subarray(headerBytes);
    assertSound(part);
    assertSameBytes(bytes.subarray(0, headerBytes), whole.subarray(0, headerBytes));
    assertSameBytes(payload, whole.subarray(headerBytes + index * mss, headerBytes + index * mss + payload.length));
    const inDevice = expected![parts.length]!.checksum === "device";
    assertEquals(part.ipSummed, inDevice ? CHECKSUM.partial : CHECKSUM.none);
    assertEquals(payloadSum % 0xffff, inDevice ? 0 : checksumOf(payload));
    const isGso = expected![parts.length]!.gsoSegs > 0;
    const { gsoSize, gsoType, gsoFixedId } = part.head;
    assertEquals([gsoSize, gsoType, gsoFixedId], isGso ? [mss, GSO_TYPE.tcpV4, true] : [0, GSO_TYPE.none, false]);
    assertEquals([part.networkHeader - part.data, part.transportHeader - part.data], [0, 20]);
    parts.push(part);
  });
  const rows = fixture.takeRows();
  assertEquals(done, expected !== null);
  if (expected === null) assertEquals(rows, []);
  checkEvents(rows, expected ?? [], parts, headerBytes);
  assertSameBytes(fixture.bytesOf(head), whole);
  assertEquals(parts.reduce((sum, { payloadBytes }) => sum + payloadBytes, 0), done ? head.payloadBytes : 0);
  fixture.free(head, ...parts);
  fixture.assertNothingLives();
  return expected;
}

function checkEvents(
  rows: ReturnType<SkbFixture["takeRows"]>,
  expected: readonly PaperSegment[],
  parts: readonly Skb[],
  headerBytes: number,
): void {
  const rowsOf = (event: number): [string, number][] => {
    return rows.filter((row) => row.event === event).map(({ reason, bytes }) => [REASONS[reason]!.name, bytes]);
  };
  assertEquals(
    parts.map((part) => shapeOf(part, headerBytes)),
    expected.map(({ copies: _, checksum: __, ...shape }) => shape),
  );
  assertEquals(rowsOf(EVENT.copy), expected.flatMap(({ copies }) => copies));
  assertEquals(rowsOf(EVENT.segment), expected.map(({ bytes }) => ["", bytes]));
  const summed = expected.filter(({ checksum }) => checksum !== "device");
  assertEquals(rowsOf(EVENT.checksum), summed.map(({ checksum, bytes }) => [checksum, bytes]));
}

Deno.test("segment() cuts aggregates as GRO builds them by the rules of 6.2, in every mode", () => {
  fc.assert(fc.property(ofGro, modes, (aggregate, mode) => void check(aggregate, mode)), { numRuns: 500 });
});

Deno.test("segment() cuts aggregates of any sizes by the rules of 6.2, in every mode", () => {
  fc.assert(fc.property(wild, modes, (aggregate, mode) => void check(aggregate, mode)), { numRuns: 500 });
});

const SG = { scatterGather: true, checksumOffload: true, fragListOffload: false };
const TSO = { ...SG, fragListOffload: true };
const PLAIN: Aggregate = { headroom: 64, headerBytes: 66, linear: 0, frags: [], members: [], mss: 1360 };

/** `count` packets of 1360 bytes in pages. */
function pages(count: number): number[] {
  return new Array<number>(count).fill(1360);
}

function member(linear: number, frags: readonly number[], headFrag: boolean): Member {
  return { headroom: 130, linear, frags, headFrag, nohdr: true };
}

Deno.test("segment() splits 40 packets in pages into GSO buffers of 17, 17 and 6 for a device with TSO (6.1)", () => {
  const aggregate = { ...PLAIN, frags: pages(17), members: [member(0, pages(17), true), member(0, pages(6), true)] };
  const split = check(aggregate, { era: "6.1", features: TSO })!;
  assertEquals(split.map(({ gsoSegs, frags }) => [gsoSegs, frags.length]), [[17, 17], [17, 17], [6, 6]]);
  assertEquals(check(aggregate, { era: "4.4", features: TSO })!.length, 40);
  assertEquals(check(aggregate, { era: "6.1", features: SG })!.length, 40);
  assertEquals(check(aggregate, { era: "6.1", features: { ...TSO, checksumOffload: false } })!.length, 40);
});

Deno.test("segment() makes the last part of a split an ordinary packet when it holds but one", () => {
  const aggregate = { ...PLAIN, frags: pages(2), members: [member(0, pages(2), true), member(0, [500], true)] };
  assertEquals(check(aggregate, { era: "6.1", features: TSO })!.map(({ gsoSegs }) => gsoSegs), [2, 2, 0]);
});

Deno.test("segment() clones kmalloc members with scatter-gather, and copies the linear payload of the head alone", () => {
  const members = new Array<Member>(29).fill({ ...member(1360, [], false), headroom: 130 });
  const aggregate = { ...PLAIN, linear: 1360, members };
  for (const era of ["4.4", "6.1"] as const) {
    const copies = check(aggregate, { era, features: TSO })!.flatMap((each) => each.copies);
    assertEquals(copies, [["segment-linear", 1360]]);
  }
  const without = check(aggregate, { era: "4.4", features: { ...SG, scatterGather: false } })!;
  assertEquals(without.flatMap(({ copies }) => copies), new Array(30).fill(["segment-copy", 1360]));
});

Deno.test("segment() reallocates the head of a cloned member whose headroom is too small", () => {
  const aggregate = { ...PLAIN, linear: 1360, members: [{ ...member(1360, [], false), headroom: 129 }] };
  const [, cloned] = check(aggregate, { era: "6.1", features: SG })!;
  assertEquals(cloned!.copies, [["expand-head", 129 + 1360]]);
});

Deno.test("segment() refers to the head of a member in a page that begins inside of a segment (6.1)", () => {
  const aggregate = { ...PLAIN, frags: [1000], members: [member(1360, [], true)] };
  const [first, second] = check(aggregate, { era: "6.1", features: SG })!;
  assertEquals([first!.frags, second!.frags], [[1000, 360], [1000]]);
  const [copied] = check(aggregate, { era: "4.4", features: SG })!;
  assertEquals([copied!.frags, copied!.copies], [[], [["segment-copy", 1360]]]);
});

Deno.test("segment() does not split an aggregate whose list members are not equally long, the last apart", () => {
  const [two, one] = [member(0, pages(2), true), member(0, pages(1), true)];
  const split = (members: Member[]): number => {
    return check({ ...PLAIN, frags: pages(2), members }, { era: "6.1", features: TSO })!.length;
  };
  assertEquals([split([two, two, one]), split([two, one, two]), split([one, two])], [4, 7, 5]);
  assertEquals(split([{ ...two, linear: 1360, frags: pages(1), headFrag: false }]), 4);
});

Deno.test("segment() copies where a list member with linear bytes ends inside of its segment", () => {
  const members = [member(500, [100], true), member(0, [760], true)];
  const [, second] = check({ ...PLAIN, frags: pages(1), members }, { era: "6.1", features: SG })!;
  assertEquals(second!.copies, [["segment-plain-copy", 1360]]);
});

Deno.test("segment() copies where a list member has a frag_list of its own", () => {
  const fixture = new SkbFixture("6.1");
  const inner: SkbShape = { request: 704, headroom: 130, linear: 0, frags: [100] };
  const members: SkbShape[] = [{ ...inner, frags: [50], members: [inner] }];
  const head = fixture.build({ request: 704, headroom: 64, linear: 66, frags: [150], members });
  head.head.gsoSize = 150;
  const parts: Skb[] = [];
  assert(segment(fixture.skbs, head, 66, SG, (part) => parts.push(part)));
  const whole = fixture.bytesOf(head);
  assertEquals(parts.map(({ nrFrags, len }) => [nrFrags, len]), [[0, 216], [0, 216]]);
  assertSameBytes(fixture.bytesOf(parts[1]!).subarray(66), whole.subarray(66 + 150));
  fixture.free(head, ...parts);
  fixture.assertNothingLives();
});

Deno.test("segment() refuses headers that are not linear", () => {
  const fixture = new SkbFixture("6.1");
  const head = fixture.build({ request: 704, headroom: 64, linear: 65, frags: [150] });
  head.head.gsoSize = 100;
  const message = `Cannot segment skb ${head.id}: its headers are not linear`;
  assertThrows(() => segment(fixture.skbs, head, 66, SG, () => {}), Error, message);
});

Deno.test("segment() refuses a segment of 18 fragments, having made nothing, and takes one of 17", () => {
  const small = (count: number): Aggregate => ({ ...PLAIN, frags: new Array(count).fill(80) });
  assertEquals(check(small(17), { era: "6.1", features: SG })!.length, 1);
  const aggregate = { ...small(17), members: [member(0, new Array(17).fill(80), true)], mss: 18 * 80 };
  assertEquals(check(aggregate, { era: "6.1", features: SG }), null);
  assert(check(aggregate, { era: "6.1", features: { ...SG, scatterGather: false } }) !== null);
  assert(check({ ...aggregate, mss: 17 * 80 }, { era: "6.1", features: SG }) !== null);
});
