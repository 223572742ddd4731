/**
 * `expected_wire.csv`, row by row: the lengths of the ESP packet that the recorded inner packet becomes, by `esp/arithmetic.ts`
 * and the sizes of the suite. Suites that this program cannot seal with take part too.
 *
 * @module
 */

import { ciphertextBytes, ESP_HEADER_BYTES, ESP_TRAILER_BYTES, padAndTrailerBytes } from "../esp/arithmetic.ts";
import { tfcPadTo } from "../stages/esp_transform.ts";
import type { Comparison, Value } from "./comparison.ts";
import { SizedAssociation, sizesOf, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { RecordedSa, Scenario } from "./scenario.ts";
import type { TableRow } from "./table.ts";

const FILE = "expected_wire.csv";

/** Compares all rows of the table. */
export function compareWireRows({ scenario, tables }: Recording, comparison: Comparison): void {
  const table = tables.get(FILE);
  if (table === undefined) return;
  const packing = new Map((scenario.sa ?? []).map((sa) => [Number(sa.spi), packingOf(sa, scenario)]));
  const columns = table.results("stage");
  table.rows.forEach((row, index) => {
    if (!isEsp(row)) return;
    const known = packing.get(row.integer("spi"));
    if (known === undefined) return comparison.leaveOut(FILE, "suite", columns.length);
    const ours = lengthsOf(row.integer("in_len"), known!);
    for (const column of columns) comparison.value(FILE, index, column, ours[column]!, row.text(column));
  });
}

/** What decides how long an ESP packet is. */
interface Packing extends SuiteSizes {
  /** What TFC padding pads to. */
  readonly padTo: number;
}

function packingOf(sa: RecordedSa, { mtu, era, esp_module }: Scenario): Packing | undefined {
  const sizes = sizesOf(sa);
  if (sizes === undefined) return undefined;
  // Layer 2 adds no TFC padding.
  const padTo = esp_module === true ? 0 : tfcPadTo(new SizedAssociation(sizes, sa), { mtu, era });
  return { ...sizes, padTo };
}

/** Of ICMP, and of fragments of ESP packets, the columns are empty. */
function isEsp(row: TableRow): boolean {
  return row.text("spi") !== "";
}

/** How many results of ESP the table has. */
export function wireResults({ tables }: Recording): number {
  const table = tables.get(FILE);
  return table === undefined ? 0 : table.rows.filter(isEsp).length * table.results("stage").length;
}

function lengthsOf(innerBytes: number, { ivBytes, icvBytes, blockBytes, padTo }: Packing): Record<string, Value> {
  const protectedBytes = Math.max(innerBytes, padTo);
  const clen = ciphertextBytes(protectedBytes, blockBytes);
  return {
    esp_len: ESP_HEADER_BYTES + ivBytes + clen + icvBytes,
    clen,
    padlen: padAndTrailerBytes(protectedBytes, blockBytes) - ESP_TRAILER_BYTES,
  };
}
