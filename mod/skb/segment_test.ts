import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { appendToAggregate } from "./gro_receive.ts";
import { segment } from "./segment.ts";
import { CHECKSUM, type Skb } from "./skb.ts";
import { assertSameBytes, assertSound, SkbFixture } from "./testing.ts";

const HEADER_BYTES = 52;
const LINEAR = { scatterGather: false, checksumOffload: false, fragListOffload: false };

/** A segment and what `finish` was told about it. */
interface Finished {
  readonly segment: Skb;
  readonly index: number;
  readonly payloadSum: number;
}

function segmentAll(fixture: SkbFixture, head: Skb, headerBytes: number, mss: number): Finished[] {
  head.head.gsoSize = mss;
  const finished: Finished[] = [];
  segment(fixture.skbs, head, headerBytes, LINEAR, (segment, index, payloadSum) => {
    finished.push({ segment, index, payloadSum });
  });
  return finished;
}

/** RFC 1071, word by word; 0 and 0xffff are one value. */
function checksumOf(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum = (sum + bytes[i]! * 256 + (bytes[i + 1] ?? 0)) % 0xffff;
  return sum;
}

/** Every segment is the headers and its part of the payload; nothing else was copied; `head` is as it was. */
function checkSegments(fixture: SkbFixture, head: Skb, headerBytes: number, mss: number): Finished[] {
  const whole = fixture.bytesOf(head);
  fixture.takeRows();
  const finished = segmentAll(fixture, head, headerBytes, mss);
  const rows = fixture.takeRows();
  const payload = whole.subarray(headerBytes);
  assertEquals(finished.length, Math.ceil(payload.length / mss));
  const lengths: number[] = [];
  for (const { segment, index, payloadSum } of finished) {
    const part = payload.subarray(index * mss, (index + 1) * mss);
    lengths.push(part.length);
    assertSound(segment);
    const bytes = fixture.bytesOf(segment);
    assertSameBytes(bytes.subarray(0, headerBytes), whole.subarray(0, headerBytes));
    assertSameBytes(bytes.subarray(headerBytes), part);
    assertEquals(payloadSum % 0xffff, checksumOf(part));
    assertEquals([segment.dataLen, segment.ipSummed], [0, CHECKSUM.none]);
  }
  const bytesOfRows = (event: number, reason: number): number[] => {
    const ours = rows.filter((row) => row.event === event && row.reason === reason);
    assert(ours.every((row) => row.into === head.id || row.into === NONE));
    return ours.map((row) => row.bytes);
  };
  assertEquals(bytesOfRows(EVENT.segment, REASON.none), lengths);
  assertEquals(bytesOfRows(EVENT.copy, REASON.segmentCopy), lengths);
  assertEquals(bytesOfRows(EVENT.checksum, REASON.fused), lengths);
  assertEquals(rows.length, 4 * lengths.length);
  assertSameBytes(fixture.bytesOf(head), whole);
  return finished;
}

function freeAll(fixture: SkbFixture, head: Skb, finished: Finished[]): void {
  fixture.free(head, ...finished.map((each) => each.segment));
  fixture.assertNothingLives();
}

Deno.test("segment() leaves 238 bytes of tailroom as in the fwd-esp recordings: len 1412, headroom 78", () => {
  const fixture = new SkbFixture();
  const frags = new Array(17).fill(1360);
  const members = [{ request: 704, headroom: 130, linear: 0, frags: new Array(13).fill(1360) }];
  const head = fixture.build({ request: 704, headroom: 78, linear: HEADER_BYTES, frags, members });
  const finished = checkSegments(fixture, head, HEADER_BYTES, 1360);
  assertEquals(finished.length, 30);
  for (const { segment } of finished) {
    assertEquals([segment.len, segment.headroom, segment.head.endOffset, segment.tailroom], [1412, 78, 1728, 238]);
  }
  freeAll(fixture, head, finished);
});

Deno.test("segment() of a forwarded BS aggregate at layer 2 leaves 76 bytes of tailroom (6.6, 11.3)", () => {
  const fixture = new SkbFixture();
  const head = fixture.build({ request: 1728, headroom: 156, linear: 102 + 1394, frags: [1394, 1394, 600] });
  const finished = checkSegments(fixture, head, 102, 1394);
  assertEquals(finished.map(({ segment }) => segment.tailroom), [76, 76, 76, 1728 - 156 - 102 - 600]);
  freeAll(fixture, head, finished);
});

