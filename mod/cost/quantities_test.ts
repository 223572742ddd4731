import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { replay } from "../replay/run.ts";
import { PROFILES } from "./profiles.ts";
import { nsOfValue, quantitiesOf } from "./quantities.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);

/** Each event's price is rounded to a picosecond: half of one for each of a million rows. */
const ROUNDING_NS = 500;

for (
  const sets of [["path=forward"], ["path=host-to-host"], [
    "path=forward",
    "net_cpus=2",
    "async=callback",
    "crypto=pcrypt",
  ]]
) {
  Deno.test(`quantitiesOf() times the values of the profile gives the busy time of each CPU: ${sets.join(" ")}`, async () => {
    const profile = PROFILES.get("published")!;
    const resolved = resolveConfig({ preset: "nocopy-gro-gso", sets });
    const input = { name: "bulk", open: () => Deno.open(new URL("bulk-tcp-ipv4.pcap", FIXTURES)) };
    const run = await replay({ input, resolved, profile });
    const quantities = quantitiesOf(profile, run.tally.work());
    assertEquals(quantities.length, run.busyNs.length);
    run.busyNs.forEach((busyNs, cpu) => {
      const terms = profile.coefficients.map((coefficient, i) => {
        return (quantities[cpu]?.[i] ?? 0) * coefficient.value * nsOfValue(coefficient, profile.clock_ghz);
      });
      assert(busyNs > 0);
      assertAlmostEquals(terms.reduce((sum, term) => sum + term, 0), busyNs, ROUNDING_NS);
    });
  });
}
