/** The limit rises when the link starves and falls when bytes were never needed, by the rule of lib/dynamic_queue_limits.c. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DynamicQueueLimit } from "./dynamic_queue_limit.ts";

Deno.test("DynamicQueueLimit begins at 0: one packet, and nothing more until it has been sent", () => {
  const limit = new DynamicQueueLimit();
  assertEquals(limit.available, 0);
  limit.queue(1500);
  assertEquals(limit.available, -1500);
});

Deno.test("DynamicQueueLimit rises by what was sent and queued in one interval, when the link has run dry", () => {
  const limit = new DynamicQueueLimit();
  limit.queue(1500);
  // Above the limit of 0, and nothing left: 1500 bytes were queued and completed since the last completion.
  limit.complete(1500, 0);
  assertEquals([limit.limitBytes, limit.available], [1500, 1500]);
  limit.queue(1000);
  limit.queue(1000);
  assertEquals(limit.available, -500);
  limit.complete(2000, 0);
  assertEquals([limit.limitBytes, limit.available], [3500, 3500]);
});

Deno.test("DynamicQueueLimit rises by the earlier excess when all that was queued before is done", () => {
  const limit = new DynamicQueueLimit();
  limit.queue(1000);
  limit.complete(1000, 0);
  // 2500 queued against a limit of 1000; 500 are completed, 1500 above the limit stay on record.
  limit.queue(2500);
  limit.complete(500, 0);
  assertEquals(limit.limitBytes, 1000);
  limit.queue(300);
  limit.complete(2000, 0);
  assertEquals(limit.limitBytes, 1000 + 1500);
});

Deno.test("DynamicQueueLimit keeps its limit while the link is busy and falls by the least slack after a second", () => {
  const limit = new DynamicQueueLimit();
  limit.queue(40_000);
  limit.complete(40_000, 0);
  assertEquals(limit.limitBytes, 40_000);
  // From here on 10 000 bytes leave in each interval, and the queue is filled up to its limit.
  limit.queue(40_000);
  for (let tenth = 1; tenth <= 10; tenth++) {
    limit.complete(10_000, tenth * 1e8);
    limit.queue(10_000);
    assertEquals(limit.limitBytes, 40_000);
  }
  limit.complete(10_000, 1.1e9);
  // Twice what an interval needs would have been enough: 20 000 bytes were slack.
  assertEquals(limit.limitBytes, 20_000);
});

Deno.test("DynamicQueueLimit falls by the part of the last packet that was below the limit, where that is more", () => {
  const limit = new DynamicQueueLimit();
  limit.queue(10_000);
  limit.complete(10_000, 0);
  limit.queue(7000);
  limit.queue(5000);
  // 2000 bytes of the last packet are above the limit, the other 3000 were not needed: twice 6000 would have been just enough.
  limit.complete(1000, 6e8);
  assertEquals(limit.limitBytes, 10_000);
  limit.complete(6000, 1.2e9);
  assertEquals(limit.limitBytes, 7000);
});

Deno.test("DynamicQueueLimit lets a link of any batches run without pause once it has found its limit", () => {
  const batches = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 50, maxLength: 200 });
  fc.assert(fc.property(batches, fc.integer({ min: 60, max: 1514 }), (sizes, packetBytes) => {
    const limit = new DynamicQueueLimit();
    let inRing = 0;
    let dry = 0;
    sizes.forEach((packets, i) => {
      while (limit.available >= 0) {
        limit.queue(packetBytes);
        inRing += 1;
      }
      const sent = Math.min(packets, inRing);
      if (packets > inRing) dry += 1;
      inRing -= sent;
      limit.complete(sent * packetBytes, i);
    });
    // Each time that the link runs dry the limit rises by a packet at least.
    assert(dry <= 20, `${dry}`);
    assert(limit.limitBytes <= 2 * 21 * packetBytes, `${limit.limitBytes}`);
  }));
});
