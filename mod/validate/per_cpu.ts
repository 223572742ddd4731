/**
 * Recordings of several CPUs: in which order they did what is not repeatable. What they did is compared, put in order by the
 * sequence numbers of ESP; of received packets, that each of them was delivered.
 *
 * What one CPU does on its own, from the poll to the request to encrypt, is compared in order as everywhere.
 *
 * @module
 */

import { ESP_HEADER_BYTES } from "../esp/arithmetic.ts";
import { OFFSET_SEQUENCE } from "../esp/framing.ts";
import { get32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import type { Comparison } from "./comparison.ts";
import type { OwnRow } from "./own_rows.ts";
import { espIdentOf } from "./sent_rows.ts";
import type { ResultRow } from "./skb_row.ts";
import type { Table } from "./table.ts";

/** A column that no table has: the sequence number of a frame of the model. */
export const ESP_SEQUENCE = "esp sequence";

/** Rows of the model of `expected_tx.csv`: what was refused behind what was taken, each by sequence number. */
export function bySequence(rows: readonly ResultRow[]): ResultRow[] {
  return rows.toSorted((a, b) =>
    Number(a["rc"]) - Number(b["rc"]) || Number(a[ESP_SEQUENCE]) - Number(b[ESP_SEQUENCE])
  );
}

/** The same of recorded rows. */
export function recordedBySequence(rows: readonly OwnRow[]): OwnRow[] {
  const sequenceOf = ({ row }: OwnRow): number => espIdentOf(row)?.sequence ?? -1;
  const resultOf = ({ row }: OwnRow): number => row.integer("rc");
  return rows.toSorted((a, b) => resultOf(a) - resultOf(b) || sequenceOf(a) - sequenceOf(b));
}

/** IP packets with ESP, by sequence number. */
export function packetsBySequence(packets: readonly Uint8Array[]): Uint8Array[] {
  const sequenceOf = (packet: Uint8Array): number => {
    const at = ip.headerBytes(packet, 0);
    return packet.length < at + ESP_HEADER_BYTES ? -1 : get32(packet, at + OFFSET_SEQUENCE);
  };
  return packets.toSorted((a, b) => sequenceOf(a) - sequenceOf(b));
}

/** Compares which packets were delivered; in which buffers, GRO decided by when each of them came. */
export function compareDelivered(
  table: Table,
  columns: readonly string[],
  ours: readonly ResultRow[],
  recorded: readonly OwnRow[],
  comparison: Comparison,
): void {
  const delivered = new Set(ours.flatMap(({ inputs }) => numbersOf(String(inputs))));
  for (const { row, index } of recorded) {
    const inputs = numbersOf(row.text("inputs"));
    const found = inputs.filter((number) => delivered.delete(number));
    for (const column of columns) {
      if (column === "inputs") comparison.value(table.form.file, index, column, found.join(" "), inputs.join(" "));
      else comparison.leaveOut(table.form.file, "perCpu", 1);
    }
  }
  if (delivered.size > 0) {
    comparison.fail(`${table.form.file}: the model delivered ${[...delivered].join(" ")} as well`);
  }
}

/** The numbers of "0-2 5". */
function numbersOf(ranges: string): number[] {
  return ranges.split(/[ ;]+/).filter((range) => range !== "").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}
