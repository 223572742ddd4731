/**
 * The reference traces: what the bulk fixture gives under each preset, committed in `traces/`; and the table of coefficients.
 *
 * `deno task traces` writes them again; a test compares them. A change in them is a change in behaviour, and its diff is
 * what a reviewer reads.
 *
 * @module
 */

import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { sourceOfBytes } from "../capture/mod.ts";
import { replay } from "../replay/run.ts";
import { renderCsv } from "../report/columns.ts";
import { COPIES_COLUMNS, copyRows } from "../report/copies.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { COEFFICIENTS_PATH, coefficientsText } from "./coefficients.ts";

const ROOT = new URL("../../", import.meta.url);
const FIXTURE = "bulk-tcp-ipv4.pcap";
/** The fixture's packets fill the MTU: without this the presets of Linux would drop what ESP makes too large. */
const SETS = ["oversize=grow"];

/** The text of every reference trace by its path below the project's root. */
export async function referenceTraces(): Promise<Map<string, string>> {
  const capture = await Deno.readFile(new URL(`fixtures/${FIXTURE}`, ROOT));
  const traces = new Map([[COEFFICIENTS_PATH, coefficientsText()]]);
  for (const preset of Object.keys(PRESETS)) {
    const input = {
      name: FIXTURE,
      open: () => Promise.resolve({ ...sourceOfBytes(capture), close: () => {} }),
    };
    const resolved = resolveConfig({ preset, sets: SETS });
    const run = await replay({ input, resolved, profile: PROFILES.get(resolved.config.profile)! });
    traces.set(`traces/${preset}/summary.csv`, renderCsv(SUMMARY_COLUMNS, [{ number: 1, run }]));
    traces.set(`traces/${preset}/copies.csv`, renderCsv(COPIES_COLUMNS, copyRows(run.tally)));
  }
  return traces;
}

if (import.meta.main) {
  for (const [path, text] of await referenceTraces()) {
    const file = new URL(path, ROOT);
    await Deno.mkdir(new URL("./", file), { recursive: true });
    await Deno.writeTextFile(file, text);
  }
}
