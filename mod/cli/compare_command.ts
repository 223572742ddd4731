/**
 * `tailbits compare`: several configurations over the same captures, one row each.
 *
 * @module
 */

import { describeIdle } from "../config/idle.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import { needsSurvey } from "../replay/locality.ts";
import { replay, type Run } from "../replay/run.ts";
import { renderCsv } from "../report/columns.ts";
import { type NumberedRun, SUMMARY_COLUMNS, TABLE_COLUMNS } from "../report/summary.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, UsageError } from "./errors.ts";
import { formatFrom, render } from "./formats.ts";
import { baseName, captureInputs, configFrom, profileFrom } from "./inputs.ts";
import { writeFiles } from "./outputs.ts";
import { withProgress } from "./progress.ts";
import { addRunFiles, sayFailures, sayWarnings } from "./run_files.ts";
import { say, writeOut } from "./terminal.ts";

/** Compared when `-c` does not say what: the presets of the design's default that are built, and the merged nocopy. */
const DEFAULT_CONFIGS = "baseline,nocopy,nocopy-gro";

/** The verb. */
export const compareCommand: Command = {
  name: "compare",
  operands: "CAPTURE... [-c A,B,...] [--set key=value]... [-o DIR]",
  summary: "Replay captures through several configurations, one row each.",
  doc: "Replays captures through several configurations and prints one row of summary.csv for each.\n" +
    "-o writes DIR/summary.csv, and DIR/CONFIG/copies.csv and run.json for each configuration.",
  flags: [
    {
      name: "config",
      short: "c",
      value: "A,B,...",
      repeats: true,
      doc: `Presets or JSONC files; default ${DEFAULT_CONFIGS}.`,
    },
    { name: "set", value: "KEY=VALUE", repeats: true, doc: "Change one key in all of them; may be repeated." },
    { name: "out", short: "o", value: "DIR", doc: "Write the traces there." },
    { name: "format", value: "FORMAT", doc: "What to print: table, csv, json or md." },
    { name: "check", doc: "Encrypt, open every packet again, hold the laws against the ledger; exit 1 on a failure." },
  ],
  plannedFlags: ["report", "trace", "columns", "delimiter", "bom"],
  examples: [
    "tailbits compare fixtures/bulk-tcp-ipv4.pcap --format table",
    "tailbits compare trace.pcap -c baseline,nocopy,my.jsonc -o out",
  ],
  run: runCompare,
};

async function runCompare(args: Arguments): Promise<number> {
  const format = formatFrom(args.one("format"));
  const named = args.all("config").length === 0 ? [DEFAULT_CONFIGS] : args.all("config");
  const configs: ResolvedConfig[] = [];
  for (const name of named.flatMap((list) => list.split(","))) configs.push(await configFrom(name, args.all("set")));
  refuseSameNames(configs);
  const profiles: Profile[] = [];
  for (const config of configs) profiles.push(await profileFrom(config));
  const passes = configs.reduce((sum, { config }) => sum + (needsSurvey(config) ? 2 : 1), 0);
  const inputs = await captureInputs(args.operands, passes);
  const runs: NumberedRun[] = [];
  for (const input of inputs) {
    for (const [i, resolved] of configs.entries()) {
      const shown = args.has("quiet") ? input : withProgress(input, `compare ${resolved.name}`);
      const request = { input: shown, resolved, profile: profiles[i]!, check: args.has("check") };
      runs.push({ number: runs.length + 1, run: await replay(request) });
    }
  }
  const folder = args.one("out");
  if (folder !== undefined) writeFiles(filesOf(folder, runs, inputs.length));
  if (!args.has("quiet")) {
    sayWarnings(runs.map(({ run }) => run), labelFor(inputs.length));
    sayIdle(configs);
  }
  const short = inputs.length === 1 ? TABLE_COLUMNS : [SUMMARY_COLUMNS[1]!, ...TABLE_COLUMNS];
  writeOut(render(format, SUMMARY_COLUMNS, short, runs));
  return sayFailures(runs.map(({ run }) => run), labelFor(inputs.length)) ? EXIT.ok : EXIT.checkFailed;
}

/** Rows and folders are told apart by name. */
function refuseSameNames(configs: readonly ResolvedConfig[]): void {
  const seen = new Set<string>();
  for (const { name } of configs) {
    if (seen.has(name)) throw new UsageError(`Cannot compare ${name} with itself: two configurations have that name`);
    seen.add(name);
  }
}

function labelFor(captures: number): (run: Run) => string {
  return (run) => captures === 1 ? run.resolved.name : `${run.captureName} ${run.resolved.name}`;
}

/** One capture: DIR/CONFIG. Several: DIR/CAPTURE/CONFIG, with the capture's number among the captures in front. */
function filesOf(folder: string, runs: readonly NumberedRun[], captures: number): Map<string, string> {
  const files = new Map([[`${folder}/summary.csv`, renderCsv(SUMMARY_COLUMNS, runs)]]);
  const configs = runs.length / captures;
  for (const numbered of runs) {
    const { run, number } = numbered;
    const capture = captures === 1 ? "" : `${Math.ceil(number / configs)}-${baseName(run.captureName)}/`;
    addRunFiles(files, `${folder}/${capture}${run.resolved.name}`, numbered, false);
  }
  return files;
}

/** Two configurations that differ only in what this path does not look at will give the same figures. */
function sayIdle(configs: readonly ResolvedConfig[]): void {
  configs.forEach((a, i) => {
    for (const b of configs.slice(i + 1)) {
      const { path } = a.config;
      const keys = describeIdle(a.config, b.config, path);
      if (keys.length === 0) continue;
      say(`tailbits: Warning: ${a.name} and ${b.name} differ only in ${keys.join(", ")}: idle on path ${path}`);
    }
  });
}
