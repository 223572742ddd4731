/**
 * Every operation on every small shape: 0 to 4 fragments, four kinds of frag_list, cloned or not, tailroom short or not.
 * Copies and the shape left behind are judged by `testing_oracle.ts`, bytes by what they were before.
 */
import { assertEquals } from "@std/assert";
import { clone, copy, copyExpand, pskbCopy } from "./clone_ops.ts";
import { cowData } from "./cow_data.ts";
import { cow, cowHead, expandHead, unclone } from "./head_ops.ts";
import { linearize, mayPull, pullTail, trim } from "./paged_ops.ts";
import type { Skb } from "./skb.ts";
import { assertSameBytes, assertSound, type Copy, SkbFixture, type SkbShape } from "./testing.ts";
import * as paper from "./testing_oracle.ts";

const FRAGS = [100, 37, 200, 64];
const LINEAR_MEMBER: SkbShape = { request: 100, headroom: 32, linear: 70 };
const TIGHT_MEMBER: SkbShape = { request: 100, headroom: 100, linear: 80 };
const PAGED_MEMBER: SkbShape = { request: 100, headroom: 16, linear: 40, frags: [50, 30] };
const LISTS: SkbShape[][] = [[], [LINEAR_MEMBER], [LINEAR_MEMBER, PAGED_MEMBER], [PAGED_MEMBER, TIGHT_MEMBER]];
/** Tailroom of 5 and of 550 bytes. */
const HEADROOMS = [704 - 90 - 5, 64];

const fixture = new SkbFixture("6.1");
const fixture44 = new SkbFixture("4.4");

/** One case: a shape, whether it is cloned, and which of the two is freed first. */
interface Case {
  readonly label: string;
  readonly shape: SkbShape;
  readonly cloned: boolean;
  readonly twinFirst: boolean;
}

function allCases(): Case[] {
  const cases: Case[] = [];
  for (let nrFrags = 0; nrFrags <= FRAGS.length; nrFrags++) {
    for (const [list, members] of LISTS.entries()) {
      for (const headroom of HEADROOMS) {
        const shape = { request: 704, headroom, linear: 90, frags: FRAGS.slice(0, nrFrags), members };
        const label = `${nrFrags} frags, list ${list}, headroom ${headroom}`;
        cases.push({ label, shape, cloned: false, twinFirst: false });
        cases.push({ label: `${label}, cloned`, shape, cloned: true, twinFirst: false });
        cases.push({ label: `${label}, cloned, twin freed first`, shape, cloned: true, twinFirst: true });
      }
    }
  }
  return cases;
}

const CASES = allCases();

/** Lengths at which the packet changes from one piece to the next, and those beside them. */
function interestingLengths(skb: Skb): number[] {
  const edges = new Set<number>();
  let at = 0;
  const edge = (bytes: number): void => {
    at += bytes;
    [at - 1, at, at + 1].forEach((length) => edges.add(length));
  };
  const walk = (buffer: Skb): void => {
    edge(buffer.headlen);
    buffer.head.frags.forEach((frag) => edge(frag.bytes));
    for (let member = buffer.head.fragList; member !== null; member = member.next) walk(member);
  };
  edge(0);
  walk(skb);
  return [...edges].filter((length) => length >= 0 && length <= skb.len);
}

/** Runs an operation that changes `skb` in place, and checks all that must hold then. `keep`: bytes that stay. */
function check(
  skbs: SkbFixture,
  { label, shape, cloned, twinFirst }: Case,
  detail: string,
  operate: (skb: Skb) => void,
  onPaper: (skb: paper.PaperSkb) => Copy[],
  keep: number = Infinity,
): void {
  const what = `${label}, ${detail}`;
  const skb = skbs.build(shape);
  const twin = cloned ? clone(skbs.skbs, skb) : null;
  const sizes = paper.paperOf(skb);
  const bytes = skbs.bytesOf(skb);
  skbs.takeRows();
  operate(skb);
  assertEquals(skbs.takeCopies(), onPaper(sizes), what);
  assertEquals(paper.paperOf(skb), sizes, what);
  const kept = bytes.subarray(0, keep);
  const checkBuffer = (buffer: Skb, expected: Uint8Array): void => {
    assertSound(buffer, what);
    assertSameBytes(skbs.bytesOf(buffer), expected, what);
  };
  checkBuffer(skb, kept);
  if (twin !== null) checkBuffer(twin, bytes);
  const [first, second] = twinFirst ? [twin, skb] : [skb, twin];
  skbs.free(first!);
  if (second !== null) {
    checkBuffer(second, second === skb ? kept : bytes);
    skbs.free(second);
  }
  skbs.assertNothingLives(what);
}

