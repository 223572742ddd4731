/**
 * The kinds of configuration keys, and the one place where a value is converted and checked.
 *
 * A value of a file arrives typed and is checked as it is; a value of the command line arrives as text, is converted by
 * the kind of its key and then goes through the same check. Example: `checkValue("mtu", definition, 1500, "")` is 1500.
 *
 * @module
 */

import { ConfigError, orList, showText, showValue, typeName } from "./errors.ts";
import { nearestInWords } from "./nearest.ts";

/** The paths of the design (section 3), built or not. */
export const PATHS = ["forward", "send", "receive", "host-to-host"] as const;

/** One of {@linkcode PATHS}. */
export type Path = (typeof PATHS)[number];

/** What a key may be set to. */
export type Setting = string | number;

/** Values of other keys, `path` among them; of several, one must be there. */
export type IdleCondition = Readonly<Record<string, Setting | readonly Setting[]>>;

/** The conditions under one of which a key is idle; none if it acts wherever its paths say. */
export function idleConditions({ idleWhen }: KeyFacts): readonly IdleCondition[] {
  if (idleWhen === undefined) return [];
  return Array.isArray(idleWhen) ? idleWhen : [idleWhen as IdleCondition];
}

/** The values that `condition` has for each key that it names. */
export function conditionValues(
  condition: IdleCondition,
): readonly (readonly [key: string, values: readonly Setting[]])[] {
  return Object.entries(condition).map(([key, values]) => [key, [values].flat() as readonly Setting[]] as const);
}

/** What the table says about every key, whatever its kind. */
export interface KeyFacts {
  /** One sentence in the words of the field. */
  readonly doc: string;
  /** What the slides ask or propose that the key answers; absent for a key that is not from the slides. */
  readonly question?: string;
  /** The paths on which the key acts; on others it is legal and idle. */
  readonly paths: readonly Path[];
  /** The value on a path when nothing else is said, where it differs from that of the others. */
  readonly defaultOn?: Readonly<Partial<Record<Path, Setting>>>;
  /**
   * The key is idle where all of these hold, `path` among them, or of a list where all of one do; absent: it acts wherever `paths`
   * says.
   */
  readonly idleWhen?: IdleCondition | readonly IdleCondition[];
  /** The unit of a number that has one. */
  readonly unit?: string;
}

/** A family of values of a choice: a word with a number behind it, such as `frags:3`. Such a value stays a text. */
export interface NumberForm {
  /** What stands in front of the number. */
  readonly prefix: string;
  /** A regular expression that the number must match, as JSON Schema writes it. */
  readonly number: string;
  /** How the form is shown: `frags:<1..17>`. */
  readonly shown: string;
}

/** A key that takes one of a few values. */
export interface ChoiceKey extends KeyFacts {
  /** The kind, told apart by this word. */
  readonly kind: "choice";
  /** The values that are built, all texts or all numbers. */
  readonly values: readonly Setting[];
  /** More values that are built, with a number in each; of a choice of texts. */
  readonly forms?: readonly NumberForm[];
  /** How help and messages list values and forms, where that is shorter than all of them. */
  readonly shown?: readonly string[];
  /** Values of the design that are refused until they are built; `<name>` and a final `N` stand for any text. */
  readonly planned?: readonly string[];
  /** One of the values. */
  readonly default: Setting;
}

/** A key that takes a number of a range, both ends included; `integer` refuses fractions. */
export interface NumberKey extends KeyFacts {
  /** The kind, told apart by this word. */
  readonly kind: "integer" | "number";
  /** The least legal value, in the key's unit. */
  readonly minimum: number;
  /** The greatest legal value, in the key's unit. */
  readonly maximum: number;
  /** A value of the range. */
  readonly default: number;
}

/** A key that takes a text of a given form. */
export interface TextKey extends KeyFacts {
  /** The kind, told apart by this word. */
  readonly kind: "text";
  /** A regular expression that the whole text must match, as JSON Schema writes it. */
  readonly pattern: string;
  /** What the pattern says, in words. */
  readonly expects: string;
  /** A text that matches. */
  readonly default: string;
}

/** One row of the table of keys. */
export type KeyDefinition = ChoiceKey | NumberKey | TextKey;

/** The numbers that the command line accepts: decimal, with a fraction or an exponent if wanted. */
const DECIMAL = /^-?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

/** What stands for any text in a planned value: `<Gbps>`, or an `N` at the end. */
const PLACEHOLDER = /<[^>]+>|N$/;

/** Returns what a key takes, in words: `on or off`, `an integer from 576 to 65535 (bytes)`. */
export function expectation(definition: KeyDefinition): string {
  if (definition.kind === "choice") return orList(valuesShown(definition));
  if (definition.kind === "text") return definition.expects;
  const noun = definition.kind === "integer" ? "an integer" : "a number";
  const unit = definition.unit === undefined ? "" : ` (${definition.unit})`;
  return `${noun} from ${definition.minimum} to ${definition.maximum}${unit}`;
}

