/**
 * The cost profiles that come with tailbits, by name. A new one is a JSON file in `profiles/` and one line here, behind its
 * base where it has one.
 *
 * Example: `PROFILES.get("haswell-2020")` is `published` with the prices that the file `haswell-2020.json` replaces.
 *
 * @module
 */

import { checkProfile, type Profile, withBase } from "./profile.ts";
import haswell2020 from "./profiles/haswell-2020.json" with { type: "json" };
import icelake2021 from "./profiles/icelake-2021.json" with { type: "json" };
import netdev11 from "./profiles/netdev11.json" with { type: "json" };
import published from "./profiles/published.json" with { type: "json" };

const SHIPPED: readonly unknown[] = [published, netdev11, haswell2020, icelake2021];

/** Shipped profiles by name, with the prices of their bases. */
export const PROFILES: ReadonlyMap<string, Profile> = complete(SHIPPED);

/** The bases of shipped profiles, by the names of those that have one. */
export const BASES: ReadonlyMap<string, string> = new Map(SHIPPED.flatMap((file) => {
  const { name, base } = checkProfile(file, "shipped with tailbits");
  return base === undefined ? [] : [[name, base]];
}));

function complete(files: readonly unknown[]): Map<string, Profile> {
  const profiles = new Map<string, Profile>();
  for (const file of files) {
    const profile = checkProfile(file, "shipped with tailbits");
    profiles.set(profile.name, withBase(profile, profiles, profile.name));
  }
  return profiles;
}
