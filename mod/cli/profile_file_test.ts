/** Cost profiles as a user meets them: files, their refusal, and their schema. */

import { assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import { profileJsonSchema } from "../cost/profile_schema.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type Outcome, ROOT, tailbits } from "./testing.ts";

const FIXTURE = "fixtures/exchange-tcp-ipv4.pcap";

const COEFFICIENT = { event: "copy", unit: "ns/byte", value: 2, low: 1, high: 3, source: "s", note: "n" };
const PROFILE = { name: "mine", description: "d", clock_ghz: 3, coefficients: [COEFFICIENT] };

async function replayWith(text: string): Promise<Outcome> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/my.json`, text);
    return await tailbits(["replay", FIXTURE, "-q", "--format", "csv", "--set", `profile=${folder}/my.json`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The profile with its coefficient changed. */
function changed(fields: Record<string, unknown>): unknown {
  return { ...PROFILE, coefficients: [{ ...COEFFICIENT, ...fields }] };
}

/** Files that are refused: text, and what the message says behind the file's name. */
const REFUSED: readonly (readonly [what: string, value: unknown, message: string])[] = [
  ["without a field", changed({ source: undefined }), "coefficients[0].source: a text is needed"],
  ["without a value", changed({ value: undefined }), "coefficients[0].value: a number from 0 to 1000000 is needed"],
  ["with an unknown field", changed({ cost: 1 }), "coefficients[0].cost: there is no such field"],
  ["with a negative value", changed({ value: -2 }), "coefficients[0].value: a number from 0 to 1000000 is needed"],
  ["with a text for a number", changed({ low: "1" }), "coefficients[0].low: a number from 0 to 1000000 is needed"],
  ["with NaN", '"value":NaN', "coefficients[0].value: a number from 0 to 1000000 is needed"],
  ["with Infinity", '"value":Infinity', "coefficients[0].value: a number from 0 to 1000000 is needed"],
  ["with a number above all", '"value":1e999', "coefficients[0].value: a number from 0 to 1000000 is needed"],
  ["with an unknown unit", changed({ unit: "us/op" }), "coefficients[0].unit: us/op is none of cycles/op, "],
  ["with low above high", changed({ low: 9 }), "coefficients[0].value: low 9 <= value 2 <= high 3 does not hold"],
  ["with a value above high", changed({ value: 4 }), "coefficients[0].value: low 1 <= value 4 <= high 3 does not hold"],
  ["with an unknown event", changed({ event: "copies" }), "coefficients[0].event: copies is none of arrive, "],
  ["with an unknown reason", changed({ reason: "why" }), "coefficients[0].reason: why is none of driver-pull, "],
  [
    "with a coefficient twice",
    { ...PROFILE, coefficients: [COEFFICIENT, { ...COEFFICIENT, note: "again" }] },
    "coefficients[1]: coefficients[0] has the same event, stage, reason and unit",
  ],
  ["without a clock", { ...PROFILE, clock_ghz: 0 }, "clock_ghz: a number from 0.1 to 100 is needed"],
  ["with an unknown base", { ...PROFILE, base: "publishd" }, "base: publishd is none of published, "],
  ["that is a list", [], "it is not an object"],
];

for (const [what, value, message] of REFUSED) {
  Deno.test(`--set profile=FILE ${what}: exit 2, and one line with the field's path`, async () => {
    const text = typeof value === "string"
      ? JSON.stringify(PROFILE).replace('"value":2', value)
      : JSON.stringify(value);
    const { code, stdout, stderr } = await replayWith(text);
    assertEquals([code, stdout], [2, ""]);
    const expected = `tailbits: Cannot use profile my.json: ${message}`;
    assertEquals(stderr.slice(0, expected.length), expected);
    assertMatch(stderr, /^[^\n]+\n$/);
  });
}

Deno.test("--set profile=FILE prices with the file, and with its base where it has nothing of its own", async () => {
  const busy = async (profile: unknown): Promise<number> => {
    const { code, stdout } = await replayWith(JSON.stringify(profile));
    assertEquals(code, 0);
    const [row] = parse(stdout, { skipFirstRow: true });
    assertEquals(row!["profile"], "mine");
    return Number(row!["ns_per_byte"]);
  };
  const own = await busy(PROFILE);
  assertEquals(await busy({ ...PROFILE, coefficients: [{ ...COEFFICIENT, value: 1, low: 0 }] }) < own, true);
  assertEquals(await busy({ ...PROFILE, base: "published" }) > own, true);
});

Deno.test("the profile in README.md is taken, and its table has every shipped profile", async () => {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const [, costs] = readme.split("\n## Costs\n");
  const text = /```json\n([\s\S]*?)```/.exec(costs!)![1]!;
  assertEquals((await replayWith(text)).code, 0);
  const table = [...costs!.split("\n## ")[0]!.matchAll(/^\| `([^`]+)`/gm)].map(([, name]) => name);
  assertEquals(table, [...PROFILES.keys()]);
});

Deno.test("configs --schema prints the schema of profiles, and refuses a name that has none", async () => {
  const { code, stdout } = await tailbits(["configs", "--schema", "profile"]);
  assertEquals(code, 0);
  assertEquals(JSON.parse(stdout), JSON.parse(JSON.stringify(profileJsonSchema())));
  const config = await tailbits(["configs", "--schema", "config"]);
  assertEquals(config.stdout, (await tailbits(["configs", "--schema"])).stdout);
  const refused = await tailbits(["configs", "--schema", "nocopy"]);
  assertEquals([refused.code, refused.stdout], [2, ""]);
  assertEquals(refused.stderr, "tailbits: Cannot print the schema of nocopy: there are those of config and profile\n");
});
