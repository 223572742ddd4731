/**
 * The one error of configuration, and how values are shown in its message.
 *
 * A message names the key, the value, what is wrong, what would be right and, for a file, where; it is one line whatever
 * the input was. Example: `Cannot set gro=onn: it takes on or off (nearest: on)`.
 *
 * @module
 */

/** Characters of a value or name that a message shows at most. */
const SHOWN_CHARACTERS_MAX = 60;

/** Control, format, surrogate and separator characters: what would break a line or hide in it, the blank excepted. */
const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/gu;

/** A configuration that cannot be used: unknown or unbuilt names, wrong values, refused combinations. Exit code 2. */
export class ConfigError extends Error {
  /** The name of the class, as messages of uncaught errors show it. */
  override readonly name = "ConfigError";
  /** What the process returns when this error ends it (design, section 5). */
  readonly exitCode = 2;
}

function escape(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}

/** Returns `text` cut to a readable length, without characters that break or hide part of a line. */
export function showText(text: string): string {
  const cut = text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
  return cut.replace(UNPRINTABLE, escape);
}

/** Returns a value of a configuration file as it would be written there, arrays and objects without what they hold. */
export function showValue(value: unknown): string {
  if (typeof value === "string") return `"${showText(value)}"`;
  if (value === null || typeof value !== "object") return String(value);
  return Array.isArray(value) ? "[...]" : "{...}";
}

/** Returns what a value of a configuration file is, in the words of JSON with an article: "a number", "an object". */
export function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Returns words as a list in prose: `a`, `a or b`, `a, b or c`. */
export function orList(words: readonly string[]): string {
  const last = words.length - 1;
  return last < 1 ? words.join("") : `${words.slice(0, last).join(", ")} or ${words[last]}`;
}
