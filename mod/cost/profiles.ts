/**
 * The cost profiles that come with tailbits, by name. A new one is a JSON file in `profiles/` and one line here.
 *
 * @module
 */

import { checkProfile, type Profile } from "./profile.ts";
import published from "./profiles/published.json" with { type: "json" };

const SHIPPED: readonly unknown[] = [published];

/** Shipped profiles by name. */
export const PROFILES: ReadonlyMap<string, Profile> = new Map(
  SHIPPED.map((value) => checkProfile(value, "shipped with tailbits")).map((profile) => [profile.name, profile]),
);
