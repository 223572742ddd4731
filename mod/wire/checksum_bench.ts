/**
 * Speed of `partialSum()` at the sizes that matter: an IPv4 header, a small packet, a full segment, an aggregate.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { fold, partialSum } from "./checksum.ts";

const arena = new Uint8Array(4 << 20);
for (let i = 0; i < arena.length; i++) arena[i] = Math.imul(i, 0x9e3779b1) >>> 24;

/** The alternative: bytes only, whatever the length. */
function byteLoop(u8: Uint8Array, at: number, length: number): number {
  let sum = 0;
  const end = at + length;
  let i = at;
  for (; i + 2 <= end; i += 2) sum += (u8[i]! << 8) | u8[i + 1]!;
  if (i < end) sum += u8[i]! << 8;
  return fold(sum);
}

for (const length of [20, 60, 100, 1460, 65000]) {
  assertEquals(partialSum(arena, 3, length), byteLoop(arena, 3, length));
  Deno.bench({
    name: `partialSum, ${length} bytes`,
    group: `${length}`,
    baseline: true,
    fn: () => void partialSum(arena, 2051, length),
  });
  Deno.bench({ name: `byte loop, ${length} bytes`, group: `${length}`, fn: () => void byteLoop(arena, 2051, length) });
}
