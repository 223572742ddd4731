/**
 * From presets, files and `--set` to one checked configuration.
 *
 * Precedence: defaults < preset < file < `--set`, and of two `--set` of one key the last. Without preset and file the
 * preset is {@linkcode DEFAULT_PRESET}; a file that names no preset rests on the defaults.
 *
 * Example: `resolveConfig({ preset: "nocopy", sets: ["rx_ring=64"] }).config.rx_ring` is 64.
 *
 * @module
 */

import { type ConfigFileText, parseConfigFile } from "./config_file.ts";
import { ConfigError, orList, showText } from "./errors.ts";
import { whyIdle } from "./idle.ts";
import type { Path, Setting } from "./kinds.ts";
import { checkCombination, counterfactuals } from "./legality.ts";
import { nearestInWords } from "./nearest.ts";
import { DEFAULT_PRESET, PLANNED_PRESETS, type Preset, PRESETS } from "./presets.ts";
import { type Config, configOf, definitionOf, KEY_NAMES, type KeyName, KEYS } from "./schema.ts";
import { parseSetting } from "./settings.ts";

/** What the user said. */
export interface ConfigInput {
  /** The name of a preset. */
  readonly preset?: string;
  /** A configuration file; together with `preset` it must name the same preset or none. */
  readonly file?: ConfigFileText;
  /** The texts of `--set`, `key=value` each, in the order of the command line. */
  readonly sets: readonly string[];
}

/** Where a value came from; a file is named without its folders, so that traces hold no path. */
export type Origin = "default" | `preset ${string}` | `file ${string}` | "--set";

/** A configuration that may be run. */
export interface ResolvedConfig {
  /** The preset's name, or the file's without folders and extension. */
  readonly name: string;
  /** The value of every key. */
  readonly config: Config;
  /** Where each value came from. */
  readonly provenance: Readonly<Record<KeyName, Origin>>;
  /** One line each, for the user and for run.json. */
  readonly warnings: readonly string[];
  /** Why no kernel had this combination; empty if one had. */
  readonly counterfactual: readonly string[];
}

/**
 * Resolves what the user said into a configuration.
 *
 * @throws {ConfigError} for every fault of the input; no other exception.
 */
export function resolveConfig(input: ConfigInput): ResolvedConfig {
  const file = input.file === undefined ? undefined : parseConfigFile(input.file);
  const presetName = choosePreset(input, file?.preset);
  const values = new Map<KeyName, Setting>();
  const origins = new Map<KeyName, Origin>();
  const put = (key: KeyName, value: Setting, origin: Origin): void => {
    values.set(key, value);
    origins.set(key, origin);
  };

  for (const key of KEY_NAMES) put(key, KEYS[key].default, "default");
  if (presetName !== undefined) {
    const fromFile = input.preset === undefined && input.file !== undefined;
    const where = fromFile ? `, in file ${showText(input.file.name)}` : "";
    const { settings } = lookUpPreset(presetName, where);
    for (const [key, value] of Object.entries(settings)) put(key as KeyName, value, `preset ${presetName}`);
  }
  if (input.file !== undefined && file !== undefined) {
    for (const [key, value] of file.settings) put(key, value, `file ${baseName(input.file.name)}`);
  }
  for (const text of input.sets) {
    const { key, value } = parseSetting(text);
    put(key, value, "--set");
  }

  for (const key of KEY_NAMES) {
    const value = definitionOf(key).defaultOn?.[values.get("path") as Path];
    if (value !== undefined && origins.get(key) === "default") put(key, value, "default");
  }
  const config = configOf((key) => values.get(key)!);
  checkCombination(config);
  const name = input.file === undefined ? presetName! : withoutExtension(baseName(input.file.name));
  const provenance = Object.fromEntries(origins) as Record<KeyName, Origin>;
  return {
    name,
    config,
    provenance,
    warnings: warningsOf(config, provenance),
    counterfactual: counterfactuals(config),
  };
}

/**
 * Returns the preset of that name; `where` ends the message and is empty or begins with a comma.
 *
 * @throws {ConfigError} if there is none, with the nearest name, or it is not built.
 */
export function lookUpPreset(name: string, where = ""): Preset {
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset !== undefined) return preset;
  const shown = showText(name) || '""';
  const built = Object.keys(PRESETS);
  if (PLANNED_PRESETS.includes(name)) {
    throw new ConfigError(`Cannot use preset ${shown}: it is not built yet; built are ${built.join(", ")}${where}`);
  }
  const near = nearestInWords(name, built, PLANNED_PRESETS);
  const hint = near === undefined ? `it takes ${orList(built)}` : `the nearest is ${near}`;
  throw new ConfigError(`Cannot use preset ${shown}: there is no such preset, ${hint}${where}`);
}

function choosePreset(input: ConfigInput, filePreset: string | undefined): string | undefined {
  if (input.file === undefined) return input.preset ?? DEFAULT_PRESET;
  if (input.preset !== undefined && filePreset !== undefined && input.preset !== filePreset) {
    const file = showText(input.file.name);
    const names = `preset ${showText(input.preset)} with file ${file}`;
    throw new ConfigError(`Cannot combine ${names}: the file builds on preset ${showText(filePreset)}`);
  }
  return input.preset ?? filePreset;
}

/** A value that somebody wrote and that changes nothing deserves a word; a preset states its keys for every path. */
function warningsOf(config: Config, provenance: Readonly<Record<KeyName, Origin>>): string[] {
  const warnings: string[] = [];
  for (const key of KEY_NAMES) {
    const origin = provenance[key];
    if (origin === "default" || origin.startsWith("preset ")) continue;
    const why = whyIdle(key, config, config.path);
    if (why !== undefined) warnings.push(`${key}=${showText(String(config[key]))} changes nothing: ${why}`);
  }
  return warnings;
}

function baseName(name: string): string {
  return name.slice(Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")) + 1);
}

function withoutExtension(name: string): string {
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(0, dot) : name;
}
