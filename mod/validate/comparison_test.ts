/** Values are counted, and none is lost. */

import { assertEquals } from "@std/assert";
import { Comparison } from "./comparison.ts";
import { differenceOf } from "./bytes.ts";

Deno.test("Comparison.value() counts values and differences, and keeps the first", () => {
  const comparison = new Comparison();
  comparison.value("expected.csv", 0, "len", 1500, "1500");
  comparison.value("expected.csv", 1, "len", 1500, "1501");
  comparison.value("expected.csv", 2, "layout", "", "frags=1");
  assertEquals([comparison.compared, comparison.differ], [3, 2]);
  assertEquals(comparison.firstDifference, "expected.csv row 1 len: model 1500, recorded 1501");
});

Deno.test("Comparison.close() fails where values were neither compared nor left out", () => {
  const comparison = new Comparison();
  comparison.value("expected.csv", 0, "len", 1, 1);
  comparison.leaveOut("expected.csv", "timing", 2);
  comparison.close("expected.csv", 3);
  assertEquals(comparison.differ, 0);
  comparison.close("expected.csv", 4);
  comparison.close("expected_tx.csv", 1);
  assertEquals(comparison.differ, 2);
  assertEquals(
    comparison.firstDifference,
    "expected.csv: 1 values were neither compared nor left out for a listed reason",
  );
});

Deno.test("differenceOf() shows bytes from the first that differs, also where one is longer", () => {
  assertEquals(differenceOf(Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3)), ["same", "same"]);
  assertEquals(differenceOf(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3)), ["2 bytes,  at 2", "3 bytes, 03 at 2"]);
});
