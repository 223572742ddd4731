/**
 * The buffers of the frames that hosts sent: the other host receives them.
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import type { SentRow } from "./sent_rows.ts";
import type { TableRow } from "./table.ts";

/** How many sequence numbers there are in the 32 bits that a packet shows. */
const SEQUENCES = 0x100000000;

/** The buffer of a frame as a driver got it: a veth device hands it to the other host as it is. */
export interface SentBuffer {
  /** The device that sent it. */
  readonly device: string;
  /** The lower 32 bits of the number of the ESP packet. */
  readonly sequence: number;
  /** Length of the frame. */
  readonly frameBytes: number;
  /** Bytes in front of the frame. */
  readonly headroom: number;
  /** Size of the head. */
  readonly endOffset: number;
  /** Bytes that ESP protects. */
  readonly protectedBytes: number;
}

/** Adds the buffer `skb` of a frame, the ESP packet of number `sequence`, which was `row` at esp_output_head. */
export function noteBuffer(
  buffers: SentBuffer[],
  sent: SentRow | undefined,
  sequence: number,
  skb: Skb,
  row: TableRow,
): void {
  if (sent === undefined) return;
  const { len: frameBytes, headroom, head: { endOffset } } = skb;
  buffers.push({
    device: sent.row.text("dev"),
    sequence: sequence % SEQUENCES,
    frameBytes,
    headroom,
    endOffset,
    protectedBytes: row.integer("len"),
  });
}
