/**
 * `tailbits calibrate CAPTURE --fit ROWS.csv`: a cost profile fitted to measured Gbps and CPU.
 *
 * @module
 */

import { ConfigError } from "../config/errors.ts";
import type { Profile } from "../cost/profile.ts";
import { FIT_ROW_COLUMNS, FITTED_COLUMNS, fittedCoefficients } from "../fit/columns.ts";
import { type Fit, fitProfile, type FitRow } from "../fit/fit.ts";
import { renderFittedProfile } from "../fit/fitted_profile.ts";
import { parseTie } from "../fit/labels.ts";
import { worstErrors } from "../fit/residuals.ts";
import { parseRows, type WrittenRow } from "../fit/rows.ts";
import { type CsvStyle, renderCsv } from "../report/columns.ts";
import type { Arguments, Flag } from "./command.ts";
import { columnsFrom, csvStyleFrom } from "./csv_flags.ts";
import { EXIT, systemReason, UsageError } from "./errors.ts";
import { type Format, formatFrom, render } from "./formats.ts";
import { baseName, captureInputs, configFrom, profileWithBaseFrom } from "./inputs.ts";
import { beginFile, type OutputFile } from "./outputs.ts";
import { StatusLine } from "./progress.ts";
import { oneLine, sayWarnings, writeOut } from "./terminal.ts";
import { readText } from "./text_input.ts";

/** A profile on stdout. */
const STDOUT = "-";
/** Name of a profile that no file gives one. */
const DEFAULT_NAME = "fitted";

/** Flags of `calibrate` that only a fit has. */
export const FIT_FLAGS: readonly Flag[] = [
  {
    name: "fit",
    value: "ROWS.csv",
    doc: "Fit a profile to measured rows: id,role,preset,set,gbps,cpu_percent,rx_cpu_percent.",
  },
  { name: "set", value: "K=V", repeats: true, doc: "With --fit: a setting of every row, profile=PRIOR before all." },
  {
    name: "tie",
    value: "A=B",
    repeats: true,
    doc: "With --fit: two coefficients with one value, as 'seal aes-gcm cycles/byte=open aes-gcm cycles/byte'.",
  },
  { name: "coefficients", value: "FILE.csv", doc: "With --fit: write the table of coefficients there." },
];

/** Fits, prints the rows (and for people the coefficients), and writes the profile where `-o` says so. */
export async function runFit(args: Arguments): Promise<number> {
  const format = formatFor(args);
  const style = csvStyleFrom(args);
  const columns = columnsFrom(args, FIT_ROW_COLUMNS) ?? FIT_ROW_COLUMNS;
  const [input] = await captureInputs(requireOne(args.operands), MANY_PASSES);
  const path = args.one("fit")!;
  const sets = args.all("set");
  const { profile: prior, base } = await profileWithBaseFrom(await configFrom(undefined, profileSets(sets)));
  const rows = await resolveRows(parseRows(await readRows(path), baseName(path)), sets, baseName(path));
  const ties = args.all("tie").map((text) => parseTie(text, prior));
  const files = beginFiles(args);
  const line = new StatusLine(args.has("quiet"));
  const onRound = (round: number, cost: number): void => {
    line.show(`calibrate: round ${round}, sum of squares ${cost.toFixed(2)}`);
  };
  const fit = await fitProfile({ input: input!, rows, prior, ties, onRound });
  line.clear();
  const profile = profileText(args, fit, prior, base);
  files.coefficients?.write(encoded(renderCsv(FITTED_COLUMNS, fittedCoefficients(fit), style)));
  files.profile?.write(encoded(profile));
  files.coefficients?.commit();
  files.profile?.commit();
  if (!args.has("quiet")) sayWarnings(fit.rows.map(({ id, warnings }) => ({ name: `row ${id}`, warnings })));
  writeOut(args.one("out") === STDOUT ? profile : tablesOf(fit, columns, format, style));
  return EXIT.ok;
}

