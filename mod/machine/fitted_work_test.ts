import { assertEquals, assertThrows } from "@std/assert";
import type { Measured } from "./calibration.ts";
import { fittedWork, lineErrorOf } from "./fitted_work.ts";
import { onLine } from "./line_fit.ts";

function row(bytes: number, nsPerCall: readonly number[]): Measured {
  return { work: "copy", bytes, state: "cold", by: "JavaScript", nsPerCall };
}

Deno.test("fittedWork() draws the line through the least of the runs, and its range up to three quarters of them", () => {
  const measured = [64, 1460, 9000].map((bytes) => {
    const ns = 20 + 0.5 * bytes;
    return row(bytes, [2 * ns, 1.4 * ns, ns, 1.2 * ns, 1.1 * ns]);
  });
  const { line, low, high, residual } = fittedWork(measured, "copy", "cold");
  assertEquals([line.nsPerCall.toFixed(6), line.nsPerByte.toFixed(6)], ["20.000000", "0.500000"]);
  assertEquals([low.toFixed(6), high.toFixed(6), residual.toFixed(6)], ["1.000000", "1.400000", "0.000000"]);
});

Deno.test("fittedWork() keeps every least time inside its range, however crooked the line", () => {
  const measured = [row(64, [30]), row(1460, [900]), row(9000, [3000]), row(65536, [40000])];
  const { line, low, high, residual } = fittedWork(measured, "copy", "cold");
  assertEquals(residual > 0.1, true);
  for (const { bytes, nsPerCall: [ns] } of measured) {
    assertEquals(low * onLine(line, bytes) <= ns! * (1 + 1e-9), true);
    assertEquals(high * onLine(line, bytes) >= ns! * (1 - 1e-9), true);
  }
});

Deno.test("fittedWork() lies nearer to a full packet than if that were any length", () => {
  const error = (bytes: number): number => {
    const measured = [row(64, [600]), row(1000, [850]), row(bytes, [1200]), row(65536, [18000])];
    return Math.abs(lineErrorOf(measured[2]!, measured)!);
  };
  assertEquals(error(1460) < 0.7 * error(1459), true);
  assertEquals(error(1504) < 0.7 * error(1503), true);
});

Deno.test("lineErrorOf() is undefined of works that no line is made of", () => {
  const measured = [row(64, [30]), row(1460, [60])];
  const others = [{ ...measured[0]!, work: "seal aes-gcm in pieces" }, { ...measured[0]!, work: "line" }] as const;
  for (const other of others) assertEquals(lineErrorOf(other, [...measured, other]), undefined);
  assertEquals(lineErrorOf(measured[0]!, measured)! < 1e-9, true);
});

Deno.test("fittedWork() refuses what was not measured", () => {
  assertThrows(() => fittedWork([row(64, [30]), row(128, [40])], "copy", "warm"), RangeError, "fewer than two lengths");
});
