/**
 * `packets.csv`: one row per captured packet, in packet order.
 *
 * @module
 */

import { NS_PER_US, PS_PER_NS } from "../ledger/units.ts";
import type { PacketRecord } from "../ledger/packets.ts";
import { NONE, REASONS } from "../ledger/schema.ts";
import type { Column } from "./columns.ts";

/** All columns of `packets.csv`. Packets are numbered from 1, as Wireshark does. */
export const PACKET_COLUMNS: readonly Column<PacketRecord>[] = [
  { name: "packet", decimals: 0, value: (row) => row.packet + 1 },
  { name: "t_arrive_ns", decimals: 0, value: (row) => row.outcome === "ignored" ? undefined : row.tArriveNs },
  { name: "t_leave_ns", decimals: 0, value: (row) => row.tLeaveNs },
  {
    name: "latency_us",
    decimals: 3,
    value: (row) => row.tLeaveNs === undefined ? undefined : (row.tLeaveNs - row.tArriveNs) / NS_PER_US,
  },
  { name: "bytes", decimals: 0, value: (row) => row.bytes },
  { name: "flow", decimals: 0, value: (row) => row.flow === NONE ? undefined : row.flow },
  { name: "outcome", value: (row) => row.outcome },
  { name: "reason", value: (row) => REASONS[row.reason]!.name },
  { name: "copies", decimals: 0, value: (row) => row.copies },
  { name: "copied_bytes", decimals: 0, value: (row) => row.copiedBytes },
  { name: "segments", decimals: 0, value: (row) => row.segments },
  { name: "checksum_bytes", decimals: 0, value: (row) => row.checksumBytes },
  { name: "crypto_bytes", decimals: 0, value: (row) => row.cryptoBytes },
  { name: "requeues", decimals: 0, value: (row) => row.requeues },
  { name: "cost_ns", decimals: 3, value: (row) => row.costPs / PS_PER_NS },
  { name: "reorder_depth", decimals: 0, value: (row) => row.reorderDepth },
];
