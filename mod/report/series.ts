/**
 * `series.csv`: one row per interval of a run.
 *
 * @module
 */

import { NS_PER_MS, PS_PER_NS } from "../ledger/units.ts";
import type { SeriesInterval } from "../ledger/series.ts";
import type { Column } from "./columns.ts";

/** All columns of `series.csv`. */
export const SERIES_COLUMNS: readonly Column<SeriesInterval>[] = [
  { name: "t_ms", decimals: 6, value: (row) => row.startNs / NS_PER_MS },
  { name: "gbps_in", decimals: 4, value: (row) => gbps(row, row.arrivedWireBytes) },
  { name: "gbps_out", decimals: 4, value: (row) => gbps(row, row.sentWireBytes) },
  { name: "goodput_gbps", decimals: 4, value: (row) => gbps(row, row.sentPayloadBytes) },
  { name: "copies", decimals: 0, value: (row) => row.copies },
  { name: "copied_bytes", decimals: 0, value: (row) => row.copiedBytes },
  { name: "segments", decimals: 0, value: (row) => row.segments },
  { name: "merges", decimals: 0, value: (row) => row.merges },
  { name: "drops", decimals: 0, value: (row) => row.drops },
  { name: "tx_busy", decimals: 0, value: (row) => row.txBusy },
  { name: "requeues", decimals: 0, value: (row) => row.requeues },
  { name: "qdisc_packets", decimals: 0, value: (row) => row.qdiscPackets },
  { name: "crypto_queue_packets", decimals: 0, value: (row) => row.cryptoQueuePackets },
  { name: "net_cpu_percent", decimals: 2, value: (row) => percent(row, row.netBusyPs) },
  {
    name: "crypto_cpu_percent",
    decimals: 2,
    value: (row) => row.hasCryptoCpus ? percent(row, row.cryptoBusyPs) : undefined,
  },
  {
    name: "reader_cpu_percent",
    decimals: 2,
    value: (row) => row.hasReaderCpus ? percent(row, row.readerBusyPs) : undefined,
  },
];

/** Of the busiest CPU. Events have times in whole ns: the last of an interval may seem to run on for part of one. */
function percent(row: SeriesInterval, busyPs: number): number | undefined {
  return lengthNs(row) === 0 ? undefined : Math.min(100, 100 * busyPs / (PS_PER_NS * lengthNs(row)));
}

function lengthNs(row: SeriesInterval): number {
  return row.endNs - row.startNs;
}

function gbps(row: SeriesInterval, bytes: number): number | undefined {
  return lengthNs(row) === 0 ? undefined : bytes * 8 / lengthNs(row);
}
