/**
 * Cost profiles: what an event costs, as data with a source for every number.
 *
 * A profile is a list of coefficients. Each names the events it prices (kind, and where it matters stage or reason), a
 * unit, a value with its range, and where the number comes from. Costs add up: an event pays every coefficient that fits
 * it. An event that no coefficient fits costs nothing.
 *
 * ```ts
 * const profile = parseProfile(text, "my-machine.json");
 * const price = priceOf(profile);
 * price(EVENT.copy, STAGE["esp-output"], REASON.pullTail, 1460, 1); // whole picoseconds
 * ```
 *
 * @module
 */

import type { Price } from "../ledger/ledger.ts";
import { EVENT_NAMES, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";

/** What a value is multiplied with: the event itself, its `bytes`, or its `count` (segments, fragments, sg entries). */
export const COST_UNITS = ["cycles/op", "cycles/byte", "cycles/count", "ns/op", "ns/byte", "ns/count"] as const;

/** Unit of a coefficient. */
export type CostUnit = typeof COST_UNITS[number];

/** One number of a profile. */
export interface Coefficient {
  /** Kind of event, a name of `EVENT_NAMES`. */
  readonly event: string;
  /** Only in this stage (a name of `STAGE_NAMES`); absent: in all. */
  readonly stage?: string;
  /** Only with this reason (a reason's name in traces); absent: with all. */
  readonly reason?: string;
  /** What the value is multiplied with, and whether it is cycles or ns. */
  readonly unit: CostUnit;
  /** Best estimate. */
  readonly value: number;
  /** Range of the value, `low <= value <= high`. */
  readonly low: number;
  /** Upper end of the range. */
  readonly high: number;
  /** Rows of `fixtures/published-costs.csv`, or another publication. */
  readonly source: string;
  /** How the value follows from the source. */
  readonly note: string;
}

/** A cost profile. */
export interface Profile {
  /** Name in the configuration. */
  readonly name: string;
  /** Which machine, how found. */
  readonly description: string;
  /** Clock that turns cycles into time. */
  readonly clock_ghz: number;
  /** All prices; those that fit an event add up. */
  readonly coefficients: readonly Coefficient[];
}

/** A profile that cannot be used; the message names the file and the field. */
export class ProfileError extends Error {
  /** Name of the class. */
  override name = "ProfileError";
}

/** Reads a profile from JSON text; `name` is what messages call the file. Throws ProfileError with the field's path. */
export function parseProfile(text: string, name: string): Profile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ProfileError(`Cannot use profile ${name}: it is not JSON`);
  }
  return checkProfile(value, name);
}

/** Checks a parsed profile field by field. */
export function checkProfile(value: unknown, name: string): Profile {
  const fields = new Fields(value, name, "");
  fields.allow(["$schema", "name", "description", "clock_ghz", "coefficients"]);
  const coefficients = fields.list("coefficients").map((item, index) => {
    return checkCoefficient(new Fields(item, name, `coefficients[${index}].`));
  });
  return {
    name: fields.text("name"),
    description: fields.text("description"),
    clock_ghz: fields.positive("clock_ghz"),
    coefficients,
  };
}

function checkCoefficient(fields: Fields): Coefficient {
  fields.allow(["event", "stage", "reason", "unit", "value", "low", "high", "source", "note"]);
  const low = fields.amount("low");
  const value = fields.amount("value");
  const high = fields.amount("high");
  if (low > value || value > high) fields.refuse("value", `low ${low} <= value ${value} <= high ${high} does not hold`);
  return {
    event: fields.oneOf("event", EVENT_NAMES),
    ...(fields.has("stage") ? { stage: fields.oneOf("stage", STAGE_NAMES) } : {}),
    ...(fields.has("reason") ? { reason: fields.oneOf("reason", REASONS.map((reason) => reason.name)) } : {}),
    unit: fields.oneOf("unit", COST_UNITS),
    value,
    low,
    high,
    source: fields.text("source"),
    note: fields.text("note"),
  };
}

/** The fields of one JSON object, read with checks that name the path of what is wrong. */
class Fields {
  readonly #fields: Record<string, unknown>;

  constructor(value: unknown, readonly name: string, readonly path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new ProfileError(`Cannot use profile ${name}: ${path.replace(/\.$/, "") || "it"} is not an object`);
    }
    this.#fields = value as Record<string, unknown>;
  }

  refuse(key: string, why: string): never {
    throw new ProfileError(`Cannot use profile ${this.name}: ${this.path}${key}: ${why}`);
  }

  has(key: string): boolean {
    return this.#fields[key] !== undefined;
  }

  allow(keys: readonly string[]): void {
    for (const key of Object.keys(this.#fields)) if (!keys.includes(key)) this.refuse(key, "there is no such field");
  }

  text(key: string): string {
    const value = this.#fields[key];
    if (typeof value !== "string" || value === "") this.refuse(key, "a text is needed");
    return value;
  }

  list(key: string): readonly unknown[] {
    const value = this.#fields[key];
    if (!Array.isArray(value)) this.refuse(key, "a list is needed");
    return value;
  }

  amount(key: string): number {
    const value = this.#fields[key];
    if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
      this.refuse(key, "a number from 0 up is needed");
    }
    return value;
  }

  positive(key: string): number {
    const value = this.amount(key);
    if (value === 0) this.refuse(key, "a number above 0 is needed");
    return value;
  }

  oneOf<Name extends string>(key: string, names: readonly Name[]): Name {
    const value = this.text(key);
    const found = names.find((name) => name === value);
    if (found === undefined) this.refuse(key, `${value} is none of ${names.filter((name) => name !== "").join(", ")}`);
    return found;
  }
}

/** Numbers kept per (event, stage, reason): picoseconds per op, per byte and per count. */
const TERMS = 3;

/** What has been compiled: many runs have one profile. */
const COMPILED = new WeakMap<Profile, Price>();

/**
 * Compiles a profile, which does not change, into the price of an event: a look-up and two multiplications, rounded to whole
 * picoseconds.
 */
export function priceOf(profile: Profile): Price {
  let price = COMPILED.get(profile);
  if (price === undefined) {
    price = compile(profile);
    COMPILED.set(profile, price);
  }
  return price;
}

function compile(profile: Profile): Price {
  const stages = STAGE_NAMES.length;
  const reasons = REASONS.length;
  const table = new Float64Array(EVENT_NAMES.length * stages * reasons * TERMS);
  for (const coefficient of profile.coefficients) addCoefficient(table, coefficient, profile.clock_ghz);
  return (event, stage, reason, bytes, count) => {
    const at = ((event * stages + stage) * reasons + reason) * TERMS;
    return Math.round(table[at]! + table[at + 1]! * bytes + table[at + 2]! * count);
  };
}

function addCoefficient(table: Float64Array, coefficient: Coefficient, clockGhz: number): void {
  const [measure, per] = coefficient.unit.split("/") as [string, string];
  const ps = coefficient.value * PS_PER_NS / (measure === "cycles" ? clockGhz : 1);
  const term = ["op", "byte", "count"].indexOf(per);
  const event = (EVENT_NAMES as readonly string[]).indexOf(coefficient.event);
  STAGE_NAMES.forEach((stageName, stage) => {
    if (coefficient.stage !== undefined && coefficient.stage !== stageName) return;
    REASONS.forEach((known, reason) => {
      if (coefficient.reason !== undefined && coefficient.reason !== known.name) return;
      const at = ((event * STAGE_NAMES.length + stage) * REASONS.length + reason) * TERMS + term;
      table[at] = table[at]! + ps;
    });
  });
}
