/**
 * The command line: a verb, its arguments, an exit code.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { VERSION } from "../version.ts";
import { benchCommand } from "./bench_command.ts";
import { calibrateCommand } from "./calibrate_command.ts";
import { type Command, parseArguments, renderHelp } from "./command.ts";
import { compareCommand } from "./compare_command.ts";
import { configsCommand } from "./configs_command.ts";
import { EXIT, exitCodeOf, UsageError } from "./errors.ts";
import { explainCommand } from "./explain_command.ts";
import { inspectCommand } from "./inspect_command.ts";
import { cleanUpOnInterrupt, removeTemporaryFiles } from "./outputs.ts";
import { replayCommand } from "./replay_command.ts";
import { say, writeOut } from "./terminal.ts";
import { validateCommand } from "./validate_command.ts";

/** The verbs that are built. */
const COMMANDS: readonly Command[] = [
  replayCommand,
  compareCommand,
  inspectCommand,
  explainCommand,
  configsCommand,
  validateCommand,
  benchCommand,
  calibrateCommand,
];
/** The verbs of the design that are refused for now. */
const PLANNED_VERBS = ["sweep", "generate"];

/** Runs one command line and returns its exit code. Nothing is thrown: what went wrong is said on stderr in one line. */
export async function main(args: readonly string[]): Promise<number> {
  cleanUpOnInterrupt();
  try {
    return await dispatch(args);
  } catch (error) {
    removeTemporaryFiles();
    const code = exitCodeOf(error);
    if (code === undefined) return sayDefect(error);
    if (code !== EXIT.ok) say(`tailbits: ${(error as Error).message}`);
    return code;
  }
}

/** A defect of the program, not of its input: where it came from helps whoever mends it. */
function sayDefect(error: unknown): number {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const where = stack?.split("\n").find((line) => line.includes("/mod/"))?.trim().replace(/\(.*\/mod\//, "(mod/") ?? "";
  say(`tailbits: Cannot go on: this is a defect of tailbits, please report it: ${message} ${where}`);
  return EXIT.checkFailed;
}

async function dispatch(args: readonly string[]): Promise<number> {
  const [verb, ...rest] = args;
  if (verb === undefined || verb === "--help" || verb === "-h" || verb === "help") return showOverview(verb, rest);
  if (verb === "--version" || verb === "-V") {
    writeOut(`tailbits ${VERSION}\n`);
    return EXIT.ok;
  }
  const command = commandOf(verb);
  const parsed = parseArguments(command, rest);
  if (!parsed.has("help")) return await command.run(parsed);
  writeOut(renderHelp(command));
  return EXIT.ok;
}

function showOverview(verb: string | undefined, rest: readonly string[]): number {
  const topic = rest[0];
  if (verb === "help" && topic !== undefined) {
    writeOut(renderHelp(commandOf(topic)));
    return EXIT.ok;
  }
  if (verb === undefined) throw new UsageError("Cannot go on: a verb is missing (see tailbits --help)");
  writeOut(overview());
  return EXIT.ok;
}

function commandOf(verb: string): Command {
  const command = COMMANDS.find(({ name }) => name === verb);
  if (command !== undefined) return command;
  if (PLANNED_VERBS.includes(verb)) throw new UsageError(`Cannot run ${verb}: it is not built yet`);
  const near = nearest(verb, COMMANDS.map(({ name }) => name));
  const hint = near === undefined ? "see tailbits --help" : `the nearest is ${near}`;
  throw new UsageError(`Cannot run ${verb}: there is no such verb, ${hint}`);
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  const verbs = COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return [
    `tailbits ${VERSION}: replay packet captures through models of the Linux IPsec (ESP) data path`,
    "",
    "deno run -R -W cli.ts VERB ...",
    "",
    ...verbs,
    "",
    `Not built yet: ${PLANNED_VERBS.join(", ")}.`,
    "tailbits VERB --help shows the flags of a verb.",
    "",
  ].join("\n");
}
