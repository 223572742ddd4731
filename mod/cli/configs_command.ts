/**
 * `tailbits configs`: presets, keys, where each value comes from, and the JSON Schemas of configuration files and profiles.
 *
 * @module
 */

import { renderExplain, renderKeys, renderPresets } from "../config/help.ts";
import { configJsonSchema } from "../config/json_schema.ts";
import { keyRows, presetRows } from "../config/help.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import { profileJsonSchema } from "../cost/profile_schema.ts";
import type { Arguments, Command } from "./command.ts";
import { EXIT, UsageError } from "./errors.ts";
import { chooseFormat } from "./formats.ts";
import { configFrom } from "./inputs.ts";
import { writeOut } from "./terminal.ts";

/** What has a schema. */
const SCHEMAS = ["config", "profile"] as const;

/** The verb. */
export const configsCommand: Command = {
  name: "configs",
  operands: "[NAME] [--explain] [--schema]",
  summary: "Show presets, keys, and where each value comes from.",
  doc: "Without a name: all presets and keys. With the name of a preset or a file: every value it sets,\n" +
    "as JSON that a configuration file may hold, or with --explain as a list that says where each value comes from.\n" +
    "With --schema, NAME is config or profile.",
  flags: [
    { name: "explain", doc: "Say where each value comes from." },
    { name: "schema", doc: "Print the JSON Schema of configuration files, or of cost profiles (NAME profile)." },
    {
      name: "set",
      value: "KEY=VALUE",
      repeats: true,
      doc: "Change one key of the named configuration; may be repeated.",
    },
    { name: "format", value: "FORMAT", doc: "text or json." },
  ],
  examples: [
    "tailbits configs",
    "tailbits configs nocopy --set tx_dst=new-page --explain",
    "tailbits configs --schema > tailbits.schema.json",
    "tailbits configs --schema profile > profile.schema.json",
  ],
  run: runConfigs,
};

async function runConfigs(args: Arguments): Promise<number> {
  const [name, ...more] = args.operands;
  if (more.length > 0) throw new UsageError(`Cannot show ${args.operands.length} configurations at once: name one`);
  const format = chooseFormat(args.one("format") ?? "text", ["text", "json"]);
  writeOut(await textOf(args, name, format));
  return EXIT.ok;
}

async function textOf(args: Arguments, name: string | undefined, format: "text" | "json"): Promise<string> {
  if (args.has("schema")) return toJson(schemaOf(chooseSchema(name ?? "config")));
  const named = name !== undefined || args.all("set").length > 0 || args.has("explain");
  if (!named) return format === "json" ? toJson({ presets: presetRows(), keys: keyRows() }) : allText();
  const resolved = await configFrom(name, args.all("set"));
  if (args.has("explain") && format === "text") return renderExplain(resolved);
  return toJson(args.has("explain") ? explained(resolved) : resolved.config);
}

function chooseSchema(name: string): typeof SCHEMAS[number] {
  const found = SCHEMAS.find((schema) => schema === name);
  if (found !== undefined) return found;
  throw new UsageError(`Cannot print the schema of ${name}: there are those of ${SCHEMAS.join(" and ")}`);
}

function schemaOf(name: typeof SCHEMAS[number]): unknown {
  return name === "config" ? configJsonSchema() : profileJsonSchema();
}

function explained(resolved: ResolvedConfig): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(resolved.config).map(([key, value]) => {
      return [key, { value, from: resolved.provenance[key as keyof typeof resolved.provenance] }];
    }),
  );
}

function allText(): string {
  return `PRESETS\n\n${renderPresets()}\nKEYS\n\n${renderKeys()}`;
}

function toJson(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}
