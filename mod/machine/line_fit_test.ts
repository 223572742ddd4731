import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { fitLine, onLine, worstResidual } from "./line_fit.ts";

/** Whether two numbers are the same but for rounding. */
function isClose(one: number, other: number): boolean {
  return Math.abs(one - other) <= 1e-9 * Math.max(1, Math.abs(one), Math.abs(other));
}

Deno.test("fitLine() finds the line that its points lie on", () => {
  const lengths = fc.uniqueArray(fc.integer({ min: 1, max: 1 << 16 }), { minLength: 2, maxLength: 8 });
  const part = fc.double({ min: 0.5, max: 100, noNaN: true });
  fc.assert(fc.property(lengths, part, part, (sizes, nsPerCall, nsPerByte) => {
    const line = fitLine(sizes.map((bytes) => ({ bytes, ns: nsPerCall + nsPerByte * bytes, weight: 1 + bytes % 3 })));
    // Both parts together: where lengths are close to each other, the parts alone are known less well.
    return sizes.every((bytes) => Math.abs(onLine(line, bytes) / (nsPerCall + nsPerByte * bytes) - 1) < 1e-6);
  }));
});

Deno.test("fitLine() makes relative errors least, not absolute ones: a doubled time counts the same at every length", () => {
  const [short, long] = [64, 65536].map((odd) => {
    const points = [64, 1024, 65536].map((bytes) => ({ bytes, ns: (100 + bytes) * (bytes === odd ? 1.2 : 1) }));
    return worstResidual(fitLine(points), points);
  });
  assertEquals(short! < 0.2 && long! < 0.2, true);
});

Deno.test("fitLine() goes nearer to a point with more weight", () => {
  const distance = (weight: number): number => {
    const line = fitLine([{ bytes: 100, ns: 20 }, { bytes: 200, ns: 45, weight }, { bytes: 400, ns: 50 }]);
    return Math.abs(onLine(line, 200) - 45);
  };
  assertEquals(distance(6) < distance(1), true);
});

Deno.test("fitLine() has no negative part: through 0 where it would begin below, level where it would fall", () => {
  const steep = fitLine([{ bytes: 100, ns: 1 }, { bytes: 200, ns: 10 }]);
  assertEquals(steep.nsPerCall, 0);
  assertEquals(steep.nsPerByte > 0, true);
  const falling = fitLine([{ bytes: 100, ns: 10 }, { bytes: 200, ns: 8 }]);
  assertEquals(falling.nsPerByte, 0);
  assertEquals(isClose(falling.nsPerCall, (1 / 10 + 1 / 8) / (1 / 100 + 1 / 64)), true);
});

Deno.test("fitLine() refuses fewer than two lengths, and times that are none", () => {
  assertThrows(() => fitLine([]), RangeError, "fewer than two lengths");
  assertThrows(() => fitLine([{ bytes: 64, ns: 1 }, { bytes: 64, ns: 2 }]), RangeError, "fewer than two lengths");
  for (const ns of [0, -1, NaN, Infinity]) {
    assertThrows(() => fitLine([{ bytes: 64, ns: 1 }, { bytes: 128, ns }]), RangeError, "128 bytes take");
  }
});

Deno.test("worstResidual() is the share by which the worst point lies beside the line", () => {
  const line = { nsPerCall: 10, nsPerByte: 1 };
  assertEquals(worstResidual(line, [{ bytes: 10, ns: 20 }, { bytes: 30, ns: 50 }, { bytes: 90, ns: 80 }]), 0.25);
});
