/**
 * What `replay` and `compare` share: captures through configurations, one run each, with their traces and what is said of
 * them.
 *
 * @module
 */

import type { ResolvedConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
import type { FrameWriter } from "../replay/frame_sink.ts";
import { type CaptureInput, replay, type Run } from "../replay/run.ts";
import { alikeRuns } from "../report/alike.ts";
import { type CsvStyle, renderCsv } from "../report/columns.ts";
import { COPIES_COLUMNS, copyRows } from "../report/copies.ts";
import { renderRunJson } from "../report/run_json.ts";
import { ALIKE_MARK, type NumberedRun, SUMMARY_COLUMNS, TABLE_COLUMNS } from "../report/summary.ts";
import type { Arguments, Flag } from "./command.ts";
import { columnsFrom, CSV_FLAGS, csvStyleFrom } from "./csv_flags.ts";
import { EXIT } from "./errors.ts";
import { FORMAT_FLAG, formatFrom, render } from "./formats.ts";
import { writeFiles } from "./outputs.ts";
import { withProgress } from "./progress.ts";
import { RunTraces, type TraceName, tracesFrom } from "./run_traces.ts";
import { SA_FLAG } from "./sa_input.ts";
import { say, sayWarnings, writeOut } from "./terminal.ts";

/** One capture through one configuration. */
export interface Job {
  readonly input: CaptureInput;
  readonly resolved: ResolvedConfig;
  readonly profile: Profile;
  /** Where its traces go below the folder of `-o`; empty for that folder itself. */
  readonly folder: string;
  /** The SAs of a file; absent: the test SA. */
  readonly associations?: readonly SaEntry[] | undefined;
  /** What to call it when something is to be said of it. */
  readonly label: string;
}

/** Flags of the verbs that run jobs. */
export const JOB_FLAGS: readonly Flag[] = [
  {
    name: "out",
    short: "o",
    value: "DIR",
    doc: "Write summary.csv there, and copies.csv, series.csv and run.json of each run.",
  },
  { name: "trace", value: "LIST", doc: "With -o: write packets.csv, events.csv, sas.csv too (packets,events,sas)." },
  SA_FLAG,
  FORMAT_FLAG,
  ...CSV_FLAGS,
  { name: "check", doc: "Encrypt, open every packet again, hold the laws against the ledger; exit 1 on a failure." },
];

/** What the flags said, checked before anything is read. */
export interface JobOptions {
  readonly verb: string;
  readonly out: string | undefined;
  readonly traces: readonly TraceName[];
  readonly style: CsvStyle;
  readonly check: boolean;
  readonly quiet: boolean;
  /** Renders the rows that are printed; `withCapture` when a table has to say which capture a row is of. */
  print(rows: readonly NumberedRun[], withCapture: boolean): string;
  /** Whether what is printed is for people, who see marks (`ALIKE_MARK`) where programs see names. */
  readonly hasMarks: boolean;
}

/** Reads the flags of `JOB_FLAGS`. */
export function jobOptionsFrom(verb: string, args: Arguments): JobOptions {
  const format = formatFrom(args.one("format"));
  const style = csvStyleFrom(args);
  const columns = columnsFrom(args, SUMMARY_COLUMNS);
  const out = args.one("out");
  return {
    verb,
    out,
    style,
    traces: tracesFrom(args.one("trace"), out),
    check: args.has("check"),
    quiet: args.has("quiet"),
    print(rows, withCapture) {
      const marks = rows.some(isAlikeAnother) ? [ALIKE_MARK] : [];
      const short = [...withCapture ? [SUMMARY_COLUMNS[1]!] : [], ...TABLE_COLUMNS, ...marks];
      return render(format, columns ?? SUMMARY_COLUMNS, columns ?? short, rows, style);
    },
    hasMarks: columns === undefined && (format === "table" || format === "md"),
  };
}

/** Runs jobs one after the other; with `-o`, their files are written into place when all are done. */
export async function runJobs(
  jobs: readonly Job[],
  options: JobOptions,
  more: { frames?: FrameWriter; files?: ReadonlyMap<string, string> } = {},
): Promise<NumberedRun[]> {
  const files = new Map(more.files);
  const done: NumberedRun[] = [];
  for (const job of jobs) {
    const folder = options.out === undefined ? undefined : `${options.out}${job.folder === "" ? "" : `/${job.folder}`}`;
    const { config } = job.resolved;
    const traces = folder === undefined ? null : new RunTraces(folder, options.traces, options.style, config);
    const run = await runJob(job, options, traces, more.frames);
    done.push({ number: done.length + 1, run });
    if (folder === undefined) continue;
    traces?.finish(run, files);
    files.set(`${folder}/copies.csv`, renderCsv(COPIES_COLUMNS, copyRows(run.tally), options.style));
    files.set(`${folder}/run.json`, renderRunJson(run));
  }
  const runs = withAlike(jobs, done);
  if (options.out !== undefined) {
    files.set(`${options.out}/summary.csv`, renderCsv(SUMMARY_COLUMNS, runs, options.style));
  }
  writeFiles(files);
  return runs;
}

/** Each run, with the names of the configurations over the same capture that it is like. */
function withAlike(jobs: readonly Job[], runs: readonly NumberedRun[]): NumberedRun[] {
  const names: string[][] = runs.map(() => []);
  for (const numbers of Map.groupBy(runs.keys(), (i) => jobs[i]!.input).values()) {
    alikeRuns(numbers.map((i) => runs[i]!.run)).forEach((others, k) => {
      names[numbers[k]!] = others.map((other) => runs[numbers[other]!]!.run.resolved.name);
    });
  }
  return runs.map((run, i) => ({ ...run, alike: names[i]! }));
}

function runJob(job: Job, options: JobOptions, traces: RunTraces | null, frames?: FrameWriter): Promise<Run> {
  const { resolved, profile, label, associations } = job;
  return replay({
    input: options.quiet ? job.input : withProgress(job.input, `${options.verb} ${label}`),
    resolved,
    profile,
    associations,
    check: options.check,
    folds: traces?.folds ?? [],
    statistics: traces?.statistics ?? undefined,
    ...(frames === undefined ? {} : { frames }),
  });
}

/** Says what is to be said of the runs, prints their rows (unless stdout is taken), and returns the exit code. */
export function concludeJobs(
  jobs: readonly Job[],
  runs: readonly NumberedRun[],
  options: JobOptions,
  stdoutTaken = false,
): number {
  if (!options.quiet) sayWarnings(runs.map(({ run }, i) => ({ name: jobs[i]!.label, warnings: run.warnings })));
  if (!options.quiet && !stdoutTaken && options.hasMarks && runs.some(isAlikeAnother)) say(ALIKE_NOTE);
  const captures = new Set(jobs.map(({ input }) => input)).size;
  if (!stdoutTaken) writeOut(options.print(runs, captures > 1));
  runs.forEach(({ run }, i) => {
    for (const failure of run.failures) say(`tailbits: Check failed: ${jobs[i]!.label}: ${failure}`);
  });
  return runs.every(({ run }) => run.failures.length === 0) ? EXIT.ok : EXIT.checkFailed;
}

/** What the marks of a table mean. */
const ALIKE_NOTE =
  "tailbits: Note: ~ in column alike names a configuration whose goodput cannot be told from that of the row: " +
  "within the ranges of the costs either may be the faster";

function isAlikeAnother({ alike = [] }: NumberedRun): boolean {
  return alike.length > 0;
}
