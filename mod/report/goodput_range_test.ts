import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import fc from "fast-check";
import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Coefficient, Profile } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type CaptureInput, replay, type Run } from "../replay/run.ts";
import { bulk, captureOf } from "../replay/testing.ts";
import { interleaved } from "../stages/testing.ts";
import { busyTimesOf, limitsOf, stretchOf } from "./bottleneck.ts";
import { mainSource, shifted, shiftsOf } from "./cost_shifts.ts";
import { goodputRange } from "./goodput_range.ts";
import { goodputGbps } from "./rates.ts";
import { SUMMARY_COLUMNS } from "./summary.ts";

const PUBLISHED = PROFILES.get("published")!;
const FREE_LINK = "link_gbps=100000";
const FIXTURE: CaptureInput = {
  name: "bulk",
  open: () => Deno.open(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url)),
};
const FEW = captureOf(bulk(400));

interface Range {
  readonly low: number;
  readonly value: number;
  readonly high: number;
}

/** A profile of one price per visit of a stage, in ns. */
function profileOf(prices: readonly (Range & { stage: string; source: string })[]): Profile {
  const coefficients: Coefficient[] = prices.map((price) => ({ ...price, event: "visit", unit: "ns/op", note: "" }));
  return { name: "hand", description: "", clock_ghz: 1, coefficients };
}

function play(input: CaptureInput, preset: string, sets: readonly string[], profile: Profile): Promise<Run> {
  return replay({ input, resolved: resolveConfig({ preset, sets: [...sets] }), profile });
}

Deno.test("goodputRange() is the goodput itself where no price has a range", async () => {
  const profile = profileOf([{ stage: "forward", source: "a", low: 700, value: 700, high: 700 }]);
  const run = await play(FEW, "nocopy", [FREE_LINK], profile);
  const goodput = goodputGbps(run)!;
  assertEquals(goodputRange(run), { low: goodput, high: goodput });
});

/** Each packet pays both prices once: 1500 ns; together 2100 at most and 1200 at least. */
const DRIVER = { stage: "driver-rx", low: 800, value: 1000, high: 1500 };
const FORWARD = { stage: "forward", low: 400, value: 500, high: 600 };

Deno.test("goodputRange() moves the prices of one source together", async () => {
  const profile = profileOf([{ ...DRIVER, source: "a" }, { ...FORWARD, source: "a" }]);
  const run = await play(FEW, "nocopy", [FREE_LINK], profile);
  const { low, high } = goodputRange(run)!;
  assertAlmostEquals(low, goodputGbps(run)! * 1500 / 2100, 1e-9);
  assertAlmostEquals(high!, goodputGbps(run)! * 1500 / 1200, 1e-9);
});

Deno.test("goodputRange() takes different sources for independent: root of the sum of squares", async () => {
  const profile = profileOf([{ ...DRIVER, source: "a" }, { ...FORWARD, source: "b" }]);
  const run = await play(FEW, "nocopy", [FREE_LINK], profile);
  const { low, high } = goodputRange(run)!;
  assertAlmostEquals(low, goodputGbps(run)! * 1500 / (1500 + Math.sqrt(500 * 500 + 100 * 100)), 1e-9);
  assertAlmostEquals(high!, goodputGbps(run)! * 1500 / (1500 - Math.sqrt(200 * 200 + 100 * 100)), 1e-9);
});

Deno.test("goodputRange() ends where the link is full, and is but a point where it is full already", async () => {
  const profile = profileOf([{ stage: "forward", source: "a", low: 0, value: 2000, high: 4000 }]);
  const busy = await play(FEW, "nocopy", ["link_gbps=10"], profile);
  const { first, next } = limitsOf(busy)!;
  assertEquals([first, next!.name], ["net-cpu", "link"]);
  const range = goodputRange(busy)!;
  assertAlmostEquals(range.high!, next!.gbps!, 1e-9);
  assertAlmostEquals(range.low, goodputGbps(busy)! / 2, 1e-9);
  const full = await play(FEW, "nocopy", ["link_gbps=1"], profile);
  const goodput = goodputGbps(full)!;
  assertEquals([limitsOf(full)!.first, goodputRange(full)], ["link", { low: goodput, high: goodput }]);
});

Deno.test("goodputRange() leaves a run as it is that waits for its traffic, until a CPU is too busy for it", async () => {
  const priceUpTo = (high: number): Profile =>
    profileOf([{ stage: "forward", source: "a", low: 0, value: 1000, high }]);
  const run = await play(FEW, "nocopy", [FREE_LINK, "pace=rate:4"], priceUpTo(2000));
  const goodput = goodputGbps(run)!;
  assertEquals([limitsOf(run)!.first, goodputRange(run)], ["traffic", { low: goodput, high: goodput }]);
  const utilisation = Math.max(...run.busyNs) / run.elapsedNs;
  const { low, high } = goodputRange({ ...run, profile: priceUpTo(8000) })!;
  assertAlmostEquals(low, goodput / (8 * utilisation), 1e-9);
  assertEquals(high, goodput);
});

