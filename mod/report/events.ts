/**
 * `events.csv`: one row per event, in the order in which the model worked. Devices are looked at when somebody needs to
 * know, so their rows may come later than their times.
 *
 * @module
 */

import type { EventBlock } from "../ledger/ledger.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { EVENT_NAMES, NONE, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import type { Column } from "./columns.ts";

/** One row of a block. */
export interface EventView {
  /** The block. */
  block: EventBlock;
  /** Which of its rows. */
  row: number;
}

/** All columns of `events.csv`. Packets are numbered from 1, as Wireshark does; other numbers from 0. */
export const EVENTS_COLUMNS: readonly Column<EventView>[] = [
  { name: "t_ns", decimals: 0, value: ({ block, row }) => block.tNs[row] },
  { name: "cpu", decimals: 0, value: ({ block, row }) => known(block.cpu[row]!) },
  { name: "stage", value: ({ block, row }) => STAGE_NAMES[block.stage[row]!] },
  { name: "event", value: ({ block, row }) => EVENT_NAMES[block.event[row]!] },
  { name: "reason", value: ({ block, row }) => REASONS[block.reason[row]!]!.name },
  { name: "packet", decimals: 0, value: ({ block, row }) => packetNumber(block.packet[row]!) },
  { name: "skb", decimals: 0, value: ({ block, row }) => known(block.skb[row]!) },
  { name: "into", decimals: 0, value: ({ block, row }) => known(block.into[row]!) },
  { name: "bytes", decimals: 0, value: ({ block, row }) => block.bytes[row] },
  { name: "count", decimals: 0, value: ({ block, row }) => block.count[row] },
  { name: "cost_ns", decimals: 3, value: ({ block, row }) => block.costPs[row]! / PS_PER_NS },
  { name: "payload_bytes", decimals: 0, value: ({ block, row }) => block.payloadBytes[row] },
  { name: "flow", decimals: 0, value: ({ block, row }) => known(block.flow[row]!) },
  { name: "steps", decimals: 0, value: ({ block, row }) => block.steps[row] },
];

function known(number: number): number | undefined {
  return number === NONE ? undefined : number;
}

function packetNumber(packet: number): number | undefined {
  return packet === NONE ? undefined : packet + 1;
}
