/**
 * Commands and their flags: one table per verb, from which parsing, help and refusals follow.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../config/nearest.ts";
import { UsageError } from "./errors.ts";

/** One flag of a verb. */
export interface Flag {
  /** Long name without dashes. */
  readonly name: string;
  /** One letter without dash. */
  readonly short?: string;
  /** What its value is called in help; absent for a flag that takes none. */
  readonly value?: string;
  /** May be given several times. */
  readonly repeats?: boolean;
  readonly doc: string;
}

/** One verb. */
export interface Command {
  readonly name: string;
  /** What follows the verb, for help. */
  readonly operands: string;
  /** One line for the overview. */
  readonly summary: string;
  readonly doc: string;
  readonly flags: readonly Flag[];
  /** Flags of the design that are refused for now. */
  readonly plannedFlags?: readonly string[];
  readonly examples: readonly string[];
  run(args: Arguments): Promise<number>;
}

/** Flags that every verb has. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: "help", short: "h", doc: "Show this help." },
  { name: "quiet", short: "q", doc: "No warnings and no progress on stderr." },
];

/** The parsed arguments of a verb. */
export class Arguments {
  constructor(
    readonly operands: readonly string[],
    readonly values: ReadonlyMap<string, readonly string[]>,
    readonly switches: ReadonlySet<string>,
  ) {}

  /** Value of a flag that is given at most once. */
  one(name: string): string | undefined {
    const values = this.values.get(name) ?? [];
    if (values.length > 1) {
      throw new UsageError(`Cannot use --${name} more than once: it was given ${values.length} times`);
    }
    return values[0];
  }

  /** Values of a flag that may be repeated. */
  all(name: string): readonly string[] {
    return this.values.get(name) ?? [];
  }

  has(name: string): boolean {
    return this.switches.has(name);
  }
}

/** Parses what follows the verb. Throws UsageError for what the verb does not know. */
export function parseArguments(command: Command, args: readonly string[]): Arguments {
  const flags = [...command.flags, ...COMMON_FLAGS];
  const withValue = flags.filter((flag) => flag.value !== undefined).map((flag) => flag.name);
  const switches = flags.filter((flag) => flag.value === undefined).map((flag) => flag.name);
  const parsed = parseArgs(joinDashes(args, flags), {
    string: ["_", ...withValue],
    boolean: switches,
    collect: withValue,
    alias: Object.fromEntries(flags.flatMap((flag) => flag.short === undefined ? [] : [[flag.short, flag.name]])),
    unknown: (arg, key) => key === undefined ? true : refuseFlag(command, arg, flags),
  });
  const values = new Map(withValue.map((name) => [name, (parsed[name] as string[] | undefined) ?? []]));
  for (const [name, given] of values) {
    if (given.includes("")) {
      throw new UsageError(`Cannot use --${name}: a value is missing (${placeholder(flags, name)})`);
    }
  }
  return new Arguments(parsed._.map(String), values, new Set(switches.filter((name) => parsed[name] === true)));
}

/** The parser takes a lone `-` behind a flag for another flag: `--write-pcap -` becomes `--write-pcap=-`. */
function joinDashes(args: readonly string[], flags: readonly Flag[]): string[] {
  const withValue = flags.filter((flag) => flag.value !== undefined);
  const spellings = new Set(
    withValue.flatMap(({ name, short }) => short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`]),
  );
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    if (arg === "-" && before !== undefined && spellings.has(before)) joined[joined.length - 1] = `${before}=-`;
    else joined.push(arg);
  }
  return joined;
}

function placeholder(flags: readonly Flag[], name: string): string {
  return flags.find((flag) => flag.name === name)?.value ?? "";
}

function refuseFlag(command: Command, arg: string, flags: readonly Flag[]): never {
  const name = arg.replace(/^-+/, "").replace(/=.*$/s, "");
  if (command.plannedFlags?.includes(name)) throw new UsageError(`Cannot use --${name}: it is not built yet`);
  const near = nearest(name, flags.map((flag) => flag.name));
  const hint = near === undefined ? `see tailbits ${command.name} --help` : `the nearest is --${near}`;
  throw new UsageError(`Cannot use ${arg.replace(/=.*$/s, "")}: ${command.name} has no such flag, ${hint}`);
}

/** The help page of a verb. */
export function renderHelp(command: Command): string {
  const flags = [...command.flags, ...COMMON_FLAGS];
  const left = flags.map((flag) => {
    const value = flag.value === undefined ? "" : ` ${flag.value}`;
    return `${flag.short === undefined ? "    " : `-${flag.short}, `}--${flag.name}${value}`;
  });
  const width = Math.max(...left.map((text) => text.length));
  const lines = flags.map((flag, i) => `  ${left[i]!.padEnd(width)}  ${flag.doc}`);
  const planned = command.plannedFlags ?? [];
  return [
    `tailbits ${command.name} ${command.operands}`.trimEnd(),
    "",
    command.doc,
    "",
    ...lines,
    ...(planned.length === 0 ? [] : ["", `Not built yet: ${planned.map((name) => `--${name}`).join(", ")}.`]),
    "",
    "Examples:",
    ...command.examples.map((example) => `  ${example}`),
    "",
  ].join("\n");
}
