import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { parse } from "@std/csv";
import { KEYS } from "../config/schema.ts";
import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import { checkProfile, priceOf, withBase } from "./profile.ts";
import { PROFILES } from "./profiles.ts";

const PUBLISHED = ["published-costs.csv", "published-results.csv"]
  .map((name) => new URL(`../../fixtures/${name}`, import.meta.url));

/** Files of the folder of profiles, as [file name, parsed JSON]. */
async function shippedFiles(): Promise<[string, unknown][]> {
  const folder = new URL("profiles/", import.meta.url);
  const files: [string, unknown][] = [];
  for await (const { name } of Deno.readDir(folder)) {
    files.push([name, JSON.parse(await Deno.readTextFile(new URL(name, folder)))]);
  }
  return files;
}

Deno.test("PROFILES holds every file of the folder, legal, under the file's name", async () => {
  const files = await shippedFiles();
  assertEquals(files.map(([file]) => file).toSorted(), [...PROFILES.keys()].map((name) => `${name}.json`).toSorted());
  for (const [file, value] of files) {
    const profile = checkProfile(value, file);
    assertEquals(file, `${profile.name}.json`);
    assertEquals(withBase(profile, PROFILES, file), PROFILES.get(profile.name)!);
  }
});

Deno.test("the key profile names every profile that comes with tailbits", () => {
  for (const name of PROFILES.keys()) assertMatch(KEYS.profile.doc, new RegExp(`\\b${name}\\b`));
});

Deno.test("the source of every coefficient names rows of fixtures/published-*.csv", async () => {
  const texts = await Promise.all(PUBLISHED.map((url) => Deno.readTextFile(url)));
  const rows = texts.flatMap((text) => parse(text, { skipFirstRow: true }));
  const ids = new Set(rows.map((row) => row.id));
  for (const [name, { coefficients }] of PROFILES) {
    for (const [index, { source }] of coefficients.entries()) {
      const unknown = source.split(",").map((id) => id.trim()).filter((id) => !ids.has(id));
      assertEquals(unknown, [], `${name}: coefficients[${index}].source`);
    }
  }
});

Deno.test("no shipped profile prices the same thing twice in one unit", () => {
  for (const [name, { coefficients }] of PROFILES) {
    const keys = coefficients.map(({ event, stage, reason, unit }) => `${event} ${stage} ${reason} ${unit}`);
    const twice = keys.filter((key, index) => keys.indexOf(key) !== index);
    assertEquals(twice, [], name);
  }
});

Deno.test("every shipped profile prices copies by the byte", () => {
  for (const profile of PROFILES.values()) {
    const price = priceOf(profile);
    assert(price(EVENT.copy, 0, 0, 1460, 1) > price(EVENT.copy, 0, 0, 0, 1), profile.name);
  }
});

Deno.test("every shipped profile prices sealing and opening by suite: ESP-NULL by the request, the others by the byte", () => {
  for (const profile of PROFILES.values()) {
    const price = priceOf(profile);
    for (const event of [EVENT.seal, EVENT.open]) {
      const perByte = (reason: number) => price(event, 0, reason, 1460, 1) - price(event, 0, reason, 0, 1);
      assertEquals(perByte(REASON.espNull), 0, profile.name);
      assert(price(event, 0, REASON.espNull, 0, 1) > 0, profile.name);
      assert(perByte(REASON.aesGcm) > 0, profile.name);
      assert(perByte(REASON.nullSha256) > perByte(REASON.aesGcm), profile.name);
    }
  }
});

Deno.test("every shipped profile has the prices of published where it has none of its own", () => {
  const published = PROFILES.get("published")!;
  for (const profile of PROFILES.values()) {
    const keys = new Set(
      profile.coefficients.map(({ event, stage, reason, unit }) => [event, stage, reason, unit].join()),
    );
    for (const { event, stage, reason, unit } of published.coefficients) {
      assert(keys.has([event, stage, reason, unit].join()), `${profile.name}: ${event} ${stage} ${reason} ${unit}`);
    }
  }
});

/** Rows of published results about ESP in the kernel: user space (`ovs-`, `snabb-`) may lend its unit costs. */
function isKernelEsp({ id = "", cipher }: Readonly<Record<string, string | undefined>>): boolean {
  return cipher !== "none" && !/^(ovs|snabb)-/.test(id);
}

Deno.test("no price of a shipped profile comes from a row about ESP in the kernel, and fits are to rows of role FIT", async () => {
  const rows = parse(await Deno.readTextFile(PUBLISHED[1]!), { skipFirstRow: true });
  const withEsp = new Set(rows.filter(isKernelEsp).map(({ id }) => id));
  const roles = new Map(rows.map(({ id, notes = "" }) => [id, /role=(\w+)/.exec(notes)?.[1]]));
  for (const { name, fit, coefficients } of PROFILES.values()) {
    for (const { source } of coefficients) {
      assertEquals(source.split(", ").filter((id) => withEsp.has(id)), [], name);
    }
    const fitted = /^to (\S+(?:, \S+)*) of /.exec(fit ?? "")?.[1]?.split(", ") ?? [];
    assertEquals(fit === undefined, fitted.length === 0, name);
    for (const id of fitted) assertEquals(roles.get(id), "FIT", `${name}: ${id}`);
  }
  assertEquals([...PROFILES.values()].filter(({ fit }) => fit !== undefined).map(({ name }) => name), [
    "netdev11",
    "haswell-2020",
  ]);
});

Deno.test("the unit costs of published add up to what both gateways of the flame graphs take for a packet", () => {
  const price = priceOf(PROFILES.get("published")!);
  const cycles = (event: number, stage: number, reason: number, bytes: number) => {
    return price(event, stage, reason, bytes, 1) / 1000 * PROFILES.get("published")!.clock_ghz;
  };
  const visit = (stage: keyof typeof STAGE): number => cycles(EVENT.visit, STAGE[stage], 0, 64);
  const ends = visit("driver-rx") + visit("gro") + visit("ip-input") + visit("ip-output") + visit("qdisc") +
    visit("driver-tx") + visit("forward");
  const opened = cycles(EVENT.open, STAGE["esp-input"], REASON.aesGcm128, 48);
  assertAlmostEquals(ends + visit("ip-input") + visit("esp-input") + opened, 4048, 0.05 * 4048);
  // The cipher of the encrypting gateway is the generic one: 47.4 % of 6900 cycles, which no profile has.
  assertAlmostEquals(ends + visit("xfrm-output") + visit("esp-output"), 0.526 * 6900, 0.15 * 0.526 * 6900);
});
