/**
 * One setting, from a file or from `--set`: looks its key up and has its value checked.
 *
 * @module
 */

import { ConfigError, showText } from "./errors.ts";
import { checkValue, type Setting, valueFromText } from "./kinds.ts";
import { nearestInWords } from "./nearest.ts";
import { PLANNED_KEYS } from "./planned_keys.ts";
import { definitionOf, isKeyName, KEY_NAMES, type KeyName } from "./schema.ts";

/** A key with a checked value. */
export interface KeySetting {
  /** A key of the table. */
  readonly key: KeyName;
  /** A value that the key takes. */
  readonly value: Setting;
}

/**
 * Reads `key=value` of the command line; the value is everything behind the first equals sign.
 *
 * @throws {ConfigError} if the equals sign is missing, or the key or value is unknown or not built.
 */
export function parseSetting(text: string): KeySetting {
  const split = text.indexOf("=");
  if (split < 1) {
    const hint = isKeyName(text) ? `, such as ${text}=${definitionOf(text).default}` : "";
    throw new ConfigError(`Cannot read --set ${showText(text)}: it must be written key=value${hint}`);
  }
  const key = lookUpKey(text.slice(0, split), "");
  return { key, value: valueFromText(key, definitionOf(key), text.slice(split + 1)) };
}

/**
 * Checks one key of a configuration file; `where` says which file.
 *
 * @throws {ConfigError} if the key or value is unknown, not built, or of the wrong type.
 */
export function checkFileSetting(name: string, value: unknown, where: string): KeySetting {
  const key = lookUpKey(name, `, ${where}`);
  return { key, value: checkValue(key, definitionOf(key), value, `, ${where}`) };
}

function lookUpKey(name: string, where: string): KeyName {
  if (isKeyName(name)) return name;
  const shown = showText(name);
  if (Object.hasOwn(PLANNED_KEYS, name)) throw new ConfigError(`Cannot set ${shown}: it is not built yet${where}`);
  if (name === "preset") {
    throw new ConfigError(
      `Cannot set preset: it is no key, a preset is chosen by its name as the configuration${where}`,
    );
  }
  const near = nearestInWords(name, KEY_NAMES, Object.keys(PLANNED_KEYS));
  const hint = near === undefined ? ", the verb configs lists them" : `, the nearest is ${near}`;
  throw new ConfigError(`Cannot set ${shown}: there is no such key${hint}${where}`);
}
