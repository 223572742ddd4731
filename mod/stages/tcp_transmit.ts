/**
 * How a TCP socket sends a buffer of its queue: as a clone, with headers of its own.
 *
 * linux-datapath 1.11 (net/ipv4/tcp_output.c: tcp_transmit_skb, tcp_set_skb_tso_segs, tcp_send_ack; net/ipv4/ip_output.c:
 * ip_queue_xmit; 4.4 and 6.1). The clone writes its headers into the headroom that it shares with the buffer in the queue. If
 * an earlier clone is still on its way, a copy is sent that shares the fragments only (pskb_copy). What nobody acknowledges is
 * sent itself.
 *
 * @module
 */

import { NONE, STAGE } from "../ledger/schema.ts";
import { clone, pskbCopy } from "../skb/clone_ops.ts";
import { GSO_TYPE, type Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { framesIn, type Host, observe, type Stage } from "./host.ts";
import type { TcpBuffer } from "./tcp_buffer.ts";
import { keepHeaders, type PacketHeaders, pushHeaders } from "./tcp_headers.ts";

/** Sends the buffers of one socket. */
export class TcpTransmitter {
  /** IPv4 id of the next segment: they count from that of the first captured one. */
  #id = NONE;

  constructor(readonly host: Host, readonly output: Stage) {}

  /** Sends a clone of `buffer`, with the headers of `headers` or, if null, those kept in front of it. */
  send(buffer: TcpBuffer, headers: PacketHeaders | null): void {
    const { skbs, ledger } = this.host;
    const { skb, segments } = buffer;
    ledger.stage = STAGE["local-out"];
    const isIpv6 = ip.isIpv6(skbs.memory.u8, headers?.headers.at ?? skb.head.at + skb.networkHeader);
    skb.head.gsoSize = segments > 1 ? buffer.mss : 0;
    skb.head.gsoSegs = segments;
    skb.head.gsoType = segments > 1 ? (isIpv6 ? GSO_TYPE.tcpV6 : GSO_TYPE.tcpV4) : GSO_TYPE.none;
    const sent = skb.isCloned ? pskbCopy(skbs, skb) : clone(skbs, skb);
    if (headers !== null) keepHeaders(skbs.memory, sent, headers);
    this.#hand(sent, buffer.sequence, buffer.flags, segments, buffer);
  }

  /** Sends `skb`, in front of which headers are kept, itself. */
  sendBare(skb: Skb, sequence: number, flags: number): void {
    this.host.ledger.stage = STAGE["local-out"];
    this.#hand(skb, sequence, flags, 1, null);
  }

  #hand(skb: Skb, sequence: number, flags: number, segments: number, buffer: TcpBuffer | null): void {
    const { skbs, gate, cpu } = this.host;
    pushHeaders(skbs.memory, skb, sequence, flags, this.#takeIds(skb, segments));
    buffer?.charge(skb);
    observe(this.host, skb);
    gate.enter(framesIn(skb));
    cpu.handOn(this.output, skb);
  }

  #takeIds(skb: Skb, segments: number): number {
    if (this.#id === NONE) this.#id = ipv4.id(this.host.skbs.memory.u8, skb.head.at + skb.networkHeader);
    const id = this.#id;
    this.#id = (id + segments) & 0xffff;
    return id;
  }
}
