/** @module */

import { assertEquals } from "@std/assert";
import { EVENT, REASON } from "../ledger/schema.ts";
import { partialSum } from "../wire/checksum.ts";
import { PageFragPool } from "./page_frag_pool.ts";
import type { Skb } from "./skb.ts";
import { SkbFixture } from "./testing.ts";
import { copyAndSum, copyToLinear, copyToPages, referToFilePage, roomInPages, takesFilePage } from "./user_copy.ts";

/** An empty buffer of a socket, and memory of a process of `bytes` bytes that count up. */
function socketWith(fixture: SkbFixture, bytes: number): { skb: Skb; at: number; release: () => void } {
  const block = fixture.memory.allocate(bytes);
  for (let i = 0; i < bytes; i++) fixture.memory.u8[block.at + i] = i & 0xff;
  const skb = fixture.build({ request: 2000, headroom: 320, linear: 0 });
  return { skb, at: block.at, release: () => fixture.memory.put(block) };
}

function frags(skb: Skb): number[] {
  return skb.head.frags.map(({ bytes }) => bytes);
}

Deno.test("copyToPages() makes one fragment of pieces that follow each other, and a second at the end of 32 KiB", () => {
  const fixture = new SkbFixture("6.1");
  const { skb, at, release } = socketWith(fixture, 40000);
  const pool = new PageFragPool(fixture.memory, 3);
  for (let done = 0; done < 40000;) {
    const bytes = Math.min(1000, roomInPages(fixture.skbs, skb, pool), 40000 - done);
    copyToPages(fixture.skbs, skb, pool, 7, at + done, bytes);
    done += bytes;
  }
  assertEquals(frags(skb), [32768, 7232]);
  assertEquals(fixture.bytesOf(skb), fixture.memory.u8.slice(at, at + 40000));
  const rows = fixture.takeRows().filter(({ event }) => event === EVENT["user-copy"]);
  assertEquals(rows.reduce((sum, { bytes }) => sum + bytes, 0), 40000);
  assertEquals(new Set(rows.map(({ packet, reason }) => `${packet} ${reason}`)), new Set([`7 ${REASON.userPage}`]));
  fixture.free(skb);
  pool.release();
  release();
  fixture.assertNothingLives();
});

Deno.test("roomInPages() says 0 when one more fragment would be above build_frags, unless the last one goes on", () => {
  const fixture = new SkbFixture("6.1", { buildFrags: 2 });
  const { skb, at, release } = socketWith(fixture, 4096);
  const pool = new PageFragPool(fixture.memory, 0);
  const other = fixture.build({ request: 2000, headroom: 320, linear: 0 });
  for (const target of [skb, other, skb]) {
    roomInPages(fixture.skbs, target, pool);
    copyToPages(fixture.skbs, target, pool, 1, at, 100);
  }
  assertEquals([skb.nrFrags, roomInPages(fixture.skbs, skb, pool)], [2, 4096 - 300]);
  roomInPages(fixture.skbs, other, pool);
  copyToPages(fixture.skbs, other, pool, 1, at, 100);
  assertEquals(roomInPages(fixture.skbs, skb, pool), 0);
  fixture.free(skb);
  fixture.free(other);
  pool.release();
  release();
  fixture.assertNothingLives();
});

Deno.test("roomInPages() offers no piece below 32 bytes: a new block is begun", () => {
  const fixture = new SkbFixture("6.1");
  const { skb, at, release } = socketWith(fixture, 4096);
  const pool = new PageFragPool(fixture.memory, 0);
  for (const [bytes, room] of [[4064, 4096], [32, 32], [10, 4096]] as const) {
    assertEquals(roomInPages(fixture.skbs, skb, pool), room);
    copyToPages(fixture.skbs, skb, pool, 1, at, bytes);
  }
  assertEquals(frags(skb), [4096, 10]);
  fixture.free(skb);
  pool.release();
  release();
  fixture.assertNothingLives();
});

Deno.test("copyToLinear() and copyAndSum() extend the linear bytes; the sum is one more row", () => {
  const fixture = new SkbFixture("4.4");
  const { skb, at, release } = socketWith(fixture, 200);
  copyToLinear(fixture.skbs, skb, 3, at, 101);
  const sum = copyAndSum(fixture.skbs, skb, 3, at + 101, 99);
  assertEquals(sum, partialSum(fixture.memory.u8, at + 101, 99));
  assertEquals(fixture.bytesOf(skb), fixture.memory.u8.slice(at, at + 200));
  const rows = fixture.takeRows().filter(({ event }) => event !== EVENT.alloc);
  assertEquals(rows.map(({ event, reason, bytes }) => [event, reason, bytes]), [
    [EVENT["user-copy"], REASON.userLinear, 101],
    [EVENT["user-copy"], REASON.userLinear, 99],
    [EVENT.checksum, REASON.fusedUser, 99],
  ]);
  fixture.free(skb);
  release();
  fixture.assertNothingLives();
});

Deno.test("referToFilePage() takes pages by reference, joins what follows, and marks the buffer as shared", () => {
  const fixture = new SkbFixture("6.1", { buildFrags: 2 });
  const skb = fixture.build({ request: 2000, headroom: 320, linear: 0 });
  const pages = [0, 1, 2].map(() => fixture.memory.allocate(4096));
  referToFilePage(fixture.skbs, skb, 5, pages[0]!, 0, 1000);
  referToFilePage(fixture.skbs, skb, 5, pages[0]!, 1000, 3096);
  referToFilePage(fixture.skbs, skb, 6, pages[1]!, 0, 4096);
  assertEquals([frags(skb), skb.len, skb.dataLen, skb.head.hasSharedFrag], [[4096, 4096], 8192, 8192, true]);
  assertEquals(takesFilePage(fixture.skbs, skb, pages[2]!, 0), false);
  assertEquals(pages.map(({ refs }) => refs), [2, 2, 1]);
  for (const page of pages) fixture.memory.put(page);
  fixture.free(skb);
  fixture.assertNothingLives();
});
