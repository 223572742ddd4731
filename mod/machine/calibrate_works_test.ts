import { assertEquals, assertThrows } from "@std/assert";
import { Arena, ChecksumWork, CopyWork, FusedWork, slotsIn, strideOf } from "./calibrate_works.ts";

const LENGTHS = [64, 256, 1460, 65536];

Deno.test("slotsIn() is a power of two that fits, and one at least", () => {
  for (const bytes of LENGTHS) {
    const slots = slotsIn(1 << 20, bytes);
    assertEquals(Math.log2(slots) % 1, 0);
    assertEquals(slots * strideOf(bytes) <= 1 << 20 && 2 * slots * strideOf(bytes) > 1 << 20, true);
  }
  assertEquals(slotsIn(1, 65536), 1);
});

Deno.test("CopyWork copies each slot of its source once, and nothing else", () => {
  const arena = new Arena(64 << 10);
  const slots = slotsIn(8 << 10, 300);
  const before = arena.take(64);
  const work = new CopyWork(arena, 300, slots);
  const regionBytes = slots * strideOf(300);
  const [from, to] = [before + 64, before + 64 + regionBytes];
  for (let i = 0; i < regionBytes; i++) arena.u8[from + i] = 1 + i % 250;
  arena.u8.fill(0, to);
  work.pass(0, slots);
  const copied = Array.from({ length: regionBytes }, (_, i) => i % strideOf(300) < 300 ? 1 + i % 250 : 0);
  assertEquals([...arena.u8.subarray(to, to + regionBytes)], copied);
  assertEquals(arena.u8.subarray(to + regionBytes).every((byte) => byte === 0), true);
});

Deno.test("passes over parts of the slots do as much as one over all", () => {
  const arenas = [new Arena(64 << 10), new Arena(64 << 10)];
  const sums = arenas.map((arena, i) => {
    for (let at = 0; at < arena.u8.length; at++) arena.u8[at] = at * 7 + (at >> 8);
    const works = [new ChecksumWork(arena, 256, 16), new FusedWork(arena, 256, 16)] as const;
    for (const work of works) {
      if (i === 0) work.pass(0, 16);
      else for (let first = 0; first < 16; first += 4) work.pass(first, 4);
    }
    return works.map(({ sum }) => sum);
  });
  assertEquals(sums[0], sums[1]);
  assertEquals(arenas[0]!.u8, arenas[1]!.u8);
});

Deno.test("Arena refuses more than it has", () => {
  const arena = new Arena(100);
  assertEquals([arena.take(60), arena.take(40)], [0, 60]);
  assertThrows(() => arena.take(1), RangeError, "it is full");
});
