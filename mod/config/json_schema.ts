/**
 * The JSON Schema (draft 2020-12) of configuration files, derived from the table of keys.
 *
 * It accepts every file that `resolveConfig()` accepts. It cannot say which combinations are refused, because those depend
 * on the preset beneath the file.
 *
 * @module
 */

import { type ChoiceKey, jsonType, type KeyDefinition } from "./kinds.ts";
import { PRESETS } from "./presets.ts";
import { definitionOf, KEY_NAMES } from "./schema.ts";

/** A schema as plain data, ready for `JSON.stringify`. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** Returns the schema of a configuration file. */
export function configJsonSchema(): JsonSchema {
  const keys = KEY_NAMES.map((key) => [key, keySchema(definitionOf(key))]);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "tailbits configuration",
    description: "Values of a configuration; what is absent comes from the preset, else from the defaults.",
    type: "object",
    additionalProperties: false,
    properties: {
      $schema: { type: "string", description: "The schema of this file, for editors." },
      preset: { enum: Object.keys(PRESETS), description: "The preset that this configuration builds on." },
      ...Object.fromEntries(keys),
    },
  };
}

function keySchema(definition: KeyDefinition): JsonSchema {
  const unit = definition.unit === undefined ? "" : ` Unit: ${definition.unit}.`;
  return { description: definition.doc + unit, default: definition.default, ...valueSchema(definition) };
}

function valueSchema(definition: KeyDefinition): JsonSchema {
  switch (definition.kind) {
    case "choice":
      if (definition.forms !== undefined) return { type: "string", pattern: patternOf(definition) };
      return { type: jsonType(definition), enum: definition.values };
    case "text":
      return { type: "string", pattern: definition.pattern };
    case "integer":
    case "number":
      return { type: definition.kind, minimum: definition.minimum, maximum: definition.maximum };
  }
}

/** The values of a choice and its forms as one regular expression. */
function patternOf({ values, forms = [] }: ChoiceKey): string {
  const alternatives = forms.map(({ prefix, number }) => `${quoted(prefix)}(${number})`);
  return `^(${[...values.map((value) => quoted(String(value))), ...alternatives].join("|")})$`;
}

function quoted(text: string): string {
  return text.replace(/[$()*+.?[\\\]^{|}]/g, "\\$&");
}
