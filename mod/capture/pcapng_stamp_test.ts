import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { StampScale } from "./pcapng_stamp.ts";

/** The rule in its plainest form. */
function expected(resolution: number, stamp: bigint): [seconds: bigint, nanoseconds: bigint] {
  const digits = BigInt(resolution & 0x7f);
  const ns = stamp * 1_000_000_000n / (resolution & 0x80 ? 2n ** digits : 10n ** digits);
  return [ns / 1_000_000_000n, ns % 1_000_000_000n];
}

function assertScaled(resolution: number, stamp: bigint): void {
  const scale = new StampScale(resolution, 0);
  scale.read(Number(stamp >> 32n), Number(stamp & 0xffffffffn));
  const [seconds, nanoseconds] = expected(resolution, stamp);
  // Seconds above 2^53 are not times, and are only near.
  assertEquals([scale.seconds, scale.nanoseconds], [Number(seconds), Number(nanoseconds)], `${resolution} ${stamp}`);
}

const CORNERS = [0n, 1n, 0xffffffffn, 1n << 32n, (1n << 32n) + 1n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];

Deno.test("StampScale.read() takes any stamp of any of the 256 resolutions apart as BigInt does", () => {
  for (let resolution = 0; resolution < 256; resolution++) {
    for (const stamp of CORNERS) assertScaled(resolution, stamp);
    for (let bit = 0n; bit < 64n; bit++) {
      assertScaled(resolution, (1n << bit) - 1n);
      assertScaled(resolution, ((1n << 64n) - 1n) ^ ((1n << bit) - 1n));
    }
  }
});

Deno.test("StampScale.read() agrees with BigInt where a binary stamp is next to a whole nanosecond", () => {
  // A nanosecond has 2^(digits - 9) / 5^9 units; these stamps miss a whole one by the least there is, on either side.
  for (let digits = 10n; digits <= 72n; digits++) {
    const modulus = 1n << (digits - 9n);
    let inverse = 1n; // Of 5^9, by Newton's iteration.
    for (let bits = 1n; bits < digits; bits *= 2n) inverse = inverse * (2n - 5n ** 9n * inverse) % modulus;
    inverse = (inverse + modulus) % modulus;
    for (const stamp of [inverse, modulus - inverse, (inverse + 1n) % modulus, (modulus - inverse + 1n) % modulus]) {
      assertEquals(stamp * 5n ** 9n % modulus === modulus - 1n, stamp === modulus - inverse);
      for (const seconds of [0n, 1n << digits, 1000n << digits]) assertScaled(0x80 + Number(digits), stamp + seconds);
    }
  }
});

Deno.test("StampScale.read() agrees with BigInt about random stamps", () => {
  fc.assert(
    fc.property(fc.nat(255), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.nat(63), (resolution, stamp, shift) => {
      assertScaled(resolution, stamp >> BigInt(shift));
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("StampScale.read() agrees with BigInt where a decimal stamp is next to a whole second or nanosecond", () => {
  for (let digits = 0; digits <= 19; digits++) {
    for (const seconds of [0n, 1n, 1_600_000_000n, 4_294_967_295n]) {
      for (const unit of [10n ** BigInt(digits), 10n ** BigInt(Math.max(0, digits - 9))]) {
        const whole = seconds * 10n ** BigInt(digits) + 7n * unit;
        if (whole < 1n << 64n) { for (const stamp of [whole - 1n, whole, whole + 1n]) assertScaled(digits, stamp); }
      }
    }
  }
});

Deno.test("StampScale.read() adds the offset of the interface, which may be negative", () => {
  for (const offsetSeconds of [0, 1_600_000_000, -3]) {
    const scale = new StampScale(6, offsetSeconds);
    scale.read(0, 2_000_001);
    assertEquals([scale.seconds, scale.nanoseconds], [2 + offsetSeconds, 1000]);
    scale.read(0, 1);
    assertEquals([scale.seconds, scale.nanoseconds], [offsetSeconds, 1000]);
  }
});
