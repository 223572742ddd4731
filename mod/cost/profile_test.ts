import { assertEquals, assertThrows } from "@std/assert";
import { EVENT, EVENT_NAMES, REASON, REASONS, STAGE, STAGE_NAMES } from "../ledger/schema.ts";
import {
  checkProfile,
  type Coefficient,
  COST_UNITS,
  parseProfile,
  priceOf,
  type Profile,
  ProfileError,
  withBase,
} from "./profile.ts";

/** A coefficient of 1 ns per copy, changed by `fields`. */
function coefficient(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { event: "copy", unit: "ns/op", value: 1, low: 1, high: 1, source: "s", note: "n", ...fields };
}

/** A profile at 2 GHz, so that a cycle is half a nanosecond, changed by `fields`. */
function profile(coefficients: unknown, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { name: "p", description: "d", clock_ghz: 2, coefficients, ...fields };
}

function checked(...coefficients: Record<string, unknown>[]): Profile {
  return checkProfile(profile(coefficients.map(coefficient)), "p.json");
}

Deno.test("checkProfile() gives back what a legal profile says", () => {
  const full = coefficient({
    stage: "esp-output",
    reason: "pull-tail",
    unit: "cycles/byte",
    value: 2,
    low: 0,
    high: 2.5,
  });
  const legal = profile([full, coefficient()], { $schema: "profile.schema.json" });
  const { $schema: _, ...expected } = legal;
  assertEquals<unknown>(checkProfile(legal, "p.json"), expected);
  assertEquals<unknown>(parseProfile(JSON.stringify(legal), "p.json"), expected);
});

Deno.test("checkProfile() takes every event, stage, reason and unit of the schema", () => {
  const fields: Partial<Coefficient>[] = [
    ...EVENT_NAMES.map((event) => ({ event })),
    ...STAGE_NAMES.map((stage) => ({ stage })),
    ...REASONS.filter(({ name }) => name !== "").map(({ name }) => ({ reason: name })),
    ...COST_UNITS.map((unit) => ({ unit, stage: "gso", reason: "segment-copy" })),
  ];
  assertEquals(checked(...fields as Record<string, unknown>[]).coefficients.length, fields.length);
});

/** What is refused, and the path and cause that the message must name. */
const REFUSALS: [what: string, value: unknown, message: string][] = [
  ["a list instead of an object", [], "it is not an object"],
  ["null instead of an object", null, "it is not an object"],
  ["a text instead of an object", "x", "it is not an object"],
  ["a missing name", profile([], { name: undefined }), "name: a text is needed"],
  ["an empty name", profile([], { name: "" }), "name: a text is needed"],
  ["a description that is a number", profile([], { description: 5 }), "description: a text is needed"],
  ["a missing clock", profile([], { clock_ghz: undefined }), "clock_ghz: a number from 0.1 to 100 is needed"],
  ["a clock of 0", profile([], { clock_ghz: 0 }), "clock_ghz: a number from 0.1 to 100 is needed"],
  ["a clock that is too slow", profile([], { clock_ghz: 0.09 }), "clock_ghz: a number from 0.1 to 100 is needed"],
  ["a clock that is too fast", profile([], { clock_ghz: 101 }), "clock_ghz: a number from 0.1 to 100 is needed"],
  ["a negative clock", profile([], { clock_ghz: -1 }), "clock_ghz: a number from 0.1 to 100 is needed"],
  ["a clock that is a text", profile([], { clock_ghz: "2" }), "clock_ghz: a number from 0.1 to 100 is needed"],
  ["missing coefficients", profile(undefined), "coefficients: a list is needed"],
  ["an object instead of coefficients", profile({}), "coefficients: a list is needed"],
  ["an unknown field", profile([], { clockGhz: 2 }), "clockGhz: there is no such field"],
  ["a coefficient that is a list", profile([coefficient(), []]), "coefficients[1] is not an object"],
  ["a coefficient that is null", profile([null]), "coefficients[0] is not an object"],
];

