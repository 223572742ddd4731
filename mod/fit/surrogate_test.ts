import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { playRow } from "./play.ts";
import { differences } from "../report/comparison.ts";
import { type Sloped, softMaximum, Surrogate } from "./surrogate.ts";
import { rowOf, shortCapture, TEST_PRIOR } from "./testing.ts";
import { priorShares, profileAt, unknownsOf } from "./unknowns.ts";

function sloped(value: number, ...slopes: number[]): Sloped {
  return { value, slopes: Float64Array.from(slopes) };
}

Deno.test("softMaximum() is the p-norm, with its derivatives", () => {
  // p = 2: 3, 4 -> 5, and d/da = a / 5.
  const { value, slopes } = softMaximum([sloped(3, 1, 0), sloped(4, 0, 1)], 1);
  assertAlmostEquals(value, 5, 1e-12);
  assertAlmostEquals(slopes[0]!, 3 / 5, 1e-12);
  assertAlmostEquals(slopes[1]!, 4 / 5, 1e-12);
});

Deno.test("softMaximum() of huge and of zero times is finite, and near the hard one for a high p", () => {
  assertEquals(softMaximum([sloped(0, 1), sloped(0, 2)], 6), sloped(0, 0));
  assertEquals(softMaximum([], 6).value, 0);
  fc.assert(fc.property(fc.array(fc.double({ min: 0, max: 1e12, noNaN: true }), { minLength: 1 }), (times) => {
    const { value, slopes } = softMaximum(times.map((time) => sloped(time, 1)), 6);
    const greatest = Math.max(...times);
    // n^(1/64) at most, for n equal times.
    assert(value >= greatest && value <= greatest * 1.2);
    assert(slopes[0]! >= 0 && Number.isFinite(slopes[0]!));
  }));
});

const INPUT = shortCapture(800);
const { resolved } = rowOf("a", "nocopy-gro-gso cipher=aes-gcm-256", {});
const UNKNOWNS = unknownsOf(TEST_PRIOR, [[0, 1]], () => true);
const AT = priorShares(UNKNOWNS);
const PLAYED = await playRow({ input: INPUT, resolved, profile: TEST_PRIOR });

Deno.test("Surrogate is exact where it was made, and its slopes are those of its values", () => {
  for (const doublings of [2, 4, 6]) {
    const surrogate = new Surrogate(PLAYED, TEST_PRIOR, UNKNOWNS, AT, doublings);
    const here = surrogate.predict(AT);
    for (const name of ["gbps", "cpuPercent", "rxCpuPercent"] as const) {
      assertAlmostEquals(here[name]!.value, PLAYED.figures[name]!, 1e-9);
      for (const i of UNKNOWNS.keys()) {
        const step = 1e-6;
        const [more, less] = [step, -step].map((by) => surrogate.predict(AT.with(i, AT[i]! + by))[name]!.value);
        assertAlmostEquals(here[name]!.slopes[i]!, (more! - less!) / (2 * step), 1e-4);
      }
    }
  }
});

Deno.test("Surrogate predicts a run under other prices within 2 %", async () => {
  const shares = AT.map((share, i) => i % 3 === 0 ? (1 + share) / 2 : share / 2);
  const profile = profileAt(TEST_PRIOR, UNKNOWNS, shares);
  const { figures } = await playRow({ input: INPUT, resolved, profile });
  const said = new Surrogate(PLAYED, TEST_PRIOR, UNKNOWNS, AT, 6).predict(shares);
  const values = {
    gbps: said.gbps!.value,
    cpuPercent: said.cpuPercent!.value,
    rxCpuPercent: said.rxCpuPercent!.value,
  };
  const moved = differences(PLAYED.figures, figures);
  assert(moved.some((by) => Math.abs(by!) > 5), moved.join(" "));
  for (const error of differences(figures, values)) assert(Math.abs(error!) < 2, String(error));
});
