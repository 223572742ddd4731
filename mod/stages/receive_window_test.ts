import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ReceiveWindow, windowScale } from "./receive_window.ts";
import { distance } from "./tcp_buffer.ts";

const MSS = 1000;

function windowOf(bytes: number, first = 0): ReceiveWindow {
  const window = new ReceiveWindow(bytes);
  window.begin(first);
  return window;
}

Deno.test("windowScale() is the least shift that makes the field hold the window", () => {
  assertEquals([1024, 65535, 65536, 131071, 131072, 1048560 * 1024].map(windowScale), [0, 0, 1, 1, 2, 14]);
});

Deno.test("ReceiveWindow.offer() is the buffer less what is not read, in whole units of the window field", () => {
  const window = windowOf(128 * 1024);
  assertEquals(window.offer(0, 0, MSS), 131072);
  assertEquals(window.offer(10_000, 10_000, MSS), 121072);
  // Rounded up to a unit of 4 bytes.
  assertEquals(window.offer(10_001, 10_001, MSS), 121072);
});

Deno.test("ReceiveWindow.offer() takes nothing back: the right edge stays though less is free", () => {
  const window = windowOf(128 * 1024);
  window.offer(0, 0, MSS);
  // 100 bytes came, and 50000 are held, behind a gap.
  assertEquals(window.offer(100, 50_000, MSS), 130972);
});

Deno.test("ReceiveWindow.offer() offers nothing where less than a sixteenth of the buffer or less than a segment is free", () => {
  const window = windowOf(128 * 1024);
  assertEquals(window.offer(123_000, 123_000, MSS), 8072);
  assertEquals(window.offer(131_072, 131_072, MSS), 0);
  assertEquals(window.offer(131_072, 131_072 - 8188, MSS), 0);
  assertEquals(window.offer(131_072, 131_072 - 8192, MSS), 8192);
  const large = windowOf(128 * 1024);
  large.offer(131_072, 131_072, 20_000);
  assertEquals(large.offer(131_072, 131_072 - 19_000, 20_000), 0);
});

Deno.test("ReceiveWindow.offer() is whole segments where the window is not scaled, and nearly right is left as it is", () => {
  const window = windowOf(60_500);
  assertEquals(window.offer(0, 0, MSS), 60_500);
  assertEquals(window.offer(10_000, 10_000, MSS), 50_500);
  assertEquals(window.offer(20_500, 20_500, MSS), 40_000);
  assertEquals(window.offer(20_500, 20_400, MSS), 40_000);
  assertEquals(window.offer(20_500, 0, MSS), 60_000);
});

Deno.test("ReceiveWindow.isUpdateDue() when half of the buffer or less is open, and twice as much would be", () => {
  const window = windowOf(64 * 1024);
  window.offer(0, 0, MSS);
  assertEquals(window.isUpdateDue(20_000, 0, MSS), false);
  assertEquals(window.isUpdateDue(40_000, 0, MSS), true);
  assertEquals(window.isUpdateDue(40_000, 30_000, MSS), false);
  window.offer(65_536, 65_536, MSS);
  assertEquals(window.openBytes(65_536), 0);
  assertEquals(window.isUpdateDue(65_536, 65_000, MSS), false);
  assertEquals(window.isUpdateDue(65_536, 60_000, MSS), true);
});

Deno.test("ReceiveWindow.skip() moves the window over numbers that do not come", () => {
  const window = windowOf(64 * 1024, 0xffff0000);
  window.skip(0x80000000);
  assertEquals(window.openBytes((0xffff0000 + 0x80000000) >>> 0), 65536);
});

Deno.test("ReceiveWindow: the right edge never moves to the left, and no more than the buffer and a unit is held or may come", () => {
  const step = fc.record({
    come: fc.double({ min: 0, max: 1, noNaN: true }),
    read: fc.nat(40_000),
    tells: fc.boolean(),
  });
  const bytes = fc.integer({ min: 1, max: 2_000_000 });
  const first = fc.nat(0xffffffff);
  fc.assert(
    fc.property(bytes, first, fc.array(step, { maxLength: 60 }), (windowBytes, begin, steps) => {
      const window = windowOf(windowBytes, begin);
      const unit = 2 ** windowScale(windowBytes);
      let next = begin;
      let held = 0;
      let edge = (begin + window.offeredBytes) >>> 0;
      for (const { come, read, tells } of steps) {
        const bytes = Math.floor(come * window.openBytes(next));
        next = (next + bytes) >>> 0;
        held = Math.max(0, held + bytes - read);
        if (!tells) continue;
        const isAdvancing = window.isAdvancing(held, MSS);
        const before = window.offeredBytes;
        const offered = window.offer(next, held, MSS);
        if (isAdvancing) assert(offered >= before);
        assertEquals(offered % unit, 0);
        const newEdge = (next + offered) >>> 0;
        assert(distance(edge, newEdge) >= 0, "the right edge has moved to the left");
        assert(held + offered < windowBytes + 2 * unit, `${held} bytes held, ${offered} offered of ${windowBytes}`);
        edge = newEdge;
      }
    }),
    { numRuns: 300 },
  );
});