/** The same for the fields of the second coefficient. */
const COEFFICIENT_REFUSALS: [what: string, fields: Record<string, unknown>, message: string][] = [
  ...(["low", "value", "high"] as const).flatMap((key) => {
    const message = `${key}: a number from 0 to 1000000 is needed`;
    const wrong = {
      missing: undefined,
      negative: -1,
      null: null,
      "a text": "1",
      NaN: "NaN",
      infinite: Infinity,
      huge: 1_000_001,
    };
    return Object.entries({ ...wrong, "not a number": NaN }).map(([what, value]) => {
      return [`${key} ${what}`, { [key]: value }, message] as [string, Record<string, unknown>, string];
    });
  }),
  ["low above value", { low: 1.5, high: 2 }, "value: low 1.5 <= value 1 <= high 2 does not hold"],
  ["value above high", { low: 0, high: 0.5 }, "value: low 0 <= value 1 <= high 0.5 does not hold"],
  ["low above high", { low: 3, high: 2, value: 2.5 }, "value: low 3 <= value 2.5 <= high 2 does not hold"],
  ["no event", { event: undefined }, "event: a text is needed"],
  ["an unknown event", { event: "copies" }, "event: copies is none of arrive, visit, alloc,"],
  ["an unknown stage", { stage: "esp" }, "stage: esp is none of rx-ring, driver-rx,"],
  ["a stage that is null", { stage: null }, "stage: a text is needed"],
  ["an unknown reason", { reason: "pullTail" }, "reason: pullTail is none of driver-pull, good-copy, copybreak,"],
  ["an empty reason", { reason: "" }, "reason: a text is needed"],
  ["no unit", { unit: undefined }, "unit: a text is needed"],
  ["an unknown unit", { unit: "us/op" }, "unit: us/op is none of cycles/op, cycles/byte, cycles/count, ns/op,"],
  ["a name of Object.prototype", { unit: "toString" }, "unit: toString is none of"],
  ["no source", { source: undefined }, "source: a text is needed"],
  ["an empty source", { source: "" }, "source: a text is needed"],
  ["no note", { note: undefined }, "note: a text is needed"],
  ["an unknown field", { cost: 1 }, "cost: there is no such field"],
];

for (const [what, value, message] of REFUSALS) {
  Deno.test(`checkProfile() refuses ${what}`, () => {
    const error = assertThrows(() => checkProfile(value, "my.json"), ProfileError);
    assertEquals(error.message, `Cannot use profile my.json: ${message}`);
    assertEquals(error.name, "ProfileError");
  });
}

for (const [what, fields, message] of COEFFICIENT_REFUSALS) {
  Deno.test(`checkProfile() refuses in a coefficient: ${what}`, () => {
    const value = profile([coefficient(), coefficient(fields)]);
    assertThrows(() => checkProfile(value, "my.json"), ProfileError, `my.json: coefficients[1].${message}`);
  });
}

Deno.test("parseProfile() refuses what is not JSON, in one line that names the file", () => {
  for (const text of ["", "{", "{'name': 1}", "{NaN: 1}", '{"clock_ghz": NaN', "// a comment\n{}"]) {
    const error = assertThrows(() => parseProfile(text, "my.json"), ProfileError);
    assertEquals(error.message, "Cannot use profile my.json: it is not JSON");
  }
});