/** Returns what a choice takes: its values, then its forms as `frags:<1..17>`, or in short where it has a way to say so. */
export function valuesShown(definition: ChoiceKey): readonly string[] {
  return definition.shown ?? allValues(definition);
}

function allValues({ values, forms = [] }: ChoiceKey): readonly string[] {
  return [...values.map(String), ...forms.map(({ shown }) => shown)];
}

/** Returns the number in a value that begins with `prefix`: 3 for `frags:3` and `frags:`; undefined for other values. */
export function formNumber(value: string, prefix: string): number | undefined {
  return value.startsWith(prefix) ? Number(value.slice(prefix.length)) : undefined;
}

/** Tells whether the design names this value of a choice although it is not built yet. */
export function isPlannedValue(definition: ChoiceKey, value: string): boolean {
  return (definition.planned ?? []).some((form) => {
    const [before, after] = form.split(PLACEHOLDER);
    if (after === undefined) return value === form;
    return value.length > form.replace(PLACEHOLDER, "").length && value.startsWith(before!) && value.endsWith(after);
  });
}

/**
 * Converts a value of the command line by the kind of its key, and checks it.
 *
 * @throws {ConfigError} as {@linkcode checkValue}.
 */
export function valueFromText(key: string, definition: KeyDefinition, text: string): Setting {
  if (jsonType(definition) === "string") return checkValue(key, definition, text, "");
  if (!DECIMAL.test(text) || !Number.isFinite(Number(text))) throw wrongValue(key, definition, text, "");
  return checkValue(key, definition, Number(text), "");
}

/**
 * Checks a typed value and returns it.
 *
 * `where` ends the message and is empty or begins with a comma (`, in file x.jsonc`).
 *
 * @throws {ConfigError} if the value has the wrong type, is none of the key's values, or is not built yet.
 */
export function checkValue(key: string, definition: KeyDefinition, value: unknown, where: string): Setting {
  const type = jsonType(definition);
  if (typeof value !== type || (typeof value !== "string" && typeof value !== "number")) {
    const expected = `it takes ${expectation(definition)} as a ${type}`;
    const hint = hintForWrongType(definition, value);
    throw new ConfigError(`Cannot set ${key}=${showValue(value)}: ${expected}, not ${typeName(value)}${hint}${where}`);
  }
  if (!isLegal(definition, value)) throw wrongValue(key, definition, value, where);
  // A negative zero would print as 0 but compare as another value.
  return value === 0 ? 0 : value;
}

/** Returns the type that a key has in JSON. */
export function jsonType(definition: KeyDefinition): "string" | "number" {
  return typeof definition.default === "string" ? "string" : "number";
}

function isLegal(definition: KeyDefinition, value: Setting): boolean {
  switch (definition.kind) {
    case "choice":
      return definition.values.includes(value) || hasForm(definition, String(value));
    case "text":
      return new RegExp(definition.pattern, "u").test(String(value));
    case "integer":
    case "number": {
      const inRange = Number(value) >= definition.minimum && Number(value) <= definition.maximum;
      return inRange && (definition.kind === "number" || Number.isInteger(value));
    }
  }
}

function hasForm({ forms = [] }: ChoiceKey, text: string): boolean {
  return forms.some(({ prefix, number }) => {
    return text.startsWith(prefix) && new RegExp(`^(${number})$`, "u").test(text.slice(prefix.length));
  });
}

function wrongValue(key: string, definition: KeyDefinition, value: Setting, where: string): ConfigError {
  const setting = `${key}=${showText(String(value))}`;
  if (definition.kind !== "choice") {
    return new ConfigError(`Cannot set ${setting}: it takes ${expectation(definition)}${where}`);
  }
  const built = valuesShown(definition);
  if (isPlannedValue(definition, String(value))) {
    const verb = built.length === 1 ? "is" : "are";
    return new ConfigError(`Cannot use ${setting}: it is not built yet; built ${verb} ${built.join(", ")}${where}`);
  }
  const near = nearestInWords(String(value), allValues(definition), definition.planned ?? []);
  const hint = near === undefined ? "" : ` (nearest: ${near})`;
  return new ConfigError(`Cannot set ${setting}: it takes ${expectation(definition)}${hint}${where}`);
}

/** Returns what was probably meant by a value of the wrong type: `4.4` for "4.4", `true` for "on", "1500" for 1500. */
function hintForWrongType(definition: KeyDefinition, value: unknown): string {
  if (typeof value === "string") {
    const meant = Number(value);
    return DECIMAL.test(value) && isLegal(definition, meant) ? ` (write ${meant})` : "";
  }
  if (jsonType(definition) === "number" || (typeof value !== "number" && typeof value !== "boolean")) return "";
  const meant = typeof value === "number" ? String(value) : value ? "on" : "off";
  return isLegal(definition, meant) ? ` (write "${meant}")` : "";
}
