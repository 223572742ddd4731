import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { EVENT_NAMES, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import { COST_UNITS, parseProfile, ProfileError } from "./profile.ts";
import { profileJsonSchema, type ProfileSchema } from "./profile_schema.ts";
import { PROFILES } from "./profiles.ts";

const SCHEMA = profileJsonSchema();

/** The keywords that the published schema uses; any other in it fails the test instead of passing unseen. */
const KEYWORDS =
  "$schema title description type additionalProperties required properties items enum minLength minimum maximum"
    .split(" ");

function hasType(value: unknown, type: unknown): boolean {
  if (type === "array") return Array.isArray(value);
  return typeof value === type && value !== null && !Array.isArray(value);
}

/** A checker of just these keywords, by the rules of JSON Schema 2020-12. */
function accepts(schema: ProfileSchema, value: unknown): boolean {
  for (const keyword of Object.keys(schema)) assert(KEYWORDS.includes(keyword), keyword);
  const { type, enum: values, minimum, maximum, minLength, items } = schema;
  if (!hasType(value, type)) return false;
  if (Array.isArray(values) && !values.includes(value)) return false;
  if (typeof value === "number" && value < Number(minimum ?? 0)) return false;
  if (typeof value === "number" && value > Number(maximum ?? Infinity)) return false;
  if (typeof value === "string" && value.length < Number(minLength ?? 0)) return false;
  if (Array.isArray(value)) return value.every((item) => accepts(items as ProfileSchema, item));
  return type !== "object" || acceptsFields(schema, value as Record<string, unknown>);
}

function acceptsFields(schema: ProfileSchema, value: Record<string, unknown>): boolean {
  const known = schema["properties"] as Record<string, ProfileSchema>;
  assertEquals(schema["additionalProperties"], false);
  if (!(schema["required"] as string[]).every((name) => Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, member]) => Object.hasOwn(known, name) && accepts(known[name]!, member));
}

function parses(value: unknown): boolean {
  try {
    parseProfile(JSON.stringify(value), "x.json");
    return true;
  } catch (error) {
    assert(error instanceof ProfileError && /^Cannot use profile x\.json: [^\n]+$/.test(error.message), String(error));
    return false;
  }
}

const legalCoefficient = fc.record({
  event: fc.constantFrom(...EVENT_NAMES),
  stage: fc.constantFrom(...STAGE_NAMES),
  reason: fc.constantFrom(...REASONS.map(({ name }) => name).filter((name) => name !== "")),
  unit: fc.constantFrom(...COST_UNITS),
  low: fc.integer({ min: 0, max: 3 }),
  value: fc.integer({ min: 3, max: 5 }),
  high: fc.integer({ min: 5, max: 9 }),
  source: fc.constant("s"),
  note: fc.constant("n"),
}, { requiredKeys: ["event", "unit", "low", "value", "high", "source", "note"] });

const legalProfile = fc.record({
  $schema: fc.constant("profile.schema.json"),
  name: fc.constant("mine"),
  description: fc.constant("d"),
  base: fc.constant("published"),
  fit: fc.constant("f"),
  clock_ghz: fc.constantFrom(0.1, 2.59),
  // Two coefficients for the same are refused for a reason that no schema can hold.
  coefficients: fc.array(legalCoefficient, { maxLength: 1 }),
}, { requiredKeys: ["name", "description", "clock_ghz", "coefficients"] });

/** A value in the place of another, of any kind, but no number that only `low <= value <= high` refuses. */
const anything = fc.oneof(
  fc.constantFrom(undefined, null, "", "x", -1, 0, 101, 1e7, "cycles/op", "copy"),
  fc.jsonValue(),
);

Deno.test("profileJsonSchema() is plain data that names draft 2020-12", () => {
  assertEquals(JSON.parse(JSON.stringify(SCHEMA)), SCHEMA);
  assertEquals(SCHEMA["$schema"], "https://json-schema.org/draft/2020-12/schema");
});

Deno.test("profileJsonSchema() accepts every shipped profile", () => {
  for (const profile of PROFILES.values()) assert(accepts(SCHEMA, profile), profile.name);
});

Deno.test("profileJsonSchema() accepts a profile with one field changed, added or taken away exactly when parseProfile() does", () => {
  const fields = ["$schema", "name", "description", "base", "fit", "clock_ghz", "coefficients", "clock", "toString"];
  fc.assert(
    fc.property(legalProfile, fc.constantFrom(...fields), anything, (legal, field, value) => {
      assert(parses(legal) && accepts(SCHEMA, legal), JSON.stringify(legal));
      const changed = JSON.parse(JSON.stringify({ ...legal, [field]: value }));
      assertEquals(parses(changed), accepts(SCHEMA, changed), JSON.stringify(changed));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("profileJsonSchema() accepts a coefficient with one field changed exactly when parseProfile() does", () => {
  const fields = ["event", "stage", "reason", "unit", "low", "value", "high", "source", "note", "cost", "valueOf"];
  fc.assert(
    fc.property(legalProfile, legalCoefficient, fc.constantFrom(...fields), anything, (legal, item, field, value) => {
      // That low <= value <= high holds is beyond the schema.
      if (typeof value === "number" && value >= 0 && value <= 1e6) return;
      const changed = JSON.parse(JSON.stringify({ ...legal, coefficients: [{ ...item, [field]: value }] }));
      assertEquals(parses(changed), accepts(SCHEMA, changed), JSON.stringify(changed));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("profileJsonSchema() does not say what parseProfile() checks beyond it", () => {
  const item = { event: "copy", unit: "ns/op", low: 2, value: 1, high: 3, source: "s", note: "n" };
  const text = { name: "n", description: "d", clock_ghz: 1, coefficients: [item] };
  assertEquals(accepts(SCHEMA, text), true);
  assertThrows(() => parseProfile(JSON.stringify(text), "x.json"), ProfileError, "coefficients[0].value: low 2 <=");
});