Deno.test("goodputRange() of a run that waits for its window is no point, and holds second runs with a source at its ends", async () => {
  const sets = ["path=host-to-host", "window_kib=64", "link_delay_us=100"];
  const run = await play(FIXTURE, "linux-6.1-module", sets, PUBLISHED);
  assertEquals(limitsOf(run)!.first, "window");
  const goodput = goodputGbps(run)!;
  const { low, high } = goodputRange(run)!;
  assert(low < 0.95 * goodput && 1.05 * goodput < high!, `${low} ${goodput} ${high}`);
  for (const source of ["copy-sg", "gcm-haswell-mix"]) {
    for (const end of ["low", "high"] as const) {
      const coefficients = PUBLISHED.coefficients.map((coefficient) => {
        return mainSource(coefficient) === source ? { ...coefficient, value: coefficient[end] } : coefficient;
      });
      const second = goodputGbps(await play(FIXTURE, "linux-6.1-module", sets, { ...PUBLISHED, coefficients }))!;
      assert(low < second && second < high! && (second > goodput) === (end === "low"), `${source} ${end}: ${second}`);
    }
  }
});

Deno.test("goodputRange() ends at what was offered where the CPU drops some of it", async () => {
  const profile = profileOf([{ stage: "forward", source: "a", low: 0, value: 3000, high: 3000 }]);
  const run = await play(captureOf(bulk(4000)), "nocopy", [FREE_LINK, "pace=rate:8"], profile);
  const { first, next } = limitsOf(run)!;
  assertEquals([first, next!.name], ["net-cpu", "traffic"]);
  assertAlmostEquals(goodputRange(run)!.high!, next!.gbps!, 1e-9);
});

Deno.test("goodputRange() knows no upper end where nothing would limit a receiver", async () => {
  const profile = profileOf([{ stage: "esp-input", source: "a", low: 0, value: 1000, high: 1000 }]);
  const run = await play(FEW, "linux-6.1", ["path=receive"], profile);
  assertEquals(goodputRange(run), { low: goodputGbps(run)!, high: undefined });
});

Deno.test("low <= goodput <= high for every preset on the bulk fixture", async () => {
  const cell = (run: Run, name: string): number => {
    return SUMMARY_COLUMNS.find((column) => column.name === name)!.value({ number: 1, run }) as number;
  };
  for (const preset of Object.keys(PRESETS)) {
    const run = await play(FIXTURE, preset, ["oversize=grow"], PUBLISHED);
    const [low, goodput, high] = ["goodput_gbps_low", "goodput_gbps", "goodput_gbps_high"].map((name) =>
      cell(run, name)
    );
    assert(0 < low! && low! <= goodput! && goodput! <= high!, `${preset} ${low} ${goodput} ${high}`);
  }
});

Deno.test("a wider range of any price never makes the range of the goodput narrower", async () => {
  const run = await play(captureOf(interleaved(4, 40)), "nocopy-gro-gso", ["era=6.1", "net_cpus=2"], PUBLISHED);
  const { coefficients } = PUBLISHED;
  const before = goodputRange(run)!;
  const anyPrice = fc.record({ index: fc.nat(coefficients.length - 1), down: fc.double(UNIT), up: fc.double(UNIT) });
  fc.assert(fc.property(anyPrice, ({ index, down, up }) => {
    const { low, high } = coefficients[index]!;
    const wider = { ...coefficients[index]!, low: low * (1 - down), high: high * (1 + up) };
    const after = goodputRange({ ...run, profile: { ...PUBLISHED, coefficients: coefficients.with(index, wider) } })!;
    assert(
      after.low <= before.low && after.high! >= before.high!,
      `${before.low} ${before.high} ${after.low} ${after.high}`,
    );
  }));
});

const UNIT = { min: 0, max: 1, noNaN: true };

/** Configuration, and how far off the first order may be, in percent of the goodput of a second run. */
const CASES: [input: CaptureInput, preset: string, sets: string[], percent: number][] = [
  [FEW, "baseline", [], 0.2],
  [FEW, "callback", [], 0.5],
  [FEW, "linux-6.1", ["path=receive"], 0.5],
  [captureOf(interleaved(8, 200)), "nocopy", ["net_cpus=4", FREE_LINK], 3],
  [captureOf(interleaved(8, 200)), "nocopy-gro-gso", ["era=6.1", "net_cpus=8", FREE_LINK], 3],
  [FIXTURE, "linux-6.1-module", ["path=host-to-host", "link_gbps=40"], 2],
];

for (const [input, preset, sets, percent] of CASES) {
  Deno.test(`the first order is a second run within ${percent} %: each source, ${preset} ${sets.join(" ")}`, async () => {
    const run = await play(input, preset, sets, PUBLISHED);
    const goodput = goodputGbps(run)!;
    const estimates = [...shiftsOf(run)].flatMap(([source, shift]) => {
      return (["low", "high"] as const).map((end) => {
        return { source, end, estimated: goodput / stretchOf(run, shifted(busyTimesOf(run), shift[end]))! };
      });
    });
    const off = (gbps: number): number => Math.abs(gbps / goodput - 1);
    const largest = estimates.toSorted((a, b) => off(b.estimated) - off(a.estimated)).slice(0, 6);
    assert(off(largest[0]!.estimated) > 0.02);
    for (const { source, end, estimated } of largest) {
      const coefficients = PUBLISHED.coefficients.map((coefficient) => {
        return mainSource(coefficient) === source ? { ...coefficient, value: coefficient[end] } : coefficient;
      });
      const second = goodputGbps(await play(input, preset, sets, { ...PUBLISHED, coefficients }))!;
      assert(
        Math.abs(estimated / second - 1) < percent / 100,
        `${source} ${end}: ${estimated}, second run ${second} Gbps`,
      );
    }
  });
}
