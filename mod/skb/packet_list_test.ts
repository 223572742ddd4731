import { assertEquals } from "@std/assert";
import { clone } from "./clone_ops.ts";
import { pull } from "./head_ops.ts";
import { appendPacket, takeListApart } from "./packet_list.ts";
import { GSO_TYPE, type Skb } from "./skb.ts";
import { assertSameBytes, assertSound, SkbFixture, type SkbShape } from "./testing.ts";

const HEADER_BYTES = 28;
const SHAPES: Readonly<Record<string, SkbShape>> = {
  linear: { request: 1728, headroom: 78, linear: HEADER_BYTES + 400 },
  paged: { request: 704, headroom: 78, linear: HEADER_BYTES, frags: [300, 100] },
  mixed: { request: 704, headroom: 78, linear: HEADER_BYTES + 100, frags: [300] },
};

/** A received packet, its network header at its data. */
function packetOf(fixture: SkbFixture, shape: SkbShape, packet: number): Skb {
  const skb = fixture.build(shape);
  return Object.assign(skb, { packet, payloadBytes: 400, networkHeader: skb.data, transportHeader: skb.data + 20 });
}

function chain(fixture: SkbFixture, packets: readonly Skb[]): Skb {
  const [first] = packets as [Skb];
  let last = first;
  for (const skb of packets.slice(1)) last = appendPacket(fixture.skbs, first, last, skb, HEADER_BYTES);
  Object.assign(first.head, { gsoSize: 400, gsoSegs: packets.length, gsoType: GSO_TYPE.fragList });
  return first;
}

for (const [name, shape] of Object.entries(SHAPES)) {
  for (const scatterGather of [true, false]) {
    Deno.test(`takeListApart() gives the packets back as appendPacket() took them (${name}, scatter-gather ${scatterGather})`, () => {
      const fixture = new SkbFixture();
      const packets = [5, 6, 7].map((packet) => packetOf(fixture, shape, packet));
      const bytes = packets.map((skb) => fixture.bytesOf(skb));
      const first = chain(fixture, packets);
      assertSound(first);
      assertEquals([first.len, first.members, first.payloadBytes], [HEADER_BYTES + 1200, [5, 6, 7], 1200]);
      assertEquals(fixture.takeCopies(), []);
      const found: Skb[] = [];
      takeListApart(fixture.skbs, first, HEADER_BYTES, scatterGather, (packet, index) => {
        assertEquals(index, found.length);
        found.push(packet);
      });
      found.forEach((skb, i) => {
        assertSound(skb);
        assertSameBytes(fixture.bytesOf(skb), bytes[i]!);
        assertEquals([skb.packet, skb.members, skb.payloadBytes, skb.isGso], [5 + i, null, 400, false]);
        assertEquals(skb.networkHeader, skb.data);
      });
      const paged = shape.frags?.reduce((sum, size) => sum + size, 0) ?? 0;
      const copies = scatterGather || paged === 0 ? [] : Array(3).fill(["pull-tail", paged]);
      assertEquals(fixture.takeCopies(), copies);
      fixture.free(...found);
      fixture.assertNothingLives();
    });
  }
}

Deno.test("takeListApart() gives packets that a clone has too heads of their own", () => {
  const fixture = new SkbFixture();
  const packets = [0, 1].map((packet) => packetOf(fixture, SHAPES["linear"]!, packet));
  const first = chain(fixture, packets);
  const twin = clone(fixture.skbs, first);
  const before = fixture.bytesOf(twin);
  const found: Skb[] = [];
  takeListApart(fixture.skbs, first, HEADER_BYTES, true, (packet) => void found.push(packet));
  assertEquals(found.length, 2);
  // The head of the first packet, then that of the second, whose data does not hold its headers.
  const head = 78 + HEADER_BYTES + 400;
  assertEquals(fixture.takeCopies(), [["expand-head", head], ["expand-head", head]]);
  assertSameBytes(fixture.bytesOf(twin), before);
  found.forEach((skb) => assertSound(skb));
  fixture.free(...found);
  assertSameBytes(fixture.bytesOf(twin), before);
  fixture.free(twin);
  fixture.assertNothingLives();
});

Deno.test("appendPacket() keeps the headers of a packet in front of its data", () => {
  const fixture = new SkbFixture();
  const [first, second] = [0, 1].map((packet) => packetOf(fixture, SHAPES["paged"]!, packet)) as [Skb, Skb];
  const data = second.data;
  chain(fixture, [first, second]);
  assertEquals([second.data, second.networkHeader, second.len], [data + HEADER_BYTES, data, 400]);
  pull(first, HEADER_BYTES);
  assertEquals(fixture.bytesOf(first).length, 800);
  fixture.free(first);
  fixture.assertNothingLives();
});
