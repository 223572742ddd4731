import { assertEquals, assertThrows } from "@std/assert";
import { addToFragList } from "./paged_ops.ts";
import { Pieces } from "./pieces.ts";
import type { Skb } from "./skb.ts";
import { SkbFixture } from "./testing.ts";

const fixture = new SkbFixture();

/** Lengths of the pieces from `offset` on. */
function piecesOf(skb: Skb, offset: number, bytes: number): number[] {
  const pieces = new Pieces();
  const lengths: number[] = [];
  pieces.start(skb, offset, bytes);
  while (pieces.next()) lengths.push(pieces.bytes);
  return lengths;
}

/** A linear part of 10, fragments of 20 and 30, a list of (5 linear), (7 with a list of (3), (4 linear and 6)), (8). */
function nested(): Skb {
  const inner = [{ request: 64, headroom: 0, linear: 3 }, { request: 64, headroom: 9, linear: 4, frags: [6] }];
  return fixture.build({
    request: 64,
    headroom: 20,
    linear: 10,
    frags: [20, 30],
    members: [
      { request: 64, headroom: 1, linear: 5 },
      { request: 64, headroom: 2, linear: 7, members: inner },
      { request: 64, headroom: 3, linear: 8 },
    ],
  });
}

Deno.test("Pieces walks linear area, fragments and frag_list, and the lists of list members, in packet order", () => {
  const skb = nested();
  assertEquals(skb.len, 93);
  assertEquals(piecesOf(skb, 0, 93), [10, 20, 30, 5, 7, 3, 4, 6, 8]);
});

Deno.test("Pieces begins and ends inside of pieces, at every offset and length", () => {
  const skb = nested();
  const bytes = fixture.bytesOf(skb);
  const pieces = new Pieces();
  for (let offset = 0; offset <= skb.len; offset++) {
    for (let length = 0; offset + length <= skb.len; length++) {
      const read: number[] = [];
      pieces.start(skb, offset, length);
      while (pieces.next()) read.push(...fixture.memory.u8.subarray(pieces.at, pieces.at + pieces.bytes));
      assertEquals(read.join(), bytes.subarray(offset, offset + length).join());
    }
  }
});

Deno.test("Pieces can be started again in the middle of a walk", () => {
  const skb = nested();
  const pieces = new Pieces();
  pieces.start(skb, 0, skb.len);
  for (let i = 0; i < 6; i++) pieces.next();
  pieces.start(skb, 5, 10);
  assertEquals([pieces.next(), pieces.bytes, pieces.next(), pieces.bytes, pieces.next()], [true, 5, true, 5, false]);
});

Deno.test("Pieces skips empty linear areas and does not go on to the next buffer of a queue", () => {
  const skb = fixture.build({ request: 64, headroom: 64, linear: 0, frags: [8] });
  skb.next = fixture.build({ request: 64, headroom: 0, linear: 30 });
  assertEquals(piecesOf(skb, 0, 8), [8]);
  addToFragList(skb, null, fixture.build({ request: 64, headroom: 0, linear: 2 }));
  assertEquals(piecesOf(skb, 0, 10), [8, 2]);
});

Deno.test("Pieces.start() refuses what lies beyond the packet", () => {
  const skb = fixture.build({ request: 64, headroom: 0, linear: 10, frags: [5] });
  const message = `Cannot read 6 bytes at 10: skb ${skb.id} has 15`;
  assertThrows(() => piecesOf(skb, 10, 6), Error, message);
});

Deno.test("Pieces.next() refuses a buffer whose lengths do not add up", () => {
  const skb = fixture.build({ request: 64, headroom: 0, linear: 10, frags: [5] });
  skb.head.frags.length = 0;
  assertThrows(() => piecesOf(skb, 0, 15), Error, "its lengths do not add up");
});
