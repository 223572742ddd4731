/**
 * What the other host sent: no bytes of it were recorded, but the shape in which its driver got each frame, and each call of
 * esp_output_head that made one.
 *
 * Sequence numbers count these calls, so each frame finds its row of `expected.csv`. It goes through ESP output with a packet of
 * that length: what is in it decides nothing about shapes.
 *
 * @module
 */

import { set16 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { FrameToSeal } from "./opened_frames.ts";
import { associationOf, type RecordedAssociation } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import { espIdentOf, type SentRow } from "./sent_rows.ts";
import type { TableRow } from "./table.ts";

/** A frame of the other host. */
export interface OtherFrame {
  readonly sent: SentRow;
  /** The call of esp_output_head that made it. */
  readonly row: TableRow;
  readonly frame: FrameToSeal;
}

/**
 * The frames among `sent`, the rows of other devices, that can be made again. `rows` are the rows of `expected.csv` that no frame
 * of `output.pcap` is of, `ownRows` the others. Empty where rows and frames are not as many.
 */
export function otherFrames(
  { scenario }: Recording,
  sent: readonly SentRow[],
  rows: readonly TableRow[],
  ownRows: readonly TableRow[],
): OtherFrame[] {
  const ownPorts = new Set(ownRows.map(sourcePortOf));
  const theirs = rows.filter((row) => row.text("dev") !== scenario.tx_device && !ownPorts.has(sourcePortOf(row)));
  const associations = new Map((scenario.sa ?? []).map((sa) => [Number(sa.spi), associationOf(sa)]));
  const esp = sent.flatMap((each) => {
    const ident = espIdentOf(each.row);
    const sa = ident === undefined ? undefined : associations.get(ident.spi);
    return sa === undefined ? [] : [{ sent: each, sa, sequence: ident!.sequence }];
  });
  const isOneLine = new Set(esp.map(({ sa }) => sa)).size === 1;
  if (!isOneLine || esp.length !== theirs.length) return [];
  return esp.toSorted((a, b) => a.sequence - b.sequence).map(({ sent, sa, sequence }, i) => {
    const row = theirs[i]!;
    return { sent, row, frame: frameOf(row, sa, sequence) };
  });
}

function sourcePortOf(row: TableRow): string | undefined {
  return /\b(\d+)>\d+/.exec(row.text("inner"))?.[1];
}

/** A packet of the recorded length, in IP version and protocol that of the row. */
function frameOf(row: TableRow, sa: RecordedAssociation, sequence: number): FrameToSeal {
  const isTunnel = sa.mode === "tunnel";
  const version = isTunnel ? (row.text("inner").startsWith("v6 ") ? 6 : 4) : sa.outerVersion;
  const ipBytes = version === 4 ? ipv4.HEADER_BYTES : ipv6.HEADER_BYTES;
  const headersBytes = isTunnel ? 0 : ipBytes;
  const inner = new Uint8Array(Math.max(ipBytes, row.integer("len") + headersBytes));
  const protocol = row.text("inner").includes("udp") ? PROTOCOL_UDP : PROTOCOL_TCP;
  inner[0] = version === 4 ? 0x45 : 0x60;
  inner[version === 4 ? ipv4.OFFSET_PROTOCOL : ipv6.OFFSET_NEXT_HEADER] = protocol;
  if (version === 4) set16(inner, ipv4.OFFSET_FRAGMENT, ipv4.FLAG_DF);
  ip.setTotalBytes(inner, 0, inner.length);
  return { sa, sequence, iv: new Uint8Array(sa.ivBytes), inner, headersBytes };
}
