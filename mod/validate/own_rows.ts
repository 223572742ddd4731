/**
 * Which rows of a table the model could have on the whole path, and why it lacks the others.
 *
 * @module
 */

import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import type { Comparison } from "./comparison.ts";
import type { LeftOutReason } from "./left_out.ts";
import { portsOf } from "./opened_frames.ts";
import type { Recording } from "./recording.ts";
import type { Table, TableRow } from "./table.ts";

/** A row, and its number in the table. */
export interface OwnRow {
  readonly row: TableRow;
  readonly index: number;
  /** Why its values are left out, although the model has such a row. */
  readonly reason: LeftOutReason | undefined;
}

/** The rows that the model has; the values of the others are left out of `comparison`. */
export function ownRows(recording: Recording, table: Table, comparison: Comparison): OwnRow[] {
  const { file } = table.form;
  const columns = table.results("path").length;
  const sender = recording.scenario.path === "send" ? new RecordedSender(recording) : null;
  const own: OwnRow[] = [];
  table.rows.forEach((row, index) => {
    const foreign = whyForeign(recording, file, row) ?? sender?.whyForeign(file, row);
    if (foreign === undefined) own.push({ row, index, reason: sender?.whyLeftOut(file, row, own.length) });
    else comparison.leaveOut(file, foreign, columns);
  });
  return own;
}

/** Answers by ICMP leave a gateway through another device. */
function whyForeign({ scenario }: Recording, file: string, row: TableRow): LeftOutReason | undefined {
  if (file !== "expected_tx.csv") return undefined;
  if (row.integer("rc") !== 0) return "refused";
  if (row.text("dev") === scenario.tx_device) return undefined;
  return scenario.path === "send" ? "otherHost" : "icmp";
}

/** What host A sent, as `input.pcap` has it; its tables have the packets of host B too. */
class RecordedSender {
  readonly #ports = new Set<string>();
  /** Ports and sequence numbers of what followed a FIN: the socket is in TIME_WAIT, and answers without a buffer of its own. */
  readonly #afterFin = new Set<string>();

  constructor(readonly recording: Recording) {
    const finished = new Set<string>();
    for (const { bytes } of recording.input) {
      const at = ip.headerBytes(bytes, 0);
      const ident = portsOf(bytes, at);
      const [ports = ""] = ident.split(" ");
      this.#ports.add(ports);
      // Of IPv4 such an answer has no id of the socket.
      if (finished.has(ports) && !ip.isIpv6(bytes, 0) && ipv4.id(bytes, 0) === 0) this.#afterFin.add(ident);
      const isTcp = ident !== "" && ip.protocol(bytes, 0) === PROTOCOL_TCP;
      if (isTcp && (tcp.flags(bytes, at) & tcp.FLAG_FIN) !== 0) finished.add(ports);
    }
  }

  whyForeign(file: string, row: TableRow): LeftOutReason | undefined {
    const ident = identOf(file, row);
    const [ports] = /\d+>\d+/.exec(ident) ?? [];
    const [spi] = /0x[0-9a-f]+/.exec(ident) ?? [];
    const isForeign = (ports !== undefined && !this.#ports.has(ports)) ||
      (spi !== undefined && spi !== this.recording.scenario.sa?.[0]?.spi);
    return isForeign ? "otherHost" : undefined;
  }

  whyLeftOut(file: string, row: TableRow, number: number): LeftOutReason | undefined {
    const ident = identOf(file, row);
    const [ports] = /\d+>\d+ seq=\d+/.exec(ident) ?? [];
    if (ports !== undefined && this.#afterFin.has(ports)) return "timeWait";
    const { proto, sizes = [] } = this.recording.scenario.traffic ?? {};
    const isDatagram = proto === "udp" && file !== "expected_gso.csv";
    return isDatagram && Array.isArray(sizes[number]) ? "corked" : undefined;
  }
}

function identOf(file: string, row: TableRow): string {
  return row.text(file === "expected.csv" ? "inner" : "ident");
}
