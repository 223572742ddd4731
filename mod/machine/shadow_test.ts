/** What a byte program lacks: the shadow finds every byte that differs or that nobody has written, and no other. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Shadow } from "./shadow.ts";

const BYTES = 256;

/** The stretches that `shadow` tells of. */
function staleIn(shadow: Shadow, u8: Uint8Array, at: number, bytes: number): [number, number][] {
  const found: [number, number][] = [];
  shadow.eachStale(u8, at, bytes, (from, size) => void found.push([from, size]));
  return found;
}

Deno.test("Shadow takes all bytes for stale that nobody has written, zeros too, and none twice", () => {
  const shadow = new Shadow();
  shadow.reach(BYTES);
  const u8 = new Uint8Array(BYTES);
  assertEquals(staleIn(shadow, u8, 10, 40), [[10, 40]]);
  assertEquals(staleIn(shadow, u8, 0, 60), [[0, 10], [50, 10]]);
  assertEquals(staleIn(shadow, u8, 0, 60), []);
});

Deno.test("Shadow joins stretches that are near each other, and knows what was copied or forgotten", () => {
  const shadow = new Shadow();
  shadow.reach(BYTES);
  const u8 = new Uint8Array(BYTES);
  shadow.set(u8, 0, 128);
  u8[3] = u8[9] = u8[100] = 7;
  assertEquals(staleIn(shadow, u8, 0, 128), [[3, 7], [100, 1]]);
  shadow.moved(0, 128, 128);
  assertEquals(staleIn(shadow, u8, 128, 128), [[131, 7], [228, 1]]);
  shadow.forget(20, 4);
  assertEquals(staleIn(shadow, u8, 0, 128), [[20, 4]]);
});

Deno.test("Shadow keeps what it knows when the arena grows", () => {
  const shadow = new Shadow();
  shadow.reach(BYTES);
  const u8 = new Uint8Array(2 * BYTES).fill(5);
  shadow.set(u8, 0, BYTES);
  shadow.reach(2 * BYTES);
  assertEquals(staleIn(shadow, u8, 0, 2 * BYTES), [[BYTES, BYTES]]);
});

Deno.test("Shadow: loading what it tells of makes a program right, whatever was written and moved before", () => {
  const place = fc.nat(BYTES - 33);
  const step = fc.record({ from: place, to: place, bytes: fc.nat(32), kind: fc.constantFrom("move", "write", "look") });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const [model, program] = [new Uint8Array(BYTES), new Uint8Array(BYTES).fill(0xaa)];
    const shadow = new Shadow();
    shadow.reach(BYTES);
    steps.forEach(({ from, to, bytes, kind }, i) => {
      if (kind === "write") model.fill(i + 1, from, from + bytes);
      if (kind === "move") {
        for (const u8 of [model, program]) u8.copyWithin(to, from, from + bytes);
        shadow.moved(from, to, bytes);
      }
      if (kind !== "look") return;
      shadow.eachStale(model, from, bytes, (at, size) => program.set(model.subarray(at, at + size), at));
      assertEquals(program.subarray(from, from + bytes), model.subarray(from, from + bytes));
    });
  }));
});
