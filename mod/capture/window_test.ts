import { assertEquals, assertRejects } from "@std/assert";
import { sourceOfBytes } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";
import { patternBytes, sourceInSteps } from "./testing.ts";
import { SlidingWindow } from "./window.ts";

Deno.test("SlidingWindow.fill() carries what is not used up to the front and reads on behind it", async () => {
  const bytes = patternBytes(100, 1);
  const window = new SlidingWindow(sourceOfBytes(bytes), "test", 40);
  await window.fill();
  assertEquals([window.start, window.end, window.baseOffset], [0, 40, 0]);
  window.start = 33;
  await window.fill();
  assertEquals([window.start, window.end, window.baseOffset], [0, 40, 33]);
  assertEquals(window.bytes, bytes.slice(33, 73));
  assertEquals(window.ended, false);
});

Deno.test("SlidingWindow.fill() stops at the end of the source and keeps the rest", async () => {
  const bytes = patternBytes(50, 2);
  const window = new SlidingWindow(sourceOfBytes(bytes), "test", 40);
  await window.fill();
  window.start = 20;
  await window.fill();
  assertEquals([window.end, window.ended, window.sourceOffset], [30, true, 20]);
  assertEquals(window.bytes.slice(0, 30), bytes.slice(20));
});

Deno.test("SlidingWindow.fill(n) reads no more often than it takes to have n bytes", async () => {
  const window = new SlidingWindow(sourceInSteps(patternBytes(100, 3), [1]), "test", 40);
  await window.fill(24);
  assertEquals(window.end, 24);
  await window.fill();
  assertEquals(window.end, 40);
  await window.fill(41);
  assertEquals(window.end, 40);
});

Deno.test("SlidingWindow.fill() gives up on a source that gives no bytes for ever", async () => {
  const window = new SlidingWindow({ read: () => Promise.resolve(0) }, "pipe", 40);
  await assertRejects(() => window.fill(), CaptureError, "Cannot read pipe: the source gives no bytes, at byte 0");
});

Deno.test("SlidingWindow.fill() turns a failing read into a CaptureError that says where", async () => {
  let reads = 0;
  const source = {
    read(): Promise<number | null> {
      if (reads++ > 0) return Promise.reject(new Error("Input/output error"));
      return Promise.resolve(10);
    },
  };
  const window = new SlidingWindow(source, "disk.pcap", 40);
  const message = "Cannot read disk.pcap: Input/output error, at byte 10";
  const error = await assertRejects(() => window.fill(), CaptureError, message);
  assertEquals(error.cause instanceof Error, true);
});

Deno.test("SlidingWindow grows with what the source gives, as far as it may, and ends where one of that size would", async () => {
  const bytes = patternBytes(300_000, 4);
  const window = new SlidingWindow(sourceOfBytes(bytes), "test", 280_000);
  assertEquals(window.bytes.length, 65_536);
  await window.fill(24);
  assertEquals([window.end, window.bytes.length, window.limitBytes], [280_000, 280_000, 280_000]);
  assertEquals(window.bytes, bytes.slice(0, 280_000));
  assertEquals(window.view.buffer, window.bytes.buffer);
  window.start = 270_000;
  await window.fill();
  assertEquals([window.end, window.ended, window.bytes.slice(0, 30_000)], [30_000, true, bytes.slice(270_000)]);
  const short = new SlidingWindow(sourceOfBytes(bytes.slice(0, 70_000)), "test");
  await short.fill();
  assertEquals([short.end, short.bytes.length], [70_000, 262_144]);
});
