/**
 * The sockets of the two hosts of `path=host-to-host`, where packets end: streams and the datagrams beside them on the one, their
 * acknowledgments on the other.
 *
 * tcp_v4_rcv, tcp_v6_rcv (net/ipv4/tcp_ipv4.c, net/ipv6/tcp_ipv6.c; 4.4 and 6.1): a segment is summed, where nobody has done so,
 * before its socket gets it. Whatever is no part of a stream ends as on path receive (`socket_receive.ts`).
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { get16 } from "../wire/bytes.ts";
import * as tcp from "../wire/tcp.ts";
import { drop, framesIn, type Host, type Stage, visit } from "./host.ts";
import type { ReadingProcesses } from "./reading_process.ts";
import { windowScale } from "./receive_window.ts";
import type { SocketReceive } from "./socket_receive.ts";
import type { TcpConnections } from "./tcp_connection.ts";
import { type ReceiverParts, TcpReceiver } from "./tcp_receiver.ts";

/** Sockets of the host that receives. */
export class StreamSockets implements Stage {
  constructor(
    readonly host: Host,
    readonly connections: TcpConnections,
    readonly parts: Omit<ReceiverParts, "windowBytes" | "reader">,
    /** Takes what is no part of a stream. */
    readonly others: SocketReceive,
    /** Read what has come; null where that is read at once. */
    readonly readers: ReadingProcesses | null,
  ) {
    others.readers = readers;
  }

  /** Takes a packet whose data begin at its transport header. */
  process(skb: Skb): void {
    if (!skb.isKept) return this.others.process(skb);
    visit(this.host, "local-in", skb);
    const refusal = this.others.checkTcp(skb);
    const connection = this.connections.of(skb.flow);
    if (refusal !== REASON.none) return drop(this.host, skb, refusal);
    if (connection === undefined) return drop(this.host, skb, REASON.outOfWindow);
    const { windowBytes } = this.connections;
    if (connection.receiver === null) {
      const reader = this.readers?.current ?? null;
      connection.receiver = new TcpReceiver({ ...this.parts, windowBytes, reader }, connection);
    }
    (connection.receiver as TcpReceiver).take(skb, tcp.dataOffsetBytes(this.host.skbs.memory.u8, skb.dataAt));
  }
}

/** Sockets of the host that sends: acknowledgments come. */
export class AcknowledgedSockets implements Stage {
  readonly #windowUnit: number;

  constructor(
    readonly host: Host,
    readonly connections: TcpConnections,
    /** Takes what is no acknowledgment. */
    readonly others: SocketReceive,
  ) {
    this.#windowUnit = 2 ** windowScale(connections.windowBytes);
  }

  /** Takes a packet whose data begin at its transport header. */
  process(skb: Skb): void {
    if (!skb.isKept) return this.others.process(skb);
    visit(this.host, "local-in", skb);
    const refusal = this.others.checkTcp(skb);
    if (refusal !== REASON.none) return drop(this.host, skb, refusal);
    const { skbs, gate } = this.host;
    const { u8 } = skbs.memory;
    const number = tcp.acknowledgment(u8, skb.dataAt);
    const windowBytes = get16(u8, skb.dataAt + tcp.OFFSET_WINDOW) * this.#windowUnit;
    gate.leave(framesIn(skb));
    this.connections.of(skb.flow)?.sender?.acknowledge(number, windowBytes);
    skbs.free(skb, REASON.consumed);
  }
}