Deno.test("parseProfile() names the path of a number that JSON does not have, and leaves texts alone", () => {
  const legal = JSON.stringify(profile([coefficient(), coefficient({ stage: "gso", note: 'a \\" NaN in it' })]));
  assertEquals(parseProfile(legal, "my.json").coefficients[1]!.note, 'a \\" NaN in it');
  for (const word of ["NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "1e999"]) {
    const text = legal.replace(/"value":1(?!.*"value")/, `"value":${word}`);
    const error = assertThrows(() => parseProfile(text, "my.json"), ProfileError);
    const expected = "Cannot use profile my.json: coefficients[1].value: a number from 0 to 1000000 is needed";
    assertEquals(error.message, expected, word);
  }
});

Deno.test("parseProfile() refuses long texts that are not JSON without a hang and with ProfileError", () => {
  const long = [
    " ".repeat(1e6) + "NaN",
    '"' + '\\"'.repeat(5e6),
    "[".repeat(1e6),
    "[" + "NaN, ".repeat(1e5),
    '"a'.repeat(1e5),
  ];
  for (const text of long) assertThrows(() => parseProfile(text, "my.json"), ProfileError, "it is not JSON");
});

Deno.test("checkProfile() refuses a coefficient that prices what another does, and takes what differs in one of four fields", () => {
  const full = { stage: "gso", reason: "segment-copy" };
  const others = [full, { ...full, stage: "nic" }, { ...full, reason: "skb-copy" }, { ...full, unit: "ns/byte" }];
  const apart = [...others, { ...full, event: "merge" }, {}, { stage: "gso" }, { reason: "segment-copy" }];
  assertEquals(checked(...apart).coefficients.length, apart.length);
  for (const [index, again] of apart.entries()) {
    const twice = [...apart, { ...again, value: 2, high: 2, note: "another" }].map(coefficient);
    const error = assertThrows(() => checkProfile(profile(twice), "my.json"), ProfileError);
    const expected = `coefficients[8]: coefficients[${index}] has the same event, stage, reason and unit`;
    assertEquals(error.message, `Cannot use profile my.json: ${expected}`);
  }
});

Deno.test("checkProfile() shows the name of an unknown field in one line, and not all of a long one", () => {
  for (const name of ["a\nb", "x".repeat(1000), "\u001b[2J", ""]) {
    const error = assertThrows(() => checkProfile(profile([], { [name]: 1 }), "my.json"), ProfileError);
    assertEquals(/^Cannot use profile my\.json: "[ -~]{0,80}": there is no such field$/.test(error.message), true);
  }
});

Deno.test("withBase() puts in the base's prices that the profile does not replace, with its own clock and no fit of the base", () => {
  const base = { ...checked({ value: 1 }, { stage: "gso", unit: "cycles/op" }), fit: "f" };
  const shipped = new Map([["p", base]]);
  const own = checkProfile(
    profile([coefficient({ value: 5, high: 5 })], { name: "mine", base: "p", clock_ghz: 4 }),
    "x",
  );
  const full = withBase(own, shipped, "x");
  assertEquals(full.coefficients.map(({ stage, value }) => [stage, value]), [[undefined, 5], ["gso", 1]]);
  assertEquals([full.name, full.fit, full.base], ["mine", undefined, undefined]);
  assertEquals(priceOf(full)(EVENT.copy, STAGE.gso, 0, 0, 0), 5250);
  assertEquals(withBase(base, shipped, "x"), base);
  const lost = { ...own, base: "q" };
  const error = assertThrows(() => withBase(lost, shipped, "my.json"), ProfileError);
  assertEquals(error.message, "Cannot use profile my.json: base: q is none of p");
});

Deno.test("priceOf() prices per op, per byte and per count, in nanoseconds and in cycles of the clock", () => {
  const units = { "ns/op": 3000, "ns/byte": 300_000, "ns/count": 21_000 };
  for (const [unit, ps] of Object.entries(units)) {
    const inNs = priceOf(checked({ unit, value: 3, high: 3 }));
    assertEquals(inNs(EVENT.copy, STAGE.gso, REASON.pullTail, 100, 7), ps, unit);
    const inCycles = priceOf(checked({ unit: unit.replace("ns", "cycles"), value: 3, high: 3 }));
    assertEquals(inCycles(EVENT.copy, STAGE.gso, REASON.pullTail, 100, 7), ps / 2, unit);
  }
});

Deno.test("priceOf() adds up every coefficient that fits the event, the stage and the reason", () => {
  const price = priceOf(checked(
    { value: 1 },
    { value: 10, high: 10, stage: "gso" },
    { value: 100, high: 100, reason: "pull-tail" },
    { value: 1000, high: 1000, stage: "gso", reason: "pull-tail" },
    { value: 10_000, high: 10_000, event: "checksum" },
    { value: 20_000, high: 20_000, stage: "gso", unit: "ns/count" },
  ));
  const ns = (event: number, stage: number, reason: number): number => price(event, stage, reason, 50, 5) / 1000;
  assertEquals(ns(EVENT.copy, STAGE.nic, REASON.skbCopy), 1);
  assertEquals(ns(EVENT.copy, STAGE.gso, REASON.skbCopy), 100_011);
  assertEquals(ns(EVENT.copy, STAGE.nic, REASON.pullTail), 101);
  assertEquals(ns(EVENT.copy, STAGE.gso, REASON.pullTail), 101_111);
  assertEquals(ns(EVENT.checksum, STAGE.gso, REASON.pullTail), 10_000);
  assertEquals(ns(EVENT.merge, STAGE.gso, REASON.pullTail), 0);
});

Deno.test("priceOf() rounds the sum once, to whole picoseconds", () => {
  const halves = priceOf(checked({ value: 0.0004, low: 0 }, { value: 0.0004, low: 0, stage: STAGE_NAMES[0] }));
  assertEquals(halves(EVENT.copy, 0, 0, 0, 0), 1);
  const bytes = priceOf(checked({ unit: "cycles/byte", value: 0.00025, low: 0 }));
  assertEquals([1, 3, 4, 5, 11, 12, 1460].map((n) => bytes(EVENT.copy, 0, 0, n, 1)), [0, 0, 1, 1, 1, 2, 183]);
});

Deno.test("priceOf() of nothing is nothing", () => {
  const price = priceOf(checked());
  for (let event = 0; event < EVENT_NAMES.length; event++) assertEquals(price(event, 0, 0, 1500, 17), 0);
});