/** Lengths for `shape`, read off a buffer that is built for it alone. */
function lengthsOf({ shape }: Case): number[] {
  const skb = fixture.build(shape);
  const lengths = interestingLengths(skb);
  fixture.free(skb);
  return lengths;
}

Deno.test("expandHead() copies headroom and linear bytes of every small shape", () => {
  for (const one of CASES) {
    for (const [nhead, ntail] of [[0, 0], [64, 0], [1, 130], [700, 3000]] as const) {
      check(
        fixture,
        one,
        `by ${nhead} and ${ntail}`,
        (skb) => expandHead(fixture.skbs, skb, nhead, ntail),
        (sizes) => paper.expandHead(sizes, nhead, ntail),
      );
    }
  }
});

Deno.test("pullTail() copies delta, and the head where it must, for every small shape and every edge", () => {
  for (const one of CASES) {
    for (const length of lengthsOf(one)) {
      const delta = length - one.shape.linear;
      if (delta < 0) continue;
      const pull = (skb: Skb): void => pullTail(fixture.skbs, skb, delta);
      check(fixture, one, `delta ${delta}`, pull, (sizes) => paper.pullTail(sizes, delta));
    }
  }
});

Deno.test("mayPull() pulls what is not linear yet, for every small shape and every edge", () => {
  for (const one of CASES) {
    for (const length of lengthsOf(one)) {
      check(
        fixture,
        one,
        `length ${length}`,
        (skb) => assertEquals(mayPull(fixture.skbs, skb, length), true),
        (sizes) => length <= sizes.linear ? [] : paper.pullTail(sizes, length - sizes.linear),
      );
    }
    check(fixture, one, "too long", (skb) => assertEquals(mayPull(fixture.skbs, skb, skb.len + 1), false), () => []);
  }
});

Deno.test("linearize() pulls all paged bytes of every small shape", () => {
  for (const one of CASES) check(fixture, one, "", (skb) => linearize(fixture.skbs, skb), paper.linearize);
});

Deno.test("cowData() makes every small shape writable, with the copies of the byte table and room for the trailer", () => {
  for (const one of CASES) {
    for (const tailbits of [0, 5, 6, 12, 13, 90, 91, 149, 150, 550, 551, 1005]) {
      const operate = (skb: Skb): void => {
        const members = one.shape.members!.length;
        const result = cowData(fixture.skbs, skb, tailbits);
        assertEquals(result.elements, 1 + members, one.label);
        assertEquals(result.trailer.next, null, one.label);
        assertEquals(result.trailer.tailroom >= tailbits, true, `${one.label}: tailroom for ${tailbits}`);
        assertEquals(result.trailer === skb, members === 0, one.label);
      };
      check(fixture, one, `tailbits ${tailbits}`, operate, (sizes) => paper.cowData(sizes, tailbits));
    }
  }
});

Deno.test("cowData() says that it copied exactly when a copy was written", () => {
  for (const { shape, cloned, label } of CASES) {
    for (const tailbits of [0, 5, 6, 551]) {
      const skb = fixture.build(shape);
      const twin = cloned ? clone(fixture.skbs, skb) : fixture.build(shape);
      fixture.takeRows();
      const { copied } = cowData(fixture.skbs, skb, tailbits);
      assertEquals(copied, fixture.takeCopies().length > 0, `${label}, tailbits ${tailbits}`);
      fixture.free(skb, twin);
    }
  }
  fixture.assertNothingLives();
});

