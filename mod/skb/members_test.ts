import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { NONE } from "../ledger/schema.ts";
import { inheritMembers, joinMembers, MemberShare, packetAt, packetsIn, payloadAt, payloadLength } from "./members.ts";
import { HeadBuffer, Skb } from "./skb.ts";
import { Memory } from "./memory.ts";

/** A buffer that carries all of packet `packet`, or with `isContinued` not its end. */
function carrying(packet: number, payloadBytes: number, isContinued = false): Skb {
  const skb = new Skb(packet, new HeadBuffer(new Memory().allocate(64), 0, 64), false);
  return Object.assign(skb, { packet, payloadBytes, isContinued });
}

/** Packet number and payload of each captured packet that ends in `skb`. */
function endingIn(skb: Skb): [packet: number, payloadBytes: number][] {
  return Array.from({ length: packetsIn(skb) }, (_, i) => [packetAt(skb, i), payloadAt(skb, i)]);
}

/** The segments of `mss` bytes that `head` with its `bytes` payload bytes is cut into. */
function cut(head: Skb, bytes: number, mss: number, isAggregate = false): Skb[] {
  const share = new MemberShare(head, bytes);
  const segments: Skb[] = [];
  for (let offset = 0; offset < bytes; offset += mss) {
    const segment = carrying(NONE, 0);
    share.give(segment, offset, Math.min(mss, bytes - offset), isAggregate);
    segments.push(segment);
  }
  return segments;
}

Deno.test("packetsIn() counts a packet where it ends, and nothing where there is none", () => {
  assertEquals(packetsIn(carrying(7, 100)), 1);
  assertEquals(packetsIn(carrying(7, 0)), 1);
  assertEquals(packetsIn(carrying(7, 0, true)), 0);
  assertEquals(packetsIn(carrying(NONE, 0)), 0);
});

Deno.test("joinMembers() keeps the packets of what GRO joins, and their payload", () => {
  const aggregate = carrying(3, 1448);
  joinMembers(aggregate, carrying(4, 1448), 1448, 1448);
  joinMembers(aggregate, carrying(9, 100), 2896, 100);
  assertEquals([aggregate.packet, aggregate.payloadBytes, payloadLength(aggregate)], [NONE, 2996, 2996]);
  assertEquals(endingIn(aggregate), [[3, 1448], [4, 1448], [9, 100]]);
});

Deno.test("joinMembers() of buffers in the middle of a packet counts it once, with all of its payload", () => {
  // Packets of 1448 bytes in frames of 1000: 0 ends in the second frame, 1 in the third.
  const aggregate = carrying(0, 0, true);
  const second = Object.assign(carrying(0, 1448, true), { members: [0, 1], memberEnds: [448, 1000] });
  const third = Object.assign(carrying(1, 1448, true), { members: [1, 2], memberEnds: [896, 1000] });
  joinMembers(aggregate, second, 1000, 1000);
  assertEquals([aggregate.members, aggregate.memberEnds, aggregate.isContinued], [[0, 1], [1448, 2000], true]);
  joinMembers(aggregate, third, 2000, 1000);
  assertEquals([aggregate.members, aggregate.memberEnds], [[0, 1, 2], [1448, 2896, 3000]]);
  assertEquals(endingIn(aggregate), [[0, 1448], [1, 1448]]);
  assertEquals(payloadLength(aggregate), 3000);
});

Deno.test("MemberShare gives all segments of a super-packet its number, and counts it with the last", () => {
  const segments = cut(carrying(5, 3000), 3000, 1448);
  assertEquals(segments.map(({ packet }) => packet), [5, 5, 5]);
  assertEquals(segments.map(endingIn), [[], [], [[5, 3000]]]);
  assertEquals(segments.map(({ payloadBytes }) => payloadBytes), [0, 0, 3000]);
});

Deno.test("MemberShare gives each segment of an aggregate the packet that it was", () => {
  const aggregate = carrying(3, 100);
  joinMembers(aggregate, carrying(4, 100), 100, 100);
  joinMembers(aggregate, carrying(5, 40), 200, 40);
  const segments = cut(aggregate, 240, 100);
  assertEquals(segments.map(endingIn), [[[3, 100]], [[4, 100]], [[5, 40]]]);
  assertEquals(segments.map(({ packet, members }) => [packet, members]), [[3, null], [4, null], [5, null]]);
  const halves = cut(aggregate, 240, 200, true);
  assertEquals(halves.map(({ packet }) => packet), [NONE, 5]);
  assertEquals(halves.map(endingIn), [[[3, 100], [4, 100]], [[5, 40]]]);
});

Deno.test("inheritMembers() hands everything on to the last fragment", () => {
  const packet = Object.assign(carrying(0, 1448, true), { members: [0, 1], memberEnds: [448, 1000] });
  const fragment = carrying(NONE, 0);
  inheritMembers(fragment, packet);
  assertEquals([endingIn(fragment), fragment.packet], [[[0, 1448]], 0]);
});

Deno.test("MemberShare cuts what joinMembers() joined: every packet ends once, in order, with its payload, and again", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 20 });
  const mss = fc.integer({ min: 7, max: 1000 });
  fc.assert(fc.property(sizes, mss, mss, (payloads, frameBytes, segmentBytes) => {
    const total = payloads.reduce((sum, bytes) => sum + bytes, 0);
    const expected = payloads.map((bytes, packet) => [packet, bytes]);
    const whole = carrying(0, payloads[0]!);
    payloads.reduce((at, bytes, packet) => {
      if (packet > 0) joinMembers(whole, carrying(packet, bytes), at, bytes);
      return at + bytes;
    }, 0);
    assertEquals(endingIn(whole), expected);
    const frames = cut(whole, total, frameBytes);
    assertEquals(frames.flatMap(endingIn), expected);
    const again = frames[0]!;
    frames.slice(1).forEach((frame, i) => {
      joinMembers(again, frame, (i + 1) * frameBytes, Math.min(frameBytes, total - (i + 1) * frameBytes));
    });
    assertEquals([endingIn(again), again.isContinued], [expected, false]);
    const segments = cut(again, total, segmentBytes);
    assertEquals(segments.flatMap(endingIn), expected);
    assertEquals(segments.map(({ packet }) => packet >= 0), segments.map(() => true));
  }));
});
