/** `tailbits calibrate` without `--fit`, with measurements that are made up: no test looks at a clock. */

import { assertEquals, assertMatch } from "@std/assert";
import { parseProfile, type Profile } from "../cost/profile.ts";
import type { Measure } from "../machine/calibrate_here.ts";
import { FULL_TEXT_BYTES, LINE_SPAN_BYTES, LINED_WORKS, type Measured, PIECES_WORKS } from "../machine/calibration.ts";
import { calibrateCommand } from "./calibrate_command.ts";
import { type Command, parseArguments } from "./command.ts";
import { runMeasure } from "./measure_command.ts";
import { caughtOutput, inFolder, type Outcome, tailbits } from "./testing.ts";

/** A machine that takes 100 ns a call and 0.1 ns a byte for everything, and twice that in cold memory. */
const MEASURED: readonly Measured[] = [
  ...(["cold", "warm"] as const).flatMap((state) => {
    const row = (work: Measured["work"], bytes: number): Measured => {
      const ns = (100 + 0.1 * bytes) * (state === "cold" ? 2 : 1);
      return { work, bytes, state, by: "OpenSSL", nsPerCall: [ns, 1.1 * ns] };
    };
    return [
      ...LINED_WORKS.flatMap((work) => [64, FULL_TEXT_BYTES].map((bytes) => row(work, bytes))),
      ...PIECES_WORKS.map((work) => row(work, FULL_TEXT_BYTES)),
    ];
  }),
  ...Object.values(LINE_SPAN_BYTES).map((bytes): Measured => {
    return { work: "line", bytes, state: "warm", by: "JavaScript", nsPerCall: [4, 5] };
  }),
];

const madeUp: Measure = async ({ runs, progress }) => {
  await progress?.(0, runs);
  return { times: { clockGhz: [2.9, 3, 2.8], measured: MEASURED }, slowCiphers: undefined, cpuShare: 1 };
};

/** The command line with `measure` in place of the machine. */
function calibrated(args: readonly string[], measure: Measure = madeUp): Promise<Outcome> {
  const command: Command = { ...calibrateCommand, run: (parsed) => runMeasure(parsed, measure) };
  return caughtOutput(() => command.run(parseArguments(command, args)));
}

Deno.test("calibrate prints a row for each work, length and state, and says how a profile is written", async () => {
  const { code, stdout, stderr } = await calibrated([]);
  const [header, first, ...rest] = stdout.trimEnd().split("\n");
  assertEquals(code, 0);
  assertEquals(
    header,
    "kind,size_bytes,state,ns_per_call,ns_per_byte,median_ns_per_call,spread_percent,line_error_percent,runs,engine",
  );
  assertEquals(first, "copy,64,cold,212.8,3.3250,223.4,4.8,0.0,2,OpenSSL");
  assertEquals(rest.at(-1), "line,268435456,warm,4.0,,4.5,11.1,,2,JavaScript");
  assertEquals(rest.length, MEASURED.length - 1);
  assertMatch(stderr, /clock: 3\.00 GHz by an estimate from user space \(spread 3\.4 %\)/);
  assertMatch(stderr, /ciphers are those of OpenSSL/);
  assertMatch(stderr, /nothing is kept: -o FILE\.json writes a profile for --set profile=FILE\.json/);
});

