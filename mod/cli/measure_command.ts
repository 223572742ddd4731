/**
 * `tailbits calibrate` without `--fit`: a cost profile of what this machine was measured to take.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import type { Profile } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import type { CalibrationTimes } from "../machine/calibrate.ts";
import { calibrateHere, type Measure } from "../machine/calibrate_here.ts";
import { calibratedProfile } from "../machine/calibrate_profile.ts";
import type { MachineClock, MemoryState } from "../machine/calibration.ts";
import { spreadOf } from "../machine/statistics.ts";
import { MEASURED_COLUMNS, measuredRows } from "./calibrate_table.ts";
import type { Arguments, Flag } from "./command.ts";
import { columnsFrom, csvStyleFrom } from "./csv_flags.ts";
import { EXIT, UsageError } from "./errors.ts";
import { formatFrom, render } from "./formats.ts";
import { baseName } from "./inputs.ts";
import { beginFile } from "./outputs.ts";
import { StatusLine } from "./progress.ts";
import { say, writeOut } from "./terminal.ts";

const DEFAULT_RUNS = 25;
const MOST_RUNS = 1000;
const DEFAULT_BASE = "published";
/** Values of `--memory`, the default first. */
const MEMORY: readonly MemoryState[] = ["cold", "warm"];
/** Name of a profile that no file gives one. */
const DEFAULT_NAME = "calibrated";
/** Clocks that a CPU may have, in GHz. */
const LEAST_GHZ = 0.1;
const MOST_GHZ = 10;
/** A process that had a CPU for less of the time was disturbed. */
const UNDISTURBED_SHARE = 0.95;
/** A profile on stdout. */
const STDOUT = "-";

/** Flags of `calibrate` that only measuring has. */
export const MEASURE_FLAGS: readonly Flag[] = [
  {
    name: "base",
    value: "PROFILE",
    doc: "Profile whose prices hold for what is not measured, such as the kernel's work on each packet; published.",
  },
  { name: "clock-ghz", value: "GHZ", doc: "Clock of this machine; without it an estimate from user space." },
  {
    name: "memory",
    value: "STATE",
    doc: "Where bytes lie that nobody has touched: cold, as after DMA, or warm, in caches, as those of bench; cold.",
  },
  { name: "runs", value: "N", doc: "Measure in so many runs, 1 to 1000; 25, which take 5 to 30 seconds." },
];

/** Measures (tests have another way to), prints what was measured, and writes the profile where `-o` says so. */
export async function runMeasure(args: Arguments, measure: Measure = calibrateHere): Promise<number> {
  if (args.operands.length > 0) {
    throw new UsageError(
      "Cannot measure a capture: calibrate measures this machine, and plays captures with --fit only",
    );
  }
  const base = baseFrom(args.one("base") ?? DEFAULT_BASE);
  const givenGhz = clockFrom(args.one("clock-ghz"));
  const memory = memoryFrom(args.one("memory"));
  const runs = runsFrom(args.one("runs"));
  const table = tableFrom(args);
  const out = args.one("out");
  const file = out === undefined || out === STDOUT ? undefined : beginFile(out);
  const line = new StatusLine(args.has("quiet"));
  const progress = (done: number, of: number) => line.showAndWait(`calibrate: ${done} of ${of} runs`);
  const { times, slowCiphers, cpuShare } = await measure({ runs, progress });
  line.clear();
  const clock = clockOf(times, givenGhz);
  const name = args.one("name") ?? nameOf(out);
  const profile = described(calibratedProfile(name, { clock, measured: times.measured }, base, memory), args);
  const text = JSON.stringify(profile, null, 2) + "\n";
  file?.write(new TextEncoder().encode(text));
  file?.commit();
  writeOut(out === STDOUT ? text : table(times));
  if (!args.has("quiet")) {
    sayHow(clock, slowCiphers, cpuShare);
    sayWhatFollows(out);
  }
  return EXIT.ok;
}

