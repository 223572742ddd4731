/** Timed passes and the rows made of them; nothing here depends on how long anything takes. */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { ConfigError } from "../config/errors.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { fastestEngine } from "../crypto/engines.ts";
import { renderCsv } from "../report/columns.ts";
import { bulk, captureOf } from "../replay/testing.ts";
import { bench, type Benched, type BenchJob } from "./bench.ts";
import { BENCH_COLUMNS, benchRows } from "./bench_rows.ts";
import { addSum } from "./byte_program.ts";
import type { PieceCipher } from "./primitives.ts";
import { ciphersOf, isRight, record } from "./testing.ts";
import { passesOfRun, ProgramTimer, type RunTimes } from "./timed_passes.ts";

function job(preset: string, sets: readonly string[] = [], packets = 12): BenchJob {
  const input = captureOf(bulk(packets));
  return { input, resolved: resolveConfig({ preset, sets }), profile: PROFILES.get("published")! };
}

Deno.test("ProgramTimer does all operations in the whole pass and in that of the rows, and its rows add up", async () => {
  const { program } = await record(captureOf(bulk(30)), "linux-6.1", ["path=send"]);
  let sealed = 0;
  const counting = ciphersOf(program).map((cipher): PieceCipher => ({
    seal(request) {
      sealed += 1;
      cipher.seal(request);
    },
    open: (request) => cipher.open(request),
  }));
  const timer = new ProgramTimer(program, counting);
  program.begin();
  timer.begin();
  timer.pass();
  const seals = program.parts.rows.find(({ kind }) => kind === "seal")!.operations;
  assertEquals(sealed, 2 * seals);
  assertEquals(program.sums, addSum(program.parts.sums, program.parts.sums));
  assert(program.parts.sums > 0);
  const { totalNs, rowNs } = timer.finish();
  assertEquals(rowNs.length, program.parts.rows.length + 1);
  assertAlmostEquals(rowNs.reduce((sum, ns) => sum + ns, 0), totalNs, 1e-3);
  assert(isRight(program));
});

Deno.test("passesOfRun() makes many passes of what is short, one of what is long", () => {
  assertEquals([0, 1e3, 10e6, 25e6, 1e9].map(passesOfRun), [101, 101, 6, 3, 1]);
});

Deno.test("bench() gives one row for each stage and kind, and one for all; work and prediction are the model's", async () => {
  const rows = benchRows(await bench([job("baseline"), job("nocopy")], { runs: 2, maxPackets: 10 }));
  assertEquals(rows.map(({ config, stage, kind, operations, bytes }) => [config, stage, kind, operations, bytes]), [
    ["baseline", "driver-rx", "copy", 10, 560],
    ["baseline", "esp-output", "copy", 20, 15780],
    ["baseline", "esp-output", "seal", 10, 15040],
    ["baseline", "all", "all", 40, 31380],
    ["nocopy", "driver-rx", "copy", 10, 560],
    ["nocopy", "esp-output", "seal", 10, 15040],
    ["nocopy", "all", "all", 20, 15600],
  ]);
  for (const row of rows) {
    assertEquals([row.packets, row.runs, row.engine, row.frameBytes], [10, 2, fastestEngine(), 15140]);
    assertEquals(row.ratio === undefined || row.ratio.low === undefined, true);
  }
  const [copies, seals, all] = [rows[1]!, rows[2]!, rows[3]!].map(({ predictedNs }) => predictedNs);
  assertAlmostEquals(rows[0]!.predictedNs + copies! + seals!, all!, 1e-6);
  assert(rows[6]!.predictedRatio! < 1);
});

Deno.test("bench() predicts no waking of processes, and moves as many bytes whatever that costs", async () => {
  const published = PROFILES.get("published")!;
  const withoutWaking = published.coefficients.filter(({ reason }) => reason !== "user-read");
  assertEquals(published.coefficients.length - withoutWaking.length, 1);
  const jobs = [published, { ...published, coefficients: withoutWaking }].map((profile) => {
    return { ...job("nocopy", ["path=receive"]), profile };
  });
  const [woken, unwoken] = benchRows(await bench(jobs, { runs: 1, maxPackets: 10 })).filter(({ kind }) => {
    return kind === "user-copy";
  });
  // 0.2 ns a byte.
  assertEquals([woken!.predictedNs, unwoken!.predictedNs], [0.2 * woken!.bytes, 0.2 * woken!.bytes]);
});

Deno.test("bench() without IPsec has no engine, and a configuration without byte work has an empty row", async () => {
  const plain = await bench([job("linux-6.1", ["mode=none"])], { runs: 1, maxPackets: 5 });
  assertEquals(plain.map(({ engine }) => engine), [undefined]);
  const nothing = await bench([job("nocopy", ["mode=none", "rx_layout=build-skb"])], { runs: 1, maxPackets: 5 });
  const [header, row] = renderCsv(BENCH_COLUMNS, benchRows(nothing)).split("\n");
  assertEquals(header!.split(",").length, row!.split(",").length);
  assertEquals(row, "nocopy,all,all,0,0,0.0,,0.0000,0.0000,0.0000,,,,,,1,,0.0,");
});

Deno.test("bench() refuses an engine that does not encrypt", async () => {
  await assertRejects(
    () => bench([job("nocopy", ["engine=skip"])], { runs: 1, maxPackets: 5 }),
    ConfigError,
    "Cannot bench nocopy: with engine=skip nothing would be encrypted",
  );
});

/** A configuration that was timed, with times of our choice. */
async function benchedAs(name: string, runs: readonly RunTimes[]): Promise<Benched> {
  const { program } = await record(captureOf(bulk(10)), "nocopy");
  const packets = { ...program.parts, packets: 10, frameBytes: 15140 };
  return {
    name,
    engine: "noble",
    program: { ...program, parts: packets } as typeof program,
    times: runs,
    warnings: [],
  };
}

Deno.test("benchRows() compares row by row with the first configuration, run by run", async () => {
  const timesOf = (pull: number, seal: number): RunTimes => {
    return { totalNs: pull + seal, rowNs: Float64Array.of(0, pull, seal) };
  };
  const first = await benchedAs("a", [10, 20, 30, 40, 50, 60].map((pull) => timesOf(pull, 1000)));
  const second = await benchedAs("b", [20, 40, 60, 80, 100, 120].map((pull) => timesOf(pull, 500)));
  const lines = renderCsv(BENCH_COLUMNS, benchRows([first, second])).trim().split("\n").slice(1);
  assertEquals(lines.map((line) => line.split(",").slice(0, 17).join(",")), [
    "a,driver-rx,copy,10,560,3.5,0.0625,0.0000,0.0000,0.0001,71.4,3460.571,,,,6,noble",
    "a,esp-output,seal,10,15040,100.0,0.0665,0.0010,0.0010,0.0010,0.0,121.120,,,,6,noble",
    "a,all,all,20,15600,103.5,0.0663,0.0010,0.0010,0.0011,2.4,117.024,,,,6,noble",
    "b,driver-rx,copy,10,560,7.0,0.1250,0.0001,0.0000,0.0001,71.4,1730.286,2.000,2.000,2.000,6,noble",
    "b,esp-output,seal,10,15040,50.0,0.0332,0.0005,0.0005,0.0005,0.0,242.240,0.500,0.500,0.500,6,noble",
    "b,all,all,20,15600,57.0,0.0365,0.0006,0.0005,0.0006,8.8,212.491,0.551,0.515,0.585,6,noble",
  ]);
});
