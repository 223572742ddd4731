import { assertEquals } from "@std/assert";
import { MISSING_BYTE, placeInPages, readFrame, RX_BUFFER_BYTES, RxFrame, writeFrame } from "./dma.ts";
import { addFrag } from "./paged_ops.ts";
import type { Skb } from "./skb.ts";
import { assertSameBytes, SkbFixture } from "./testing.ts";

/** A frame as captured: `captured` bytes of a pattern behind 30 others. */
function captureWindow(captured: number): Uint8Array {
  return Uint8Array.from({ length: 30 + captured }, (_, i) => (i * 167 + (i >> 8)) & 0xff);
}

/** Writes a frame and makes an skb of its buffers. */
function receive(fixture: SkbFixture, captured: number, bytes: number): [RxFrame, Skb] {
  const frame = new RxFrame();
  writeFrame(fixture.memory, frame, captureWindow(captured), 30, captured, bytes);
  const skb = fixture.skbs.allocSkb(100);
  frame.buffers.forEach((block, i) => addFrag(skb, block, 0, Math.min(RX_BUFFER_BYTES, bytes - i * RX_BUFFER_BYTES)));
  return [frame, skb];
}

Deno.test("writeFrame() fills 2 KiB buffers in order, and readFrame() reads the frame back, without a copy", () => {
  const fixture = new SkbFixture();
  const lengths = [[60, 1], [1514, 1], [2047, 1], [2048, 1], [2049, 2], [4096, 2], [4097, 3], [9018, 5], [65535, 32]];
  for (const [bytes, buffers] of lengths) {
    const [frame, skb] = receive(fixture, bytes!, bytes!);
    assertEquals([frame.bytes, frame.buffers.length], [bytes!, buffers!]);
    const into = new Uint8Array(bytes! + 1).fill(0xa5);
    assertEquals(readFrame(fixture.skbs, skb, into), bytes!);
    assertSameBytes(into.subarray(0, bytes), captureWindow(bytes!).subarray(30), `${bytes}`);
    assertEquals(into[bytes!], 0xa5);
    fixture.free(skb);
  }
  assertEquals(fixture.takeCopies(), []);
  fixture.assertNothingLives();
});

Deno.test("writeFrame() fills what the snap length cut off with a fixed byte, in every buffer", () => {
  const fixture = new SkbFixture();
  for (const bytes of [1514, 5000]) {
    for (const captured of [0, 1, 64, 2047, 2048, 2049, 4096, 4097, 4999].filter((n) => n < bytes)) {
      const [, skb] = receive(fixture, captured, bytes);
      const expected = new Uint8Array(bytes).fill(MISSING_BYTE);
      expected.set(captureWindow(captured).subarray(30));
      const into = new Uint8Array(bytes);
      readFrame(fixture.skbs, skb, into);
      assertSameBytes(into, expected, `${captured} of ${bytes}`);
      fixture.free(skb);
    }
  }
  fixture.assertNothingLives();
});

Deno.test("writeFrame() takes no byte behind the captured ones, though the window goes on", () => {
  const fixture = new SkbFixture();
  const frame = new RxFrame();
  writeFrame(fixture.memory, frame, new Uint8Array(5000).fill(1), 0, 10, 20);
  const { at } = frame.buffers[0]!;
  const expected = [...new Array(10).fill(1), ...new Array(10).fill(MISSING_BYTE)];
  assertEquals([...fixture.memory.u8.subarray(at, at + 20)], expected);
});

Deno.test("placeInPages() cuts a frame into pieces of one size, whatever buffers it arrived in, without a copy", () => {
  const fixture = new SkbFixture();
  const shapes: [bytes: number, headBytes: number, pieceBytes: number, pieces: number[]][] = [
    [1514, 0, 1514, [1514]],
    [1514, 0, 505, [505, 505, 504]],
    [1426, 66, 454, [454, 454, 452]],
    [9014, 0, 3005, [3005, 3005, 3004]],
    [66, 66, 0, []],
    [60, 0, 4, Array(15).fill(4)],
    [62, 54, 3, [3, 3, 2]],
  ];
  for (const [bytes, headBytes, pieceBytes, pieces] of shapes) {
    const frame = new RxFrame();
    writeFrame(fixture.memory, frame, captureWindow(bytes), 30, bytes, bytes);
    const skb = fixture.skbs.allocSkb(200);
    placeInPages(fixture.memory, frame, skb, headBytes, pieceBytes);
    assertEquals([skb.headlen, skb.head.frags.map((frag) => frag.bytes)], [headBytes, pieces]);
    const into = new Uint8Array(bytes);
    assertEquals(readFrame(fixture.skbs, skb, into), bytes);
    assertSameBytes(into, captureWindow(bytes).subarray(30), `${bytes}`);
    fixture.free(skb);
  }
  assertEquals(fixture.takeCopies(), []);
  fixture.assertNothingLives();
});
