import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { parse } from "@std/csv";
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

Deno.test("no shipped profile is fitted, and none has its prices from rows about ESP of published-results.csv", async () => {
  const rows = parse(await Deno.readTextFile(PUBLISHED[1]!), { skipFirstRow: true });
  const withEsp = new Set(rows.filter(({ cipher }) => cipher !== "none").map(({ id }) => id));
  for (const { name, fit, coefficients } of PROFILES.values()) {
    assertEquals(fit, undefined, name);
    for (const { source } of coefficients) {
      assertEquals(source.split(", ").filter((id) => withEsp.has(id)), [], name);
    }
  }
});

Deno.test("haswell-2020 comes out at what its row of plain TCP says: 0.274 and 0.391 ns per byte of sender and receiver", () => {
  const price = priceOf(PROFILES.get("haswell-2020")!);
  const visit = (stage: keyof typeof STAGE): number => price(EVENT.visit, STAGE[stage], 0, 1448, 1) / 1000;
  const copies = (stage: keyof typeof STAGE, bytes: number): number => {
    return price(EVENT["user-copy"], STAGE[stage], 0, bytes, 1) / 1000;
  };
  const sent = 45 * 1448;
  const sentNs = ["local-out", "socket", "ip-output", "qdisc", "driver-tx"] as const;
  const sending = sentNs.reduce((sum, stage) => sum + visit(stage), copies("socket", sent)) / sent;
  assertAlmostEquals(sending, 0.96 * 8 / 28, 0.001);
  const aggregateNs = (visit("ip-input") + visit("local-in")) / 45;
  const receiving = (visit("driver-rx") + visit("gro") + aggregateNs + copies("local-in", 1448)) / 1448;
  assertAlmostEquals(receiving, 1.368 * 8 / 28, 0.001);
});