Deno.test("segment() of local TCP at layer 2 leaves 14 bytes, fewer than the trailer of 18 (6.6, 11.3)", () => {
  const fixture = new SkbFixture();
  const head = fixture.build({ request: 704, headroom: 218, linear: 102, frags: [2 * 1394] });
  const finished = checkSegments(fixture, head, 102, 1394);
  assertEquals(finished.map(({ segment }) => [segment.head.endOffset, segment.tailroom]), [[1728, 14], [1728, 14]]);
  freeAll(fixture, head, finished);
});

Deno.test("segment() numbers segments by the packets that were merged, and carries headers and flow on", () => {
  const fixture = new SkbFixture();
  const head = fixture.build({ request: 704, headroom: 78, linear: HEADER_BYTES, frags: [250] });
  Object.assign(head, {
    members: [4, 9, 11],
    memberEnds: [100, 200, 250],
    flow: 5,
    hash: 6,
    networkHeader: 78,
    transportHeader: 98,
  });
  const finished = segmentAll(fixture, head, HEADER_BYTES, 100);
  assertEquals(finished.map(({ segment }) => segment.packet), [4, 9, 11]);
  for (const { segment } of finished) {
    assertEquals([segment.flow, segment.hash, segment.networkHeader, segment.transportHeader], [5, 6, 78, 98]);
    assertEquals([segment.members, segment.isGso], [null, false]);
  }
  freeAll(fixture, head, finished);
});

Deno.test("segment() gives every segment of a super-packet the number of that packet", () => {
  const fixture = new SkbFixture();
  const head = fixture.build({ request: 704, headroom: 78, linear: HEADER_BYTES, frags: [250] });
  head.packet = 7;
  const finished = segmentAll(fixture, head, HEADER_BYTES, 100);
  assertEquals(finished.map(({ segment }) => segment.packet), [7, 7, 7]);
  freeAll(fixture, head, finished);
});

Deno.test("segment() refuses a buffer without a segment size, which would never come to an end", () => {
  const fixture = new SkbFixture();
  const head = fixture.build({ request: 704, headroom: 78, linear: HEADER_BYTES, frags: [250] });
  const message = `Cannot segment skb ${head.id}: it has no segment size`;
  assertThrows(() => segmentAll(fixture, head, HEADER_BYTES, 0), Error, message);
  freeAll(fixture, head, []);
});

/** A packet of one of the receive layouts, with `payload` bytes behind its headers. */
function received(fixture: SkbFixture, layout: number, payload: number): Skb {
  const split = Math.floor(payload / 2);
  const [linear, frags] = [
    [HEADER_BYTES, [payload]],
    [HEADER_BYTES + payload, []],
    [0, [HEADER_BYTES + payload]],
    [HEADER_BYTES + split, [payload - split]],
  ][layout] as [number, number[]];
  const skb = fixture.build({ request: 1728, headroom: 78, linear, frags });
  skb.headFrag = layout === 3;
  return skb;
}

Deno.test("segment() gives back the payloads that appendToAggregate() merged, whatever their layouts", () => {
  const layouts = fc.array(fc.nat(3), { minLength: 1, maxLength: 44, size: "max" });
  fc.assert(
    fc.property(layouts, fc.integer({ min: 2, max: 1400 }), fc.integer({ min: 1, max: 1400 }), (others, mss, last) => {
      const fixture = new SkbFixture();
      const head = received(fixture, 0, mss);
      const payloads = [fixture.bytesOf(head).subarray(HEADER_BYTES)];
      let tail = head;
      others.forEach((layout, i) => {
        const skb = received(fixture, layout, i === others.length - 1 ? Math.min(last, mss) : mss);
        payloads.push(fixture.bytesOf(skb).subarray(HEADER_BYTES));
        tail = appendToAggregate(fixture.skbs, head, tail, skb, HEADER_BYTES);
      });
      const finished = checkSegments(fixture, head, HEADER_BYTES, mss);
      assertEquals(finished.length, payloads.length);
      finished.forEach(({ segment }, i) => {
        assertSameBytes(fixture.bytesOf(segment).subarray(HEADER_BYTES), payloads[i]!);
      });
      freeAll(fixture, head, finished);
    }),
    { numRuns: 60 },
  );
});
