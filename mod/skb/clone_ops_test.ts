import { assertEquals } from "@std/assert";
import { EVENT, REASON } from "../ledger/schema.ts";
import { clone, copy, copyExpand, headerRelease, pskbCopy } from "./clone_ops.ts";
import { CHECKSUM, type Skb } from "./skb.ts";
import { assertSameBytes, SkbFixture } from "./testing.ts";

/** A buffer about which everything is known that a copy must carry on. */
function knownSkb(fixture: SkbFixture): Skb {
  const skb = fixture.build({ request: 704, headroom: 64, linear: 100, frags: [50] });
  Object.assign(skb, { macHeader: 50, networkHeader: 64, transportHeader: 84, ipSummed: CHECKSUM.partial });
  Object.assign(skb, { packet: 7, payloadBytes: 98, flow: 3, hash: 0xabcd, members: [7, 8] });
  Object.assign(skb.head, { gsoSize: 49, gsoSegs: 2, gsoFixedId: true });
  return skb;
}

function facts(skb: Skb): number[] {
  const headers = [skb.macHeader, skb.networkHeader, skb.transportHeader].map((offset) => offset - skb.data);
  const gso = [skb.head.gsoSize, skb.head.gsoSegs, Number(skb.head.gsoFixedId)];
  return [...headers, ...skb.members!, skb.ipSummed, skb.packet, skb.payloadBytes, skb.flow, skb.hash, ...gso];
}

Deno.test("clone() and all copies carry on what is known about the packet, headers at the same distance", () => {
  const fixture = new SkbFixture();
  const { skbs } = fixture;
  const skb = knownSkb(fixture);
  const made = [clone(skbs, skb), copy(skbs, skb), copyExpand(skbs, skb, 200, 7), copyExpand(skbs, skb, 20, 0)];
  made.push(pskbCopy(skbs, skb));
  for (const other of made) assertEquals(facts(other), facts(skb));
});

Deno.test("clone() writes one clone row that names both buffers, and no alloc row", () => {
  const fixture = new SkbFixture();
  const skb = knownSkb(fixture);
  fixture.takeRows();
  const twin = clone(fixture.skbs, skb);
  const [row, ...more] = fixture.takeRows();
  assertEquals(more, []);
  const { event, reason, packet, bytes } = row!;
  assertEquals([event, reason, packet, bytes], [EVENT.clone, REASON.skbClone, 7, 150]);
  assertEquals([row!.skb, row!.into], [skb.id, twin.id]);
});

Deno.test("copy() and copyExpand() copy the headroom bytes that fit, next to the data", () => {
  const fixture = new SkbFixture();
  const skb = knownSkb(fixture);
  const headroom = (other: Skb, bytes: number): Uint8Array =>
    fixture.memory.u8.slice(other.dataAt - bytes, other.dataAt);
  assertSameBytes(headroom(copy(fixture.skbs, skb), 64), headroom(skb, 64));
  assertSameBytes(headroom(copyExpand(fixture.skbs, skb, 200, 0), 64), headroom(skb, 64));
  assertSameBytes(headroom(copyExpand(fixture.skbs, skb, 20, 0), 20), headroom(skb, 20));
});

Deno.test("copy() keeps the headroom and leaves room for what was paged; copyExpand() gives what is asked for", () => {
  const fixture = new SkbFixture();
  const skb = knownSkb(fixture);
  const copied = copy(fixture.skbs, skb);
  assertEquals([copied.headroom, copied.headlen, copied.head.endOffset], [64, 150, 1728]);
  const expanded = copyExpand(fixture.skbs, skb, 200, 300);
  assertEquals([expanded.headroom, expanded.headlen, expanded.head.endOffset], [200, 150, 704]);
});

Deno.test("pskbCopy() is not cloned and its original is not, though they share fragments", () => {
  const fixture = new SkbFixture();
  const skb = knownSkb(fixture);
  const other = pskbCopy(fixture.skbs, skb);
  assertEquals([skb.isCloned, other.isCloned, skb.head.frags[0]!.block.refs], [false, false, 2]);
  fixture.free(skb);
  assertEquals(other.head.frags[0]!.block.refs, 1);
  fixture.free(other);
  fixture.assertNothingLives();
});

Deno.test("headerRelease() counts its owner once as a payload-only user, until the buffer is freed", () => {
  const fixture = new SkbFixture();
  const skb = knownSkb(fixture);
  headerRelease(skb);
  headerRelease(skb);
  assertEquals(skb.head.payloadRefs, 1);
  const twin = clone(fixture.skbs, skb);
  assertEquals([twin.nohdr, twin.hdrLen], [false, 64]);
  fixture.free(skb);
  assertEquals([twin.head.payloadRefs, twin.head.dataref, twin.isHeaderCloned], [0, 1, false]);
});
