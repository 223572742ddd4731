/**
 * Reads a configuration file: JSONC, one object of keys, with an optional base preset.
 *
 * Example: `{ "preset": "nocopy", "rx_ring": 64 }`. Comments and trailing commas are legal; of a key written twice the last
 * one counts, as in any JSON.
 *
 * @module
 */

import { parse } from "@std/jsonc";
import { ConfigError, showText, typeName } from "./errors.ts";
import type { Setting } from "./kinds.ts";
import type { KeyName } from "./schema.ts";
import { checkFileSetting } from "./settings.ts";

/** A configuration file before it is read. */
export interface ConfigFileText {
  /** The name as the user wrote it; it may hold folders. */
  readonly name: string;
  /** The whole content. */
  readonly text: string;
}

/** What a configuration file says. */
export interface ConfigFile {
  /** The preset that the file builds on, not yet looked up; undefined if it names none. */
  readonly preset: string | undefined;
  /** The keys of the file, checked one by one. */
  readonly settings: ReadonlyMap<KeyName, Setting>;
}

/**
 * Parses and checks a configuration file.
 *
 * @throws {ConfigError} if the text is not JSONC, not an object, or holds a key or value that is unknown or not built.
 */
export function parseConfigFile(file: ConfigFileText): ConfigFile {
  const where = `in file ${showText(file.name)}`;
  const content = parseObject(file.text, where);
  const settings = new Map<KeyName, Setting>();
  let preset: string | undefined;
  for (const [name, value] of Object.entries(content)) {
    if (name === "preset" || name === "$schema") {
      if (typeof value !== "string") {
        throw new ConfigError(`Cannot read ${name}: it takes a name as a string, not ${typeName(value)}, ${where}`);
      }
      if (name === "preset") preset = value;
      continue;
    }
    const setting = checkFileSetting(name, value, where);
    settings.set(setting.key, setting.value);
  }
  return { preset, settings };
}

function parseObject(text: string, where: string): object {
  let content: unknown;
  try {
    content = parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    // The parser recurses: a hostile file overflows its stack instead of being a syntax error.
    if (!(error instanceof SyntaxError)) {
      throw new ConfigError(`Cannot read the configuration: it is nested too deeply, ${where}`);
    }
    throw new ConfigError(`Cannot read the configuration: it is not JSONC, ${syntaxFault(error, text)}, ${where}`);
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new ConfigError(
      `Cannot read the configuration: it must be an object of keys, not ${typeName(content)}, ${where}`,
    );
  }
  return content;
}

/** Returns what the parser says, with its position as a line of the file. */
function syntaxFault(error: SyntaxError, text: string): string {
  const detail = error.message.replace(/^Cannot parse JSONC: /, "").replace(" in JSONC at position ", " at position ");
  const position = / at position (\d+)$/.exec(detail);
  if (position === null) return showText(detail);
  const line = text.slice(0, Number(position[1])).split("\n").length;
  return `${showText(detail.slice(0, position.index))} on line ${line}`;
}
