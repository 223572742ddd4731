/**
 * `tailbits validate`: the model against kernel recordings, or published results (`validate_published.ts`), one row each.
 *
 * @module
 */

import { PLAIN_CSV } from "../report/columns.ts";
import { RecordingError } from "../validate/errors.ts";
import { isRecording, type RecordingFolder } from "../validate/recording.ts";
import { isGood, validate, type Validation, VALIDATION_COLUMNS } from "../validate/validation.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, systemReason, UsageError } from "./errors.ts";
import { FORMAT_FLAG, formatFrom, render } from "./formats.ts";
import { baseName } from "./inputs.ts";
import { FIXTURES } from "./shipped_files.ts";
import { INTERVAL_MS, StatusLine } from "./progress.ts";
import { oneLine, say, writeOut } from "./terminal.ts";
import { publishedTable } from "./validate_published.ts";

/** The recordings that come with the program. */
const SHIPPED = `${FIXTURES}kernel`;

/** The verb. */
export const validateCommand: Command = {
  name: "validate",
  operands: "[FOLDER...]",
  summary: "Hold the model against kernel recordings, one row each.",
  doc:
    "Drives what a Linux kernel was recorded to do through the model, and compares value by value: each skb through its\n" +
    "stage alone, and the whole path where it is built. FOLDER is a recording or a folder of recordings\n" +
    "(fixtures/kernel/README.md says what is in one); without it, the recordings that come with the program.\n" +
    "Exit code 1 when a value differs, a recording is damaged, or a value is left out without a listed reason.\n" +
    "With --published: Gbps and CPU that others measured (fixtures/published-results.csv) beside those of the model, errors\n" +
    "signed, rows that a profile may be fitted to apart from those held out and those of which only the shape counts.",
  flags: [
    { name: "published", doc: "Hold the model against published throughput and CPU instead." },
    FORMAT_FLAG,
  ],
  examples: [
    "tailbits validate",
    "tailbits validate recordings/fwd-frags --format csv",
    "tailbits validate recordings --format json",
    "tailbits validate --published --format table",
  ],
  run: runValidate,
};

async function runValidate(args: Arguments): Promise<number> {
  const format = formatFrom(args.one("format"));
  if (args.has("published")) {
    if (args.operands.length > 0) throw new UsageError("Cannot validate a folder with --published: its table is one");
    writeOut(await publishedTable(format));
    return EXIT.ok;
  }
  const named = args.operands.length === 0 ? [SHIPPED] : args.operands;
  const folders = named.flatMap(recordingsIn);
  const line = new StatusLine(args.has("quiet"), INTERVAL_MS);
  const rows: Validation[] = [];
  for (const folder of folders) {
    line.show(`validate: ${rows.length} of ${folders.length}: ${oneLine(folder.name)}`);
    rows.push(await validate(folder));
  }
  line.clear();
  writeOut(render(format, VALIDATION_COLUMNS, VALIDATION_COLUMNS, rows, PLAIN_CSV));
  for (const row of rows) if (!isGood(row)) say(`tailbits: Check failed: ${row.scenario}: ${row.firstDifference}`);
  return rows.every(isGood) ? EXIT.ok : EXIT.checkFailed;
}

/** The recording at `path`, or those in it, by name. */
function recordingsIn(path: string): RecordingFolder[] {
  const folder = openFolder(path);
  if (isRecording(folder)) return [folder];
  const inside = entriesOf(path).filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();
  const recordings = inside.map((name) => openFolder(`${path}/${name}`)).filter(isRecording);
  if (recordings.length > 0) return recordings;
  throw new UsageError(`Cannot validate ${path}: there is no recording in it (a folder with scenario.json)`);
}

function openFolder(path: string): RecordingFolder {
  const name = baseName(path);
  return {
    name,
    files: entriesOf(path).filter(({ isDirectory }) => !isDirectory).map((entry) => entry.name),
    async read(file) {
      try {
        return await Deno.readFile(`${path}/${file}`);
      } catch (error) {
        throw new RecordingError(name, systemReason(error), { file });
      }
    },
  };
}

function entriesOf(path: string): Deno.DirEntry[] {
  try {
    return [...Deno.readDirSync(path)];
  } catch (error) {
    throw new UsageError(`Cannot validate ${path}: ${systemReason(error)}`);
  }
}
