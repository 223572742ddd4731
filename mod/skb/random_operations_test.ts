/**
 * Random sequences of operations against a model that is a plain Uint8Array: whatever happens to a buffer and to those
 * that share bytes with it, each owner reads what it wrote. fast-check prints the seed of a sequence that fails.
 */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { clone, copy, copyExpand, pskbCopy } from "./clone_ops.ts";
import { cowData } from "./cow_data.ts";
import { cow, cowHead, expandHead, pull, push, put, unclone } from "./head_ops.ts";
import { addToFragList, linearize, mayPull, pullTail, trim } from "./paged_ops.ts";
import { scatter } from "./scatterlist.ts";
import type { Skb } from "./skb.ts";
import { assertSameBytes, assertSound, SkbFixture } from "./testing.ts";

const OWNERS_MAX = 5;

/** A buffer and the bytes it must hold. */
interface Owner {
  skb: Skb;
  bytes: Uint8Array;
}

type Operation = (fixture: SkbFixture, owner: Owner, n: number, m: number, owners: Owner[]) => void;

function joined(...parts: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function addOwner(owners: Owner[], made: () => Skb, bytes: Uint8Array): void {
  if (owners.length < OWNERS_MAX) owners.push({ skb: made(), bytes });
}

function sharesAMember(skb: Skb): boolean {
  for (let member = skb.head.fragList; member !== null; member = member.next) if (member.isShared) return true;
  return false;
}

/** What is written goes into a head of one's own, as the kernel's callers see to it. */
const OPERATIONS: Record<string, Operation> = {
  put(fixture, owner, n) {
    unclone(fixture.skbs, owner.skb);
    const bytes = Math.min(n, owner.skb.tailroom);
    if (bytes === 0) return;
    const at = owner.skb.head.at + owner.skb.tail;
    put(owner.skb, bytes);
    fixture.fill(at, bytes);
    owner.bytes = joined(owner.bytes, fixture.memory.u8.slice(at, at + bytes));
  },
  push(fixture, owner, n) {
    cow(fixture.skbs, owner.skb, n);
    push(owner.skb, n);
    const at = owner.skb.dataAt;
    fixture.fill(at, n);
    owner.bytes = joined(fixture.memory.u8.slice(at, at + n), owner.bytes);
  },
  pull(_fixture, owner, n) {
    const bytes = n % (owner.skb.headlen + 1);
    pull(owner.skb, bytes);
    owner.bytes = owner.bytes.slice(bytes);
  },
  trim({ skbs }, owner, n) {
    const length = n % (owner.skb.len + 1);
    trim(skbs, owner.skb, length);
    owner.bytes = owner.bytes.slice(0, length);
  },
  trimALittle({ skbs }, owner, n) {
    const length = Math.max(0, owner.skb.len - n % 40);
    trim(skbs, owner.skb, length);
    owner.bytes = owner.bytes.slice(0, length);
  },
  mayPull({ skbs }, owner, n) {
    const fits = n <= owner.skb.len;
    assertEquals(mayPull(skbs, owner.skb, n), fits);
    if (fits) assertEquals(owner.skb.headlen >= n, true);
  },
  pullTail({ skbs }, owner, n) {
    pullTail(skbs, owner.skb, n % (owner.skb.dataLen + 1));
  },
  linearize({ skbs }, owner) {
    linearize(skbs, owner.skb);
    assertEquals(owner.skb.isNonlinear, false);
  },
  cowDataAndWrite(fixture, owner, n) {
    cowData(fixture.skbs, owner.skb, n);
    owner.bytes = owner.bytes.map((byte) => byte ^ 0xff);
    scatter(fixture.skbs, owner.skb, 0, owner.bytes.length, owner.bytes);
  },
  cowHead({ skbs }, owner, n) {
    cowHead(skbs, owner.skb, n);
    assertEquals(owner.skb.headroom >= n && !owner.skb.isHeaderCloned, true);
  },
  expandHead({ skbs }, owner, n, m) {
    expandHead(skbs, owner.skb, n, m);
  },
  clone({ skbs }, owner, _n, _m, owners) {
    addOwner(owners, () => clone(skbs, owner.skb), owner.bytes);
  },
  copy({ skbs }, owner, _n, _m, owners) {
    addOwner(owners, () => copy(skbs, owner.skb), owner.bytes);
  },
  copyExpand({ skbs }, owner, n, m, owners) {
    addOwner(owners, () => copyExpand(skbs, owner.skb, n, m), owner.bytes);
  },
  pskbCopy({ skbs }, owner, _n, _m, owners) {
    addOwner(owners, () => pskbCopy(skbs, owner.skb), owner.bytes);
  },
  free(fixture, owner, _n, _m, owners) {
    if (owners.length === 1) return;
    owners.splice(owners.indexOf(owner), 1);
    fixture.free(owner.skb);
  },
  addFrag(fixture, owner, n) {
    if (n === 0 || owner.skb.hasFragList || owner.skb.nrFrags === fixture.skbs.maxSkbFrags) return;
    unclone(fixture.skbs, owner.skb);
    const before = owner.skb.len;
    fixture.addFrag(owner.skb, n);
    owner.bytes = joined(owner.bytes, fixture.bytesOf(owner.skb).slice(before));
  },
  addMember(fixture, owner, n, m) {
    unclone(fixture.skbs, owner.skb);
    if (sharesAMember(owner.skb)) return;
    const frags = m % 3 === 0 ? [] : [1 + n % 50, 1 + m];
    const member = fixture.build({ request: n + m, headroom: m, linear: n, frags });
    let last = owner.skb.head.fragList;
    while (last !== null && last.next !== null) last = last.next;
    owner.bytes = joined(owner.bytes, fixture.bytesOf(member));
    addToFragList(owner.skb, last, member);
  },
};

const step = fc.record({
  operation: fc.constantFrom(...Object.keys(OPERATIONS)),
  owner: fc.nat(OWNERS_MAX - 1),
  n: fc.nat(300),
  m: fc.nat(300),
});
const start = fc.record({
  request: fc.constantFrom(300, 704, 1728),
  headroom: fc.nat(150),
  linear: fc.nat(150),
  frags: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 4 }),
});

for (const era of ["4.4", "6.1"] as const) {
  Deno.test(`a random sequence of operations keeps the bytes of every owner (${era})`, () => {
    fc.assert(
      fc.property(start, fc.array(step, { maxLength: 30, size: "max" }), (shape, steps) => {
        const fixture = new SkbFixture(era);
        const skb = fixture.build(shape);
        const owners: Owner[] = [{ skb, bytes: fixture.bytesOf(skb) }];
        for (const { operation, owner, n, m } of steps) {
          OPERATIONS[operation]!(fixture, owners[owner % owners.length]!, n, m, owners);
          for (const each of owners) {
            assertSound(each.skb, operation);
            assertSameBytes(fixture.bytesOf(each.skb), each.bytes, operation);
          }
        }
        fixture.free(...owners.map((each) => each.skb));
        fixture.assertNothingLives();
      }),
      { numRuns: 600 },
    );
  });
}
