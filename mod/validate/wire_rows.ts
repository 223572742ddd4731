/**
 * `expected_wire.csv`, row by row: the lengths of the ESP packet that the recorded inner packet becomes, by `esp/arithmetic.ts`
 * and the sizes of the suite. Suites that this program cannot seal with take part too.
 *
 * @module
 */

import { ciphertextBytes, ESP_HEADER_BYTES, ESP_TRAILER_BYTES, padAndTrailerBytes } from "../esp/arithmetic.ts";
import type { Comparison, Value } from "./comparison.ts";
import type { LeftOutReason } from "./left_out.ts";
import { sizesOf, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { TableRow } from "./table.ts";

const FILE = "expected_wire.csv";

/** Compares all rows of the table. */
export function compareWireRows({ scenario, tables }: Recording, comparison: Comparison): void {
  const table = tables.get(FILE);
  if (table === undefined) return;
  const sizes = new Map((scenario.sa ?? []).map((sa) => [Number(sa.spi), sizesOf(sa)]));
  const columns = table.results("stage");
  table.rows.forEach((row, index) => {
    const suite = row.text("spi") === "" ? undefined : sizes.get(row.integer("spi"));
    const reason = whyLeftOut(row, suite, scenario.tfc_pad);
    if (reason !== undefined) return comparison.leaveOut(FILE, reason, columns.length);
    const ours = lengthsOf(row.integer("in_len"), suite!);
    for (const column of columns) comparison.value(FILE, index, column, ours[column]!, row.text(column));
  });
}

function whyLeftOut(
  row: TableRow,
  suite: SuiteSizes | undefined,
  tfcPad: number | undefined,
): LeftOutReason | undefined {
  if (row.text("spi") === "") return row.text("out_frag") === "0" ? "notEsp" : "fragment";
  if (suite === undefined) return "suite";
  return tfcPad === undefined ? undefined : "tfc";
}

function lengthsOf(protectedBytes: number, { ivBytes, icvBytes, blockBytes }: SuiteSizes): Record<string, Value> {
  const clen = ciphertextBytes(protectedBytes, blockBytes);
  return {
    esp_len: ESP_HEADER_BYTES + ivBytes + clen + icvBytes,
    clen,
    padlen: padAndTrailerBytes(protectedBytes, blockBytes) - ESP_TRAILER_BYTES,
  };
}
