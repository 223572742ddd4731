/** @module */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { editDistance, nearest, nearestInWords } from "./nearest.ts";

Deno.test("editDistance() counts an insertion, a deletion, a replacement and a swap as one each", () => {
  assertEquals(editDistance("gro", "gro"), 0);
  assertEquals(editDistance("on", "onn"), 1);
  assertEquals(editDistance("off", "of"), 1);
  assertEquals(editDistance("gr0", "gro"), 1);
  assertEquals(editDistance("nocpoy", "nocopy"), 1);
  assertEquals(editDistance("", "tail"), 4);
  assertEquals(editDistance("baseline", "nocopy"), 8);
});

Deno.test("editDistance() is symmetric and zero only for equal names", () => {
  const name = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "_") });
  fc.assert(fc.property(name, name, (a, b) => {
    assertEquals(editDistance(a, b), editDistance(b, a));
    assertEquals(editDistance(a, b) === 0, a === b);
  }));
});

Deno.test("nearest() takes the first of equally near candidates", () => {
  assertEquals(nearest("xx_ring", ["rx_ring", "tx_ring"]), "rx_ring");
  assertEquals(nearest("xx_ring", ["tx_ring", "rx_ring"]), "tx_ring");
});

Deno.test("nearest() ignores case and accepts a beginning", () => {
  assertEquals(nearest("GRO", ["gso", "gro"]), "gro");
  assertEquals(nearest("frag", ["linearize", "fragment"]), "fragment");
});

Deno.test("nearest() is undefined when nothing was meant", () => {
  assertEquals(nearest("banana", ["gro", "gso", "era"]), undefined);
  assertEquals(nearest("", ["gro"]), undefined);
  assertEquals(nearest("g".repeat(1e6), ["gro"]), undefined);
});

Deno.test("nearestInWords() says when the nearest is not built", () => {
  assertEquals(nearestInWords("nocopi", ["nocopy"], ["pcrypt"]), "nocopy");
  assertEquals(nearestInWords("pcript", ["nocopy"], ["pcrypt"]), "pcrypt, which is not built yet");
  assertEquals(nearestInWords("zzzz", ["nocopy"], ["pcrypt"]), undefined);
});
