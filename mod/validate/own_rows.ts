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

/** Headers and trailer that IP, UDP and ESP may put around a datagram. */
const MOST_HEADER_BYTES = 160;

/** A row, and its number in the table. */
export interface OwnRow {
  readonly row: TableRow;
  readonly index: number;
  /** Why its values are left out, although the model has such a row. */
  readonly reason: LeftOutReason | undefined;
}

/**
 * The rows that the model has; the values of the others are left out of `comparison`. Rows of the other host go to `others`, where
 * the model has them too.
 */
export function ownRows(
  recording: Recording,
  table: Table,
  comparison: Comparison,
  others: OwnRow[] | null = null,
): OwnRow[] {
  const { file } = table.form;
  const sender = recording.scenario.path === "send" ? new RecordedSender(recording) : null;
  const own: OwnRow[] = [];
  table.rows.forEach((row, index) => {
    const foreign = whyForeign(recording, file, row) ?? sender?.whyForeign(file, row);
    if (foreign === undefined) own.push({ row, index, reason: sender?.whyLeftOut(file, row, own.length) });
    else if (foreign === "otherHost" && others !== null) {
      others.push({ row, index, reason: sender?.whyOtherLeftOut(file, row) });
    } else comparison.leaveRowsOut(table, foreign, 1);
  });
  return own;
}

/** What a gateway sends through another device is ICMP, and the model has it too. */
function whyForeign({ scenario }: Recording, file: string, row: TableRow): LeftOutReason | undefined {
  if (file !== "expected_tx.csv") return undefined;
  if (scenario.path !== "send") return undefined;
  if (row.integer("rc") !== 0) return "refused";
  return row.text("dev") !== scenario.tx_device ? "otherHost" : undefined;
}

/** What host A sent, as `input.pcap` has it; its tables have the packets of host B too. */
export class RecordedSender {
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
    this.#findOtherAnswers();
  }

  /** Of host B's packets only SYN-ACK, the first, and such answers have no id. */
  #findOtherAnswers(): void {
    const begun = new Set<string>();
    for (const row of this.recording.tables.get("expected_xfrm_output.csv")?.rows ?? []) {
      const [, id, ident = "", ports = ""] = /^tcp id=(\d+) ((\d+>\d+) seq=\d+)/.exec(row.text("ident")) ?? [];
      if (ports === "" || this.#ports.has(ports)) continue;
      if (id === "0" && begun.has(ports)) this.#afterFin.add(ident);
      begun.add(ports);
    }
  }

  /** Why a row of host B is left out all the same. */
  whyOtherLeftOut(file: string, row: TableRow): LeftOutReason | undefined {
    const [ident] = /\d+>\d+ seq=\d+/.exec(identOf(file, row)) ?? [];
    return ident !== undefined && this.#afterFin.has(ident) ? "timeWait" : undefined;
  }

  /** Why a row is not of what host A sent; undefined where it is. */
  whyForeign(file: string, row: TableRow): LeftOutReason | undefined {
    const ident = identOf(file, row);
    const [ports] = /\d+>\d+/.exec(ident) ?? [];
    const [spi] = /0x[0-9a-f]+/.exec(ident) ?? [];
    const isForeign = (ports !== undefined && !this.#ports.has(ports)) ||
      (spi !== undefined && spi !== this.recording.scenario.sa?.[0]?.spi);
    return isForeign ? "otherHost" : undefined;
  }

  /** Why the `number`-th row of host A is left out all the same. */
  whyLeftOut(file: string, row: TableRow, number: number): LeftOutReason | undefined {
    const reason = this.whyOtherLeftOut(file, row);
    if (reason !== undefined) return reason;
    const { proto, sizes = [] } = this.recording.scenario.traffic ?? {};
    const isDatagram = proto === "udp" && file !== "expected_gso.csv";
    return isDatagram && isLongInParts(sizes[number], this.recording.scenario.mtu) ? "corked" : undefined;
  }
}

/** Whether a datagram was written in parts which, with all headers there may be, need more than one buffer. */
function isLongInParts(size: unknown, mtu: number): boolean {
  if (!Array.isArray(size)) return false;
  return size.reduce((sum: number, part) => sum + Number(part), 0) > mtu - MOST_HEADER_BYTES;
}

function identOf(file: string, row: TableRow): string {
  return row.text(file === "expected.csv" ? "inner" : "ident");
}