function formatFor(args: Arguments): Format {
  if (args.one("out") === STDOUT && args.one("format") !== undefined) {
    throw new UsageError("Cannot use --format with -o -: stdout takes the profile");
  }
  return formatFrom(args.one("format"));
}

/** Files are begun before the fit: where nothing can be written it would be in vain. */
function beginFiles(args: Arguments): { profile?: OutputFile; coefficients?: OutputFile } {
  const [out, coefficients] = [args.one("out"), args.one("coefficients")];
  if (coefficients === STDOUT) throw new UsageError("Cannot use --coefficients -: it takes a file");
  if (coefficients !== undefined && coefficients === out) {
    throw new UsageError(`Cannot write both the profile and the coefficients to ${out}: two files are needed`);
  }
  return {
    ...(out === undefined || out === STDOUT ? {} : { profile: beginFile(out) }),
    ...(coefficients === undefined ? {} : { coefficients: beginFile(coefficients) }),
  };
}

function encoded(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Each row is played in each round. */
const MANY_PASSES = 2;

function requireOne(operands: readonly string[]): readonly string[] {
  if (operands.length < 2) return operands;
  throw new UsageError(`Cannot fit with ${operands.length} captures: all rows are played with one`);
}

/** The setting of the profile alone: the others may need a preset. */
function profileSets(sets: readonly string[]): readonly string[] {
  return sets.filter((set) => set.startsWith("profile="));
}

async function readRows(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${systemReason(error)}`);
  }
}

async function resolveRows(rows: readonly WrittenRow[], sets: readonly string[], name: string): Promise<FitRow[]> {
  const resolved: FitRow[] = [];
  for (const { id, role, preset, sets: own, measured, cpuOf, tolerance, line } of rows) {
    const column = own.find((set) => set.startsWith("profile="));
    if (column !== undefined) {
      throw new ConfigError(`Cannot read ${name}: row ${line}, column set: the profile is that of --set, for all rows`);
    }
    try {
      resolved.push({ id, role, measured, cpuOf, tolerance, resolved: await configFrom(preset, [...sets, ...own]) });
    } catch (error) {
      if (error instanceof ConfigError) throw new ConfigError(`${error.message} (row ${line} of ${name})`);
      throw error;
    }
  }
  return resolved;
}

/** Rows alone for programs; for people the coefficients under them. */
function tablesOf(fit: Fit, columns: typeof FIT_ROW_COLUMNS, format: Format, style: CsvStyle): string {
  const rows = render(format, columns, columns, fit.rows, style);
  if (format === "csv" || format === "json") return rows;
  return `${rows}\n${render(format, FITTED_COLUMNS, FITTED_COLUMNS, fittedCoefficients(fit), style)}`;
}

function profileText(args: Arguments, fit: Fit, prior: Profile, base: Profile | undefined): string {
  const out = args.one("out") ?? STDOUT;
  const named = out === STDOUT ? "" : baseName(out).replace(/\.json$/, "");
  const name = args.one("name") ?? (named || DEFAULT_NAME);
  const description = args.one("description") ?? `Profile ${prior.name} fitted to ${baseName(args.one("fit")!)}`;
  return renderFittedProfile(fit, { name, description, fit: fitText(args, fit), base });
}

/** What a profile was fitted to: rows, how well, and the command line, without folders. */
function fitText(args: Arguments, fit: Fit): string {
  const fitted = fit.rows.filter(({ role }) => role === "fit");
  const rows = baseName(args.one("fit")!);
  const command = [
    "tailbits calibrate",
    quoted(baseName(args.operands[0]!)),
    `--fit ${quoted(rows)}`,
    ...args.all("set").map((set) => `--set ${quoted(set.replace(/^profile=.*\//s, "profile="))}`),
    ...args.all("tie").map((tie) => `--tie ${quoted(tie)}`),
  ];
  const ids = fitted.map(({ id }) => id).join(", ");
  return oneLine(`to ${ids} of ${rows}, errors ${worstErrors(fitted)}: ${command.join(" ")}`);
}

function quoted(text: string): string {
  return /^[\w.,:=/-]+$/.test(text) ? text : `'${text}'`;
}
