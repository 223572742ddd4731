/**
 * `tailbits validate --published`: the model's Gbps and CPU beside published ones.
 *
 * @module
 */

import { PLAIN_CSV } from "../report/columns.ts";
import { PREDICTION_COLUMNS, predictPublished, SHORT_PREDICTION_COLUMNS } from "../validate/published.ts";
import { parsePublished } from "../validate/published_rows.ts";
import { systemReason, UsageError } from "./errors.ts";
import { type Format, render } from "./formats.ts";
import { captureInputs } from "./inputs.ts";
import { FIXTURES } from "./shipped_files.ts";
import { readText } from "./text_input.ts";

/** What others published. */
const RESULTS = `${FIXTURES}published-results.csv`;
/** The traffic that every row is played with: bulk TCP. */
const CAPTURE = `${FIXTURES}bulk-tcp-ipv4.pcap`;

/** The table as text. */
export async function publishedTable(format: Format): Promise<string> {
  const [capture] = await captureInputs([CAPTURE], 1);
  const predictions = await predictPublished(parsePublished(await readResults()), capture!);
  return render(format, PREDICTION_COLUMNS, SHORT_PREDICTION_COLUMNS, predictions, PLAIN_CSV);
}

async function readResults(): Promise<string> {
  try {
    return await readText(RESULTS);
  } catch (error) {
    throw new UsageError(`Cannot read published results: ${systemReason(error)}`);
  }
}
