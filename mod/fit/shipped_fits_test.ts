import { assert, assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { checkProfile, type Profile, withBase } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type Fit, fitProfile } from "./fit.ts";
import { labelOf, parseTie, type Tie } from "./labels.ts";
import { differences } from "../report/comparison.ts";
import { parseRows } from "./rows.ts";

const FITS = new URL("../../fixtures/fits/", import.meta.url);
const CAPTURE = new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url);

async function fitOf(rowsName: string, prior: Profile, ties: readonly Tie[] = []): Promise<Fit> {
  const rows = parseRows(await Deno.readTextFile(new URL(rowsName, FITS)), rowsName);
  return await fitProfile({
    input: { name: "bulk", open: () => Deno.open(CAPTURE) },
    rows: rows.map(({ preset, sets, ...row }) => ({ ...row, resolved: resolveConfig({ preset: preset!, sets }) })),
    prior,
    ties,
  });
}

async function slidesPrior(): Promise<Profile> {
  const name = "netdev11-prior.json";
  return withBase(checkProfile(JSON.parse(await Deno.readTextFile(new URL(name, FITS))), name), PROFILES, name);
}

const SHIPPED: readonly (readonly [name: string, rows: string, prior: () => Promise<Profile>])[] = [
  ["netdev11", "netdev11-rows.csv", slidesPrior],
  ["haswell-2020", "haswell-2020-rows.csv", () => Promise.resolve(PROFILES.get("published")!)],
];

for (const [name, rows, priorOf] of SHIPPED) {
  Deno.test(`profile ${name} is what the fit to ${rows} gives, no coefficient outside its published range`, async () => {
    const prior = await priorOf();
    const { fitted } = await fitOf(rows, prior);
    const shipped = PROFILES.get(name)!;
    const valuesOf = ({ coefficients }: Profile) => new Map(coefficients.map((c) => [labelOf(c), c]));
    const [values, priors] = [valuesOf(shipped), valuesOf(prior)];
    assertEquals(values.size, priors.size);
    for (const coefficient of fitted.coefficients) {
      const label = labelOf(coefficient);
      assertEquals(values.get(label)!.value, coefficient.value, label);
      const { low, high } = priors.get(label)!;
      assert(low <= coefficient.value && coefficient.value <= high, label);
    }
    assert(fitted.coefficients.some((coefficient) => coefficient.value !== priors.get(labelOf(coefficient))!.value));
  });
}

Deno.test("one price for encryption and decryption meets the slides' rows less well (mod/cost/README.md)", async () => {
  const prior = await slidesPrior();
  const ties = ["byte", "op"].map((per) => parseTie(`seal aes-gcm cycles/${per}=open aes-gcm cycles/${per}`, prior));
  const { rows } = await fitOf("netdev11-rows.csv", prior, ties);
  const errors = rows.map(({ measured, predicted }) => differences(measured, predicted).map((by) => by?.toFixed(1)));
  assertEquals(errors.map(([percent, points]) => [percent, points]), [
    ["1.3", "0.4"],
    ["-1.5", "-0.2"],
    ["-0.0", "0.0"],
    ["-6.5", "-1.5"],
  ]);
});