function baseFrom(name: string): Profile {
  const base = PROFILES.get(name);
  if (base !== undefined) return base;
  const near = nearest(name, [...PROFILES.keys()]);
  const hint = near === undefined ? `there are ${[...PROFILES.keys()].join(", ")}` : `the nearest is ${near}`;
  throw new UsageError(`Cannot use --base ${name}: no such profile comes with tailbits, ${hint}`);
}

function clockFrom(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ghz = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (ghz >= LEAST_GHZ && ghz <= MOST_GHZ) return ghz;
  throw new UsageError(`Cannot use --clock-ghz ${text}: it takes a number from ${LEAST_GHZ} to ${MOST_GHZ}, in GHz`);
}

function memoryFrom(text: string | undefined): MemoryState {
  if (text === undefined) return MEMORY[0]!;
  const memory = MEMORY.find((each) => each === text);
  if (memory !== undefined) return memory;
  throw new UsageError(`Cannot use --memory ${text}: it takes ${MEMORY.join(" or ")}`);
}

function runsFrom(text: string | undefined): number {
  if (text === undefined) return DEFAULT_RUNS;
  const runs = /^\d{1,4}$/.test(text) ? Number(text) : NaN;
  if (runs >= 1 && runs <= MOST_RUNS) return runs;
  throw new UsageError(`Cannot use --runs ${text}: it takes a whole number from 1 to ${MOST_RUNS}`);
}

/** Flags about the table are looked at before anything is measured. */
function tableFrom(args: Arguments): (times: CalibrationTimes) => string {
  if (args.one("out") === STDOUT && args.one("format") !== undefined) {
    throw new UsageError("Cannot use --format with -o -: stdout takes the profile");
  }
  const format = formatFrom(args.one("format"));
  const style = csvStyleFrom(args);
  const columns = columnsFrom(args, MEASURED_COLUMNS) ?? MEASURED_COLUMNS;
  return ({ measured }) => render(format, columns, columns, measuredRows(measured), style);
}

function nameOf(out: string | undefined): string {
  if (out === undefined || out === STDOUT) return DEFAULT_NAME;
  return baseName(out).replace(/\.json$/, "") || DEFAULT_NAME;
}

function described(profile: Profile, args: Arguments): Profile {
  const description = args.one("description");
  return description === undefined ? profile : { ...profile, description };
}

/** The clock that was given, or the fastest of the estimates: the others were disturbed. */
function clockOf({ clockGhz }: CalibrationTimes, givenGhz: number | undefined): MachineClock {
  const { high, spreadPercent } = spreadOf(clockGhz);
  const estimate = `${high.toFixed(2)} GHz by an estimate from user space (spread ${spreadPercent.toFixed(1)} %)`;
  if (givenGhz === undefined) return { ghz: high, source: estimate };
  return { ghz: givenGhz, source: `${givenGhz} GHz as given; ${estimate}` };
}

function sayHow(clock: MachineClock, slowCiphers: string | undefined, cpuShare: number): void {
  say(`tailbits: Note: clock: ${clock.source}`);
  if (slowCiphers === undefined) say("tailbits: Note: ciphers are those of OpenSSL through foreign functions");
  else say(`tailbits: Warning: ciphers are those of noble, far slower than a kernel's: ${slowCiphers}`);
  if (cpuShare >= UNDISTURBED_SHARE) return;
  const percent = Math.round(100 * cpuShare);
  say(`tailbits: Warning: other work left ${percent} % of a CPU to this: times may be too long, and ranges are wide`);
}

function sayWhatFollows(out: string | undefined): void {
  if (out === undefined) {
    say("tailbits: Note: nothing is kept: -o FILE.json writes a profile for --set profile=FILE.json");
  } else if (out !== STDOUT) say(`tailbits: Note: the profile is written: --set profile=${asProfile(out)} uses it`);
}

/** A path that is not taken for the name of a profile that comes with tailbits. */
function asProfile(path: string): string {
  return path.includes("/") || path.endsWith(".json") ? path : `./${path}`;
}
