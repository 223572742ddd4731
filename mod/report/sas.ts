/**
 * `sas.csv`: one row per security association, those of a captured ESP in the order of their first packets.
 *
 * @module
 */

import type { SaRecord } from "../replay/sa_records.ts";
import type { Column } from "./columns.ts";

/** All columns of `sas.csv`. */
export const SA_COLUMNS: readonly Column<SaRecord>[] = [
  { name: "spi", value: (row) => `0x${row.spi.toString(16).padStart(8, "0")}` },
  { name: "src", value: (row) => row.source },
  { name: "dst", value: (row) => row.destination },
  { name: "suite", value: (row) => row.suite },
  { name: "mode", value: (row) => row.mode },
  { name: "packets", decimals: 0, value: (row) => row.packets },
  { name: "bytes", decimals: 0, value: (row) => row.bytes },
  { name: "lost", decimals: 0, value: (row) => row.lost },
  { name: "reordered", decimals: 0, value: (row) => row.reordered },
  { name: "replayed", decimals: 0, value: (row) => row.replayed },
  { name: "icv_failures", decimals: 0, value: (row) => row.icvFailures },
  { name: "sequence_gaps", decimals: 0, value: (row) => row.sequenceGaps },
  { name: "other_drops", decimals: 0, value: (row) => row.otherDrops },
  { name: "sequence_first", decimals: 0, value: (row) => row.sequenceFirst || undefined },
  { name: "sequence_last", decimals: 0, value: (row) => row.sequenceLast || undefined },
];