Deno.test("cowHead() and cow() reallocate every small shape where it is shared or lacks headroom", () => {
  for (const one of CASES) {
    const { headroom } = one.shape;
    for (const wanted of [0, headroom, headroom + 1, headroom + 64, headroom + 65]) {
      for (const ensure of [cowHead, cow]) {
        check(
          fixture,
          one,
          `${ensure.name} of ${wanted}`,
          (skb) => ensure(fixture.skbs, skb, wanted),
          (sizes) => paper.ensureHeadroom(sizes, wanted, sizes.cloned),
        );
      }
    }
  }
});

Deno.test("unclone() gives every small shape a private head, and copies nothing where it has one", () => {
  for (const one of CASES) {
    const onPaper = (sizes: paper.PaperSkb): Copy[] => sizes.cloned ? paper.expandHead(sizes, 0, 0) : [];
    check(fixture, one, "", (skb) => unclone(fixture.skbs, skb), onPaper);
  }
});

Deno.test("trim() cuts every small shape at every edge, and copies where a clone or skb_condense has to", () => {
  for (const skbs of [fixture, fixture44]) {
    for (const one of CASES) {
      for (const length of lengthsOf(one)) {
        check(
          skbs,
          one,
          `${skbs.skbs.era}, to ${length}`,
          (skb) => trim(skbs.skbs, skb, length),
          (sizes) => paper.trim(sizes, length, skbs.skbs.era),
          length,
        );
      }
    }
  }
});

/** Runs an operation that makes a second buffer of `skb`, which it must leave alone. */
function checkCopy(
  { label, shape, cloned, twinFirst }: Case,
  operate: (skb: Skb) => Skb,
  expected: (skb: paper.PaperSkb) => { copies: Copy[]; sizes: paper.PaperSkb },
): void {
  const skb = fixture.build(shape);
  const twin = cloned ? clone(fixture.skbs, skb) : null;
  const before = paper.paperOf(skb);
  const bytes = fixture.bytesOf(skb);
  fixture.takeRows();
  const made = operate(skb);
  const { copies, sizes } = expected(before);
  assertEquals(fixture.takeCopies(), copies, label);
  assertEquals(paper.paperOf(made), sizes, label);
  const owners = twin === null ? [skb, made] : [skb, twin, made];
  if (twinFirst) owners.reverse();
  while (owners.length > 0) {
    for (const owner of owners) {
      assertSound(owner, label);
      assertSameBytes(fixture.bytesOf(owner), bytes, label);
    }
    fixture.free(owners.shift()!);
  }
  fixture.assertNothingLives(label);
}

Deno.test("clone() of every small shape copies nothing and shares all", () => {
  for (const one of CASES) {
    checkCopy(one, (skb) => clone(fixture.skbs, skb), (before) => ({ copies: [], sizes: { ...before, cloned: true } }));
  }
});

Deno.test("copy() of every small shape copies headroom and packet into E + D bytes", () => {
  for (const one of CASES) {
    checkCopy(one, (skb) => copy(fixture.skbs, skb), (before) => ({
      copies: [["skb-copy", before.headroom + paper.lengthOf(before)]],
      sizes: paper.copyOf(before),
    }));
  }
});

Deno.test("copyExpand() of every small shape copies the smaller headroom and the packet", () => {
  for (const one of CASES) {
    for (const [headroom, tailroom] of [[0, 0], [64, 20], [704, 128]] as const) {
      checkCopy(one, (skb) => copyExpand(fixture.skbs, skb, headroom, tailroom), (before) => ({
        copies: [["skb-copy-expand", Math.min(headroom, before.headroom) + paper.lengthOf(before)]],
        sizes: paper.copyExpandOf(before, headroom, tailroom),
      }));
    }
  }
});

Deno.test("pskbCopy() of every small shape copies the linear bytes and references the rest", () => {
  for (const one of CASES) {
    checkCopy(one, (skb) => pskbCopy(fixture.skbs, skb), (before) => ({
      copies: [["pskb-copy", before.linear]],
      sizes: {
        ...before,
        end: paper.endFor(before.headroom + before.linear),
        members: before.members.map((member) => ({ ...member, shared: true })),
        cloned: false,
      },
    }));
  }
});
