import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/csv";
import { EVENT, REASON } from "../ledger/schema.ts";
import { checkProfile, priceOf } from "./profile.ts";
import { PROFILES } from "./profiles.ts";

const PUBLISHED_COSTS = new URL("../../fixtures/published-costs.csv", import.meta.url);

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
    assertEquals(profile, PROFILES.get(profile.name)!);
  }
});

Deno.test("the source of every coefficient names rows of fixtures/published-costs.csv", async () => {
  const rows = parse(await Deno.readTextFile(PUBLISHED_COSTS), { skipFirstRow: true });
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
