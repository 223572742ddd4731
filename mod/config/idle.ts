/**
 * Keys that are legal and change nothing: on another path, or because of another key.
 *
 * Example: `describeIdle(baseline, nocopyRx, "forward")` is `["rx_cow"]`, because a gateway does no ESP input.
 *
 * @module
 */

import { orList } from "./errors.ts";
import { conditionValues, idleConditions, type Path } from "./kinds.ts";
import { type Config, definitionOf, KEY_NAMES, type KeyName } from "./schema.ts";

/** Returns why `key` changes nothing in `config` played on `path`, in words; undefined if it acts. */
export function whyIdle(key: KeyName, config: Config, path: Path): string | undefined {
  const definition = definitionOf(key);
  const { paths } = definition;
  if (!paths.includes(path)) return `it acts on path ${orList(paths)}, not on ${path}`;
  const values: Readonly<Record<string, string | number>> = { ...config, path };
  const holds = idleConditions(definition).find((condition) => {
    return conditionValues(condition).every(([other, those]) => those.includes(values[other]!));
  });
  if (holds === undefined) return undefined;
  return `it is idle with ${Object.keys(holds).map((other) => `${other}=${values[other]}`).join(" and ")}`;
}

/**
 * Returns the keys in which two configurations differ if every one of them is idle on `path` in both, in table order; empty
 * if a key that acts differs, or nothing does.
 */
export function describeIdle(a: Config, b: Config, path: Path): readonly KeyName[] {
  const differing = KEY_NAMES.filter((key) => a[key] !== b[key]);
  const allIdle = differing.every((key) => {
    return whyIdle(key, a, path) !== undefined && whyIdle(key, b, path) !== undefined;
  });
  return allIdle ? differing : [];
}
