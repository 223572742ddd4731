/**
 * Cost profiles: what an event costs, as data with a source for every number.
 *
 * A profile is a list of coefficients. Each names the events it prices (kind, and where it matters stage or reason), a
 * unit, a value with its range, and where the number comes from. Costs add up: an event pays every coefficient that fits
 * it. An event that no coefficient fits costs nothing. Which fields there are says `profile_fields.ts`.
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
import { COEFFICIENT_FIELDS, type COST_UNITS, PROFILE_FIELDS, type ProfileField } from "./profile_fields.ts";

export { COST_UNITS } from "./profile_fields.ts";

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
  /** A profile that comes with tailbits, whose other prices hold; absent: none, or `withBase()` has put them in. */
  readonly base?: string;
  /** What it was fitted to, and how; absent: to nothing. */
  readonly fit?: string;
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
    value = parseWithoutNumbers(text, name);
  }
  return checkProfile(value, name);
}

/** A string, even one without an end, which is kept, or a word that some programs write as a number and JSON does not have. */
const STRING_OR_NOT_A_NUMBER =
  /"(?:[^"\\]+|\\[\s\S]?)*"?|-?\b(?:NaN|nan|Infinity|inf)\b(?<=[:[,]\s*-?(?:NaN|nan|Infinity|inf))/g;

/** Reads text with such words, which become texts, so that the path of the field can be named. */
function parseWithoutNumbers(text: string, name: string): unknown {
  try {
    return JSON.parse(text.replace(STRING_OR_NOT_A_NUMBER, (found) => found.startsWith('"') ? found : `"${found}"`));
  } catch {
    // It is still not JSON, or has a string of so many escapes that the expression gives up.
    throw new ProfileError(`Cannot use profile ${name}: it is not JSON`);
  }
}

/** Checks a parsed profile field by field. Throws ProfileError with the field's path. */
export function checkProfile(value: unknown, name: string): Profile {
  const fields = new Fields(value, name, "");
  // `$schema` is for editors alone.
  const { $schema: _, ...checked } = fields.read(PROFILE_FIELDS);
  const coefficients = fields.list("coefficients").map((item, index) => {
    return checkCoefficient(new Fields(item, name, `coefficients[${index}].`));
  });
  refuseTwice(coefficients, name);
  return { ...checked, coefficients } as unknown as Profile;
}

function checkCoefficient(fields: Fields): Coefficient {
  const checked = fields.read(COEFFICIENT_FIELDS) as unknown as Coefficient;
  const { low, value, high } = checked;
  if (low > value || value > high) fields.refuse("value", `low ${low} <= value ${value} <= high ${high} does not hold`);
  return checked;
}

/** Two coefficients for the same would add up, which is hardly what was meant. */
function refuseTwice(coefficients: readonly Coefficient[], name: string): void {
  const seen = new Map<string, number>();
  for (const [index, coefficient] of coefficients.entries()) {
    const key = keyOf(coefficient);
    const first = seen.get(key);
    if (first !== undefined) {
      const why = `coefficients[${first}] has the same event, stage, reason and unit`;
      throw new ProfileError(`Cannot use profile ${name}: coefficients[${index}]: ${why}`);
    }
    seen.set(key, index);
  }
}

/** What a coefficient prices, and in what unit. */
function keyOf({ event, stage = "", reason = "", unit }: Coefficient): string {
  return [event, stage, reason, unit].join(" ");
}

/**
 * The profile with the prices of its base: its own coefficients, then those of the base that it does not replace. Cycles
 * become time by its own clock. `shipped` are the profiles that may be a base; `name` is what messages call the file.
 * Throws ProfileError when there is no such base.
 */
export function withBase(profile: Profile, shipped: ReadonlyMap<string, Profile>, name: string): Profile {
  const { base: baseName, ...rest } = profile;
  if (baseName === undefined) return profile;
  const base = shipped.get(baseName);
  if (base === undefined) {
    const why = `${nameShown(baseName)} is none of ${[...shipped.keys()].join(", ")}`;
    throw new ProfileError(`Cannot use profile ${name}: base: ${why}`);
  }
  const own = new Set(profile.coefficients.map(keyOf));
  const inherited = base.coefficients.filter((coefficient) => !own.has(keyOf(coefficient)));
  return { ...rest, coefficients: [...profile.coefficients, ...inherited] };
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

  /** The values of a table of fields, as far as they are there; lists are left to `list()`. */
  read(table: readonly ProfileField[]): Record<string, unknown> {
    for (const key of Object.keys(this.#fields)) {
      if (!table.some(({ name }) => name === key)) this.refuse(nameShown(key), "there is no such field");
    }
    const present = table.filter(({ name, isOptional }) => isOptional !== true || this.#fields[name] !== undefined);
    return Object.fromEntries(present.map((field) => [field.name, this.#value(field)]));
  }

  list(key: string): readonly unknown[] {
    const value = this.#fields[key];
    if (!Array.isArray(value)) this.refuse(key, "a list is needed");
    return value;
  }

  #value({ name, kind, values = [], least = -Infinity, most = Infinity }: ProfileField): unknown {
    switch (kind) {
      case "text":
        return this.#text(name);
      case "number":
        return this.#number(name, least, most);
      case "choice":
        return this.#oneOf(name, values);
      case "coefficients":
        return this.list(name);
    }
  }

  #text(key: string): string {
    const value = this.#fields[key];
    if (typeof value !== "string" || value === "") this.refuse(key, "a text is needed");
    return value;
  }

  #number(key: string, least: number, most: number): number {
    const value = this.#fields[key];
    if (typeof value !== "number" || !(value >= least && value <= most)) {
      this.refuse(key, `a number from ${least} to ${most} is needed`);
    }
    return value;
  }

  #oneOf(key: string, names: readonly string[]): string {
    const value = this.#text(key);
    if (!names.includes(value)) this.refuse(key, `${nameShown(value)} is none of ${names.join(", ")}`);
    return value;
  }
}

/** A name of a file's making, in one line. */
function nameShown(name: string): string {
  return /^[\x21-\x7e]{1,60}$/.test(name) ? name : JSON.stringify(name.slice(0, 60));
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
  // Of what happens: a run meets few of all pairs.
  const tables = new Array<Float64Array | undefined>(EVENT_NAMES.length * stages);
  return (event, stage, reason, bytes, count) => {
    const table = tables[event * stages + stage] ??= tableOf(profile, EVENT_NAMES[event]!, STAGE_NAMES[stage]!);
    const at = reason * TERMS;
    return Math.round(table[at]! + table[at + 1]! * bytes + table[at + 2]! * count);
  };
}

/** The terms of an event in a stage, by reason. */
function tableOf(profile: Profile, event: string, stage: string): Float64Array {
  const table = new Float64Array(REASONS.length * TERMS);
  for (const coefficient of profile.coefficients) {
    if (coefficient.event !== event || (coefficient.stage ?? stage) !== stage) continue;
    const [measure, per] = coefficient.unit.split("/") as [string, string];
    const ps = coefficient.value * PS_PER_NS / (measure === "cycles" ? profile.clock_ghz : 1);
    const term = ["op", "byte", "count"].indexOf(per);
    REASONS.forEach((known, reason) => {
      if ((coefficient.reason ?? known.name) === known.name) table[reason * TERMS + term]! += ps;
    });
  }
  return table;
}
