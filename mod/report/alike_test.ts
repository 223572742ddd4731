import { assertEquals } from "@std/assert";
import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Coefficient, Profile } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { replay, type Run } from "../replay/run.ts";
import { bulk, captureOf } from "../replay/testing.ts";
import { alikeRuns } from "./alike.ts";
import { goodputRange } from "./goodput_range.ts";
import { goodputGbps } from "./rates.ts";

const FEW = captureOf(bulk(300));
const FREE_LINK = "link_gbps=100000";

function play(preset: string, profile: Profile, sets: readonly string[] = [FREE_LINK]): Promise<Run> {
  return replay({ input: FEW, resolved: resolveConfig({ preset, sets: [...sets] }), profile });
}

/** A price of each copied byte, and one of each packet that is forwarded. */
function profileOf(copy: Partial<Coefficient>, forward: Partial<Coefficient> = {}): Profile {
  const price = { low: 1, value: 1, high: 1, note: "" };
  const coefficients: Coefficient[] = [
    { ...price, event: "copy", unit: "ns/byte", source: "copies", ...copy },
    {
      ...price,
      event: "visit",
      stage: "forward",
      unit: "ns/op",
      source: "visits",
      value: 1000,
      low: 1000,
      high: 1000,
      ...forward,
    },
  ];
  return { name: "hand", description: "", clock_ghz: 1, coefficients };
}

/** Goodput with many copies, and with few. */
async function pair(profile: Profile): Promise<Run[]> {
  return [await play("baseline", profile), await play("nocopy", profile)];
}

Deno.test("alikeRuns() finds a run like itself, and one in which the same happened, whatever the prices", async () => {
  const published = PROFILES.get("published")!;
  for (const profile of [published, profileOf({})]) {
    const run = await play("nocopy", profile);
    assertEquals(alikeRuns([run, run, await play("nocopy-tx", profile)]), [[1, 2], [0, 2], [0, 1]]);
    assertEquals(alikeRuns([run]), [[]]);
  }
});

Deno.test("alikeRuns() tells apart what one price moves alike, though the ranges of both goodputs overlap", async () => {
  const source = "one publication";
  const [baseline, nocopy] = await pair(profileOf({ source, low: 0.4, high: 2.5 }, { source, low: 400, high: 2500 }));
  assertEquals(goodputRange(baseline!)!.high! > goodputRange(nocopy!)!.low, true);
  assertEquals(alikeRuns([baseline!, nocopy!]), [[], []]);
});

Deno.test("alikeRuns() tells copies from no copies unless a copy may cost nothing", async () => {
  const alike = async (low: number): Promise<number[][]> => alikeRuns(await pair(profileOf({ low })));
  assertEquals(await alike(0.1), [[], []]);
  assertEquals(await alike(0), [[1], [0]]);
});

Deno.test("alikeRuns() looks at what the ranges of two sources make together", async () => {
  // Copies cost baseline 1578 ns more per packet, tail fragments cost nocopy 78 ns: each source alone closes most of the gap.
  const alike = async (copyLow: number, tailHigh: number): Promise<number[][]> => {
    const tail = {
      event: "tail",
      reason: "fragment",
      unit: "ns/op",
      low: 78,
      value: 78,
      source: "tails",
      note: "",
    } as const;
    const profile = profileOf({ low: copyLow });
    return alikeRuns(await pair({ ...profile, coefficients: [...profile.coefficients, { ...tail, high: tailHigh }] }));
  };
  assertEquals(await alike(0.3, 78), [[], []]);
  assertEquals(await alike(1, 78 + 1100), [[], []]);
  assertEquals(await alike(0.3, 78 + 1100), [[1], [0]]);
});

Deno.test("alikeRuns() finds runs alike that fill the same link, and one whose CPU may fill it too", async () => {
  const fast = profileOf({ value: 0.5, low: 0.1, high: 0.5 });
  const [baseline, nocopy] = [
    await play("baseline", fast, ["link_gbps=2"]),
    await play("nocopy", fast, ["link_gbps=2"]),
  ];
  assertEquals(alikeRuns([baseline, nocopy]), [[1], [0]]);
  const slow = profileOf({ value: 5, low: 0.1, high: 5 });
  const [behind, full] = [await play("baseline", slow, ["link_gbps=6"]), await play("nocopy", slow, ["link_gbps=6"])];
  assertEquals(goodputGbps(behind)! < 0.5 * goodputGbps(full)!, true);
  assertEquals(alikeRuns([behind, full]), [[1], [0]]);
});

Deno.test("alikeRuns() compares ranges where the profiles are not the same", async () => {
  const [narrow, wide] = [profileOf({ low: 0.9, high: 1.1 }), profileOf({ low: 0.9, high: 3 })];
  const [baseline, nocopy] = [await play("baseline", narrow), await play("nocopy", { ...narrow, name: "other" })];
  assertEquals(alikeRuns([baseline, nocopy]), [[], []]);
  const [low, high] = [profileOf({ low: 0, high: 1 }), profileOf({}, { high: 4000 })];
  assertEquals(alikeRuns([await play("baseline", low), await play("nocopy", high)]), [[1], [0]]);
  const source = "one publication";
  const scaled = profileOf({ source, low: 0.4, high: 2.5 }, { source, low: 400, high: 2500 });
  assertEquals(alikeRuns([await play("baseline", scaled), await play("nocopy", { ...scaled, name: "other" })]), [[1], [
    0,
  ]]);
  assertEquals(alikeRuns([await play("baseline", scaled), await play("nocopy", structuredClone(scaled))]), [[], []]);
  assertEquals(alikeRuns([await play("nocopy", wide), await play("nocopy", structuredClone(wide))]), [[1], [0]]);
});

Deno.test("alikeRuns() finds a run without a goodput like no other, and runs that deliver nothing like each other", async () => {
  const profile = profileOf({});
  const one = await replay({
    input: captureOf(bulk(1)),
    resolved: resolveConfig({ preset: "nocopy", sets: [] }),
    profile,
  });
  assertEquals(goodputGbps(one), undefined);
  assertEquals(alikeRuns([one, one]), [[], []]);
  const input = captureOf([...bulk(3, { payloadBytes: 0 }), ...bulk(20)]);
  const runs: Run[] = [];
  for (const preset of ["linux-4.14", "linux-6.1", "nocopy"]) {
    runs.push(await replay({ input, resolved: resolveConfig({ preset, sets: [] }), profile }));
  }
  assertEquals(runs.map((run) => goodputGbps(run)! > 0), [false, false, true]);
  assertEquals(alikeRuns(runs), [[1], [0], []]);
});

Deno.test("alikeRuns() does not depend on the order of the runs", async () => {
  const runs: Run[] = [];
  for (const preset of Object.keys(PRESETS)) {
    runs.push(await play(preset, PROFILES.get("published")!, ["oversize=grow", "path=send"]));
  }
  const alike = alikeRuns(runs);
  alike.forEach((others, i) => others.forEach((other) => assertEquals(alike[other]!.includes(i), true)));
  const backwards = alikeRuns(runs.toReversed()).toReversed();
  assertEquals(backwards.map((others) => others.map((other) => runs.length - 1 - other).toReversed()), alike);
});
