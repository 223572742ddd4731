/** @module */

import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { set16 } from "../wire/bytes.ts";
import { fold, partialSum } from "../wire/checksum.ts";
import { checksumHelp } from "./checksum_help.ts";
import { clone, headerRelease } from "./clone_ops.ts";
import { push } from "./head_ops.ts";
import { CHECKSUM, type Skb } from "./skb.ts";
import { SkbFixture } from "./testing.ts";

const TCP_CHECKSUM_OFFSET = 16;

/** Marks a checksum as left to the device: 20 bytes of IP header, then TCP; the pseudo-header's sum is 0x1234. */
function leaveChecksum(fixture: SkbFixture, skb: Skb): void {
  skb.networkHeader = skb.data;
  skb.transportHeader = skb.data + 20;
  skb.checksumOffset = TCP_CHECKSUM_OFFSET;
  skb.ipSummed = CHECKSUM.partial;
  set16(fixture.memory.u8, skb.dataAt + 20 + TCP_CHECKSUM_OFFSET, 0x1234);
}

/** The clone of a socket's buffer, headers pushed, as TCP sends it. */
function sentClone(fixture: SkbFixture, frags: readonly number[], isReleased: boolean): { original: Skb; sent: Skb } {
  const original = fixture.build({ request: 320, headroom: 320, linear: 0, frags });
  if (isReleased) headerRelease(original);
  const sent = clone(fixture.skbs, original);
  push(sent, 40);
  fixture.fill(sent.dataAt, 40);
  leaveChecksum(fixture, sent);
  return { original, sent };
}

/** What the transport bytes and the pseudo-header sum up to: 0xffff when the checksum is right. */
function totalSum(fixture: SkbFixture, skb: Skb): number {
  const bytes = fixture.bytesOf(skb);
  return fold(partialSum(bytes, 20, bytes.length - 20) + 0x1234);
}

Deno.test("checksumHelp() makes the checksum right, whatever lies where", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 17 });
  fc.assert(fc.property(sizes, fc.boolean(), (frags, isReleased) => {
    const fixture = new SkbFixture("6.1");
    const { original, sent } = sentClone(fixture, frags, isReleased);
    checksumHelp(fixture.skbs, sent);
    assertEquals([totalSum(fixture, sent), sent.ipSummed], [0xffff, CHECKSUM.none]);
    fixture.free(sent, original);
    fixture.assertNothingLives();
  }));
});

Deno.test("checksumHelp() reads all bytes from the transport header on, and copies nothing for the clone of TCP", () => {
  const fixture = new SkbFixture("6.1");
  const { original, sent } = sentClone(fixture, [1394], true);
  fixture.takeRows();
  checksumHelp(fixture.skbs, sent);
  assertEquals(fixture.takeRows().map(({ bytes }) => bytes), [20 + 1394]);
  assertEquals(sent.head, original.head);
  fixture.free(sent, original);
});

Deno.test("checksumHelp() gives a clone a private head where somebody may look at its headers", () => {
  const fixture = new SkbFixture("6.1");
  const { original, sent } = sentClone(fixture, [1394], false);
  fixture.takeRows();
  checksumHelp(fixture.skbs, sent);
  assertEquals(fixture.takeCopies(), [["expand-head", 320]]);
  assertEquals(sent.isCloned, false);
  fixture.free(sent, original);
  fixture.assertNothingLives();
});

Deno.test("checksumHelp() makes pages linear that somebody outside may write to", () => {
  const fixture = new SkbFixture("6.1");
  const { original, sent } = sentClone(fixture, [1000, 394], true);
  original.head.hasSharedFrag = true;
  checksumHelp(fixture.skbs, sent);
  assertEquals(fixture.takeCopies(), [["expand-head", 320], ["pull-tail", 1394]]);
  assertEquals([sent.isNonlinear, totalSum(fixture, sent)], [false, 0xffff]);
  fixture.free(sent, original);
  fixture.assertNothingLives();
});

Deno.test("checksumHelp() refuses a checksum that was not left to the device", () => {
  const fixture = new SkbFixture("6.1");
  const skb = fixture.build({ request: 320, headroom: 98, linear: 100 });
  assertThrows(() => checksumHelp(fixture.skbs, skb), Error, "Cannot complete a checksum");
});
