/**
 * `mod/cost/coefficients.md`: every coefficient of the profiles that come with tailbits, with its range, source and note.
 *
 * `deno task traces` writes it again; a test compares it (`traces_test.ts`).
 *
 * @module
 */

import type { Coefficient, Profile } from "../cost/profile.ts";
import { BASES, PROFILES } from "../cost/profiles.ts";
import { labelOf } from "../fit/labels.ts";

/** Where the text lies below the project's root. */
export const COEFFICIENTS_PATH = "mod/cost/coefficients.md";

const HEAD = `# Every coefficient

Written by \`deno task traces\` from \`profiles/*.json\`. Sources are rows of
[\`published-costs.csv\`](../../fixtures/published-costs.csv) and
[\`published-results.csv\`](../../fixtures/published-results.csv). A coefficient is named by the event that it prices, the stage
(@) and the reason where it prices only these, and its unit. What it means is in [README.md](README.md).
`;

/** The text. */
export function coefficientsText(): string {
  return [HEAD, ...[...PROFILES.values()].map(sectionOf)].join("\n");
}

function sectionOf(profile: Profile): string {
  const baseName = BASES.get(profile.name);
  const base = new Map(baseName === undefined ? [] : PROFILES.get(baseName)!.coefficients.map((c) => [labelOf(c), c]));
  const own = profile.coefficients.filter((coefficient) => base.get(labelOf(coefficient)) !== coefficient);
  const rest = baseName === undefined ? "" : ` What is not listed is as in ${baseName}, cycles at this clock.`;
  const fit = profile.fit === undefined ? "" : `\n\nFitted ${profile.fit}.`;
  return [
    `## ${profile.name}, ${profile.clock_ghz} GHz`,
    "",
    `${profile.description}.${rest}${fit}`,
    "",
    "| coefficient | value | range | source | note |",
    "| --- | --- | --- | --- | --- |",
    ...own.map(lineOf),
    "",
  ].join("\n");
}

function lineOf(coefficient: Coefficient): string {
  const { value, low, high, source, note } = coefficient;
  return `| ${[labelOf(coefficient), value, `${low} to ${high}`, source, note].map(cellOf).join(" | ")} |`;
}

/** A cell of a table: no bar ends it. */
function cellOf(value: string | number): string {
  return String(value).replaceAll("|", "\\|").replaceAll("\n", " ");
}
