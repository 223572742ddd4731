import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Memory } from "./memory.ts";

Deno.test("Memory.allocate() gives blocks of a power of two, aligned to their size, which do not overlap", () => {
  const memory = new Memory();
  const blocks = [1, 64, 65, 2048, 2049, 100, 32768, 1, 4096].map((bytes) => memory.allocate(bytes));
  assertEquals(blocks.map((block) => block.bytes), [64, 64, 128, 2048, 4096, 128, 32768, 64, 4096]);
  for (const block of blocks) assertEquals(block.at % block.bytes, 0);
  const sorted = blocks.toSorted((a, b) => a.at - b.at);
  for (let i = 1; i < sorted.length; i++) assert(sorted[i]!.at >= sorted[i - 1]!.at + sorted[i - 1]!.bytes);
});

Deno.test("Memory grows and keeps its bytes; u8 and view are replaced together", () => {
  const memory = new Memory();
  const before = memory.u8;
  const small = memory.allocate(64);
  memory.u8.fill(7, small.at, small.at + 64);
  const large = memory.allocate(before.length);
  assertNotEquals(memory.u8.length, before.length);
  assert(large.at + large.bytes <= memory.u8.length);
  assertEquals(memory.u8.subarray(small.at, small.at + 64), new Uint8Array(64).fill(7));
  memory.view.setUint8(large.at + large.bytes - 1, 9);
  assertEquals(memory.u8[large.at + large.bytes - 1], 9);
});

Deno.test("Memory.put() frees a block with its last reference, and the block is used again", () => {
  const memory = new Memory();
  const block = memory.allocate(2048);
  memory.get(block);
  assertEquals(block.refs, 2);
  memory.put(block);
  assertEquals([block.refs, memory.live], [1, 1]);
  memory.put(block);
  assertEquals([block.refs, memory.live], [0, 0]);
  const again = memory.allocate(1025);
  assertEquals([again.at, again.refs, memory.live], [block.at, 1, 1]);
});

Deno.test("Memory.put() poisons what it frees, in tests only, and leaves the neighbours alone", () => {
  for (const poison of [true, false]) {
    const memory = new Memory({ poison });
    const [left, middle, right] = [memory.allocate(64), memory.allocate(64), memory.allocate(64)];
    memory.u8.fill(1, left.at, right.at + 64);
    memory.put(middle);
    const expected = new Uint8Array(192).fill(1);
    if (poison) expected.fill(0x6b, 64, 128);
    assertEquals(memory.u8.slice(left.at, right.at + 64), expected);
  }
});

Deno.test("Memory.put() refuses a block that is free already", () => {
  const memory = new Memory();
  const block = memory.allocate(64);
  memory.put(block);
  assertThrows(() => memory.put(block), Error, "Cannot put a block: it is free already");
});

Deno.test("Memory.move() moves overlapping bytes as if through a second buffer", () => {
  const memory = new Memory();
  const { at } = memory.allocate(64);
  memory.u8.set([1, 2, 3, 4], at);
  memory.move(at, at + 1, 4);
  assertEquals([...memory.u8.subarray(at, at + 5)], [1, 1, 2, 3, 4]);
});