Deno.test("calibrate -o writes a profile that replay takes, named after its file", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/new/mine.json`;
    const { code, stdout, stderr } = await calibrated(["-o", path, "--clock-ghz", "3.5", "--base", "netdev11"]);
    assertEquals([code, stdout.startsWith("kind,")], [0, true]);
    assertMatch(stderr, /the profile is written: --set profile=.*new\/mine\.json uses it/);
    const profile = parseProfile(await Deno.readTextFile(path), "mine.json");
    assertEquals([profile.name, profile.base, profile.clock_ghz], ["mine", "netdev11", 3.5]);
    assertMatch(profile.description, /Clock: 3\.5 GHz as given; 3\.00 GHz by an estimate/);
    assertEquals([...Deno.readDirSync(`${folder}/new`)].map(({ name }) => name), ["mine.json"]);
    const args = ["replay", "fixtures/exchange-tcp-ipv4.pcap", "-q", "--columns", "profile", "--format", "csv"];
    const replayed = await tailbits([...args, "--set", `profile=${path}`]);
    assertEquals([replayed.code, replayed.stdout], [0, "profile\nmine\n"]);
  });
});

Deno.test("calibrate -o - prints the profile alone, the same for the same measurements", async () => {
  const first = await calibrated(["-o", "-", "--name", "a machine", "--description", "My own", "-q"]);
  assertEquals([first.code, first.stderr], [0, ""]);
  const { name, description, base } = parseProfile(first.stdout, "stdout");
  assertEquals([name, description, base], ["a machine", "My own", "published"]);
  assertEquals(first, await calibrated(["-o", "-", "--name", "a machine", "--description", "My own", "-q"]));
});

Deno.test("calibrate warns where ciphers are slow, and where other work has disturbed it", async () => {
  const { stderr } = await calibrated([], async (options) => {
    return { ...await madeUp(options), slowCiphers: "--allow-ffi is not granted", cpuShare: 0.5 };
  });
  assertMatch(stderr, /Warning: ciphers are those of noble, far slower than a kernel's: --allow-ffi is not granted/);
  assertMatch(stderr, /Warning: other work left 50 % of a CPU/);
});

Deno.test("calibrate --runs is how often it is measured", async () => {
  const asked: number[] = [];
  const counting: Measure = (options) => {
    asked.push(options.runs);
    return madeUp(options);
  };
  await calibrated(["--runs", "7", "-q"], counting);
  await calibrated(["-q"], counting);
  assertEquals(asked, [7, 25]);
});

Deno.test("calibrate --memory warm writes what was measured in warm memory, and says so", async () => {
  const profiles: Profile[] = [];
  for (const memory of [[], ["--memory", "cold"], ["--memory", "warm"]]) {
    profiles.push(parseProfile((await calibrated(["-o", "-", "-q", ...memory])).stdout, "stdout"));
  }
  const copies = profiles.map(({ coefficients }) => {
    const { value, high } = coefficients.find(({ event, unit }) => event === "copy" && unit === "ns/byte")!;
    return [value, high];
  });
  assertEquals(copies, [[0.2, 0.215], [0.2, 0.215], [0.1, 0.215]]);
  assertEquals(profiles.map(({ description }) => description.includes("--memory warm")), [false, false, true]);
});

/** Command lines that are refused before anything is measured, and what is said. */
const REFUSED: readonly (readonly [args: readonly string[], message: string])[] = [
  [["capture.pcap"], "Cannot measure a capture: calibrate measures this machine, and plays captures with --fit only"],
  [["--base", "publishd"], "Cannot use --base publishd: no such profile comes with tailbits, the nearest is published"],
  [["--clock-ghz", "0"], "Cannot use --clock-ghz 0: it takes a number from 0.1 to 10, in GHz"],
  [["--clock-ghz", "3400"], "Cannot use --clock-ghz 3400: it takes a number from 0.1 to 10, in GHz"],
  [["--clock-ghz", "fast"], "Cannot use --clock-ghz fast: it takes a number from 0.1 to 10, in GHz"],
  [["--memory", "hot"], "Cannot use --memory hot: it takes cold or warm"],
  [["--runs", "0"], "Cannot use --runs 0: it takes a whole number from 1 to 1000"],
  [["--runs", "2.5"], "Cannot use --runs 2.5: it takes a whole number from 1 to 1000"],
  [["--runs", "3", "--runs", "4"], "Cannot use --runs more than once: it was given 2 times"],
  [["-o", "-", "--format", "json"], "Cannot use --format with -o -: stdout takes the profile"],
  [["--format", "cvs"], "Cannot use --format cvs: it takes table, csv, json, md (nearest: csv)"],
  [["--columns", "kinds"], "Cannot print column kinds: there is no such column, the nearest is kind"],
  [["--tie", "a=b"], "Cannot use --tie without --fit"],
  [["--fit", "rows.csv", "--memory", "warm"], "Cannot use --memory with --fit: it measures nothing"],
  [["--fit", "rows.csv", "--runs", "3"], "Cannot use --runs with --fit: it measures nothing"],
];

for (const [args, message] of REFUSED) {
  Deno.test(`calibrate ${args.join(" ")}: exit 2`, async () => {
    const { code, stdout, stderr } = await tailbits(["calibrate", ...args]);
    assertEquals([code, stdout, stderr], [2, "", `tailbits: ${message}\n`]);
  });
}

Deno.test("calibrate -o into a folder that is a file: exit 4, before anything is measured", async () => {
  const { code, stderr } = await tailbits(["calibrate", "-o", "deno.json/mine.json"]);
  assertEquals(code, 4);
  assertMatch(stderr, /^tailbits: Cannot (make folder|write) deno\.json/);
});
