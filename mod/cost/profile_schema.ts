/**
 * The JSON Schema (draft 2020-12) of cost profiles, derived from the table of their fields.
 *
 * It accepts every file that `parseProfile()` accepts. It cannot say that `low <= value <= high`, nor that no two
 * coefficients price the same.
 *
 * Example: `JSON.stringify(profileJsonSchema())` is what `tailbits configs profile --schema` prints.
 *
 * @module
 */

import { COEFFICIENT_FIELDS, PROFILE_FIELDS, type ProfileField } from "./profile_fields.ts";

/** A schema as plain data, ready for `JSON.stringify`. */
export type ProfileSchema = { readonly [keyword: string]: unknown };

/** Returns the schema of a cost profile. */
export function profileJsonSchema(): ProfileSchema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "tailbits cost profile",
    description: "What events cost. Every number has a range and a source.",
    ...objectSchema(PROFILE_FIELDS),
  };
}

function objectSchema(fields: readonly ProfileField[]): ProfileSchema {
  return {
    type: "object",
    additionalProperties: false,
    required: fields.filter(({ isOptional }) => isOptional !== true).map(({ name }) => name),
    properties: Object.fromEntries(
      fields.map((field) => [field.name, { description: field.doc, ...valueSchema(field) }]),
    ),
  };
}

function valueSchema({ kind, values, least, most }: ProfileField): ProfileSchema {
  switch (kind) {
    case "text":
      return { type: "string", minLength: 1 };
    case "number":
      return { type: "number", minimum: least, maximum: most };
    case "choice":
      return { type: "string", enum: values };
    case "coefficients":
      return { type: "array", items: objectSchema(COEFFICIENT_FIELDS) };
  }
}
