/**
 * The table of keys, the presets and one configuration's values, as rows and as plain text for help.
 *
 * Rows are data for CSV and JSON; the text is for people. Both are derived, nothing is written twice.
 *
 * @module
 */

import { conditionValues, idleConditions, type KeyDefinition, valuesShown } from "./kinds.ts";
import { PLANNED_KEYS } from "./planned_keys.ts";
import { DEFAULT_PRESET, PLANNED_PRESETS, PRESETS } from "./presets.ts";
import type { ResolvedConfig } from "./resolve.ts";
import { definitionOf, KEY_NAMES } from "./schema.ts";

/** One key of the table. */
export interface KeyRow {
  /** The name of the key. */
  readonly key: string;
  /** The values and forms of a choice; for a number one entry such as `576..65535`; for a text `<what it must be>`. */
  readonly values: readonly string[];
  /** The value when nothing else is said. */
  readonly default: string;
  /** Empty if there is none. */
  readonly unit: string;
  /** The paths on which the key acts. */
  readonly paths: readonly string[];
  /** What makes it idle there, each of them: `tx_tail=linearize`, `path=forward and gro=off`; empty if nothing does. */
  readonly idle_when: readonly string[];
  /** One sentence in the words of the field. */
  readonly doc: string;
  /** The slides' question; empty if there is none. */
  readonly question: string;
  /** Values of the design that are refused until they are built. */
  readonly planned: readonly string[];
}

/** One preset. */
export interface PresetRow {
  /** The name. */
  readonly preset: string;
  /** One sentence. */
  readonly doc: string;
  /** Every key it states, as `key=value`. */
  readonly settings: readonly string[];
}

/** One value of a configuration. */
export interface ExplainRow {
  /** The name of the key. */
  readonly key: string;
  /** Its value as `--set` would write it. */
  readonly value: string;
  /** Where the value came from. */
  readonly from: string;
}

/** Returns one row per key, in table order. */
export function keyRows(): KeyRow[] {
  return KEY_NAMES.map((key) => {
    const definition = definitionOf(key);
    return {
      key,
      values: valuesInShort(definition),
      default: String(definition.default),
      unit: definition.unit ?? "",
      paths: definition.paths,
      idle_when: idleConditions(definition).map((condition) => {
        return conditionValues(condition).map(([other, values]) => `${other}=${values.join("|")}`).join(" and ");
      }),
      doc: definition.doc,
      question: definition.question ?? "",
      planned: definition.kind === "choice" ? definition.planned ?? [] : [],
    };
  });
}

/** Returns one row per preset that is built. */
export function presetRows(): PresetRow[] {
  return Object.entries(PRESETS).map(([preset, { doc, settings }]) => {
    return { preset, doc, settings: assignments(settings) };
  });
}

/** Returns one row per key of a configuration, in table order. */
export function explainRows(resolved: ResolvedConfig): ExplainRow[] {
  return KEY_NAMES.map((key) => ({ key, value: String(resolved.config[key]), from: resolved.provenance[key] }));
}

/** Returns the help on keys: a paragraph each, then the names of those that are not built. */
export function renderKeys(): string {
  const paragraphs = keyRows().map(renderKey);
  paragraphs.push(`Keys not built yet: ${Object.keys(PLANNED_KEYS).join(", ")}.`);
  return paragraphs.join("\n\n") + "\n";
}

function renderKey(row: KeyRow): string {
  const unit = row.unit === "" ? "" : ` ${row.unit}`;
  const idle = row.idle_when.length === 0 ? "" : `; idle with ${row.idle_when.join(", or ")}`;
  const lines = [`${row.key}=${row.values.join("|")}${unit} (default ${row.default})`, row.doc];
  if (row.question !== "") lines.push(`Slides: ${row.question}`);
  lines.push(`Acts on: ${row.paths.join(", ")}${idle}.`);
  if (row.planned.length > 0) lines.push(`Not built yet: ${row.planned.join(", ")}.`);
  return lines.join("\n    ");
}

/** Returns the help on presets: three lines each, then the names of those that are not built. */
export function renderPresets(): string {
  const paragraphs = presetRows().map(({ preset, doc, settings }) => {
    const mark = preset === DEFAULT_PRESET ? " (default)" : "";
    return `${preset}${mark}\n    ${doc}\n    ${settings.join(" ")}`;
  });
  paragraphs.push(`Presets not built yet: ${PLANNED_PRESETS.join(", ")}.`);
  return paragraphs.join("\n\n") + "\n";
}

/** Returns key, value and origin of a configuration in aligned columns, then what is to be said of it. */
export function renderExplain(resolved: ResolvedConfig): string {
  const rows = explainRows(resolved);
  const keyWidth = Math.max(...rows.map(({ key }) => key.length));
  const valueWidth = Math.max(...rows.map(({ value }) => value.length));
  const lines = rows.map(({ key, value, from }) => `${key.padEnd(keyWidth)}  ${value.padEnd(valueWidth)}  ${from}`);
  for (const reason of resolved.counterfactual) lines.push(`Counterfactual: ${reason}.`);
  for (const warning of resolved.warnings) lines.push(`Warning: ${warning}.`);
  return [`Configuration ${resolved.name}`, ...lines].join("\n") + "\n";
}

function valuesInShort(definition: KeyDefinition): readonly string[] {
  if (definition.kind === "choice") return valuesShown(definition);
  return definition.kind === "text" ? [`<${definition.expects}>`] : [`${definition.minimum}..${definition.maximum}`];
}

function assignments(settings: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.entries(settings).map(([key, value]) => `${key}=${value}`);
}
