/**
 * The receiving end of a socket: the checksum is verified where nobody has, and a process reads the payload.
 *
 * linux-datapath 10.2 (net/ipv4/tcp_ipv4.c: tcp_v4_rcv, net/ipv4/udp.c: udp_queue_rcv_skb, udp_recvmsg, and their IPv6 twins;
 * 4.4 and 6.1). TCP sums a segment before it takes it; UDP sums it in the same pass that copies it to the process. Aggregates
 * of GRO have been verified already. What is copied to user space is counted apart.
 *
 * Departures: there is a socket for every packet, and a process that reads at once; order, acknowledgments and windows are
 * not looked at. Protocols other than TCP and UDP are read as they are. An aggregate of UDP is read whole, as by a socket
 * with UDP_GRO.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { packetAt, packetsIn, payloadAt } from "../skb/members.ts";
import { mayPull, sumBits, trim } from "../skb/paged_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { combine, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { Ipv6Extensions } from "../wire/ipv6_extensions.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { drop, framesIn, type Host, type Stage, visit } from "./host.ts";

const GOOD_SUM = 0xffff;

/** All sockets of one host. */
export class SocketReceive implements Stage {
  readonly #extensions = new Ipv6Extensions();

  constructor(readonly host: Host) {}

  /** Takes a packet whose data begin at its transport header. */
  process(skb: Skb): void {
    visit(this.host, "local-in", skb);
    const refusal = this.#receive(skb);
    if (refusal !== REASON.none) drop(this.host, skb, refusal);
    else this.#deliver(skb);
  }

  /** Checks the packet, and has its payload read. The reason to drop it, or REASON.none. */
  #receive(skb: Skb): number {
    switch (this.#protocolOf(skb)) {
      case PROTOCOL_TCP:
        return this.#receiveTcp(skb);
      case PROTOCOL_UDP:
        return this.#receiveUdp(skb);
      default:
        this.#read(skb, skb.len);
        return REASON.none;
    }
  }

  #protocolOf(skb: Skb): number {
    const { u8 } = this.host.skbs.memory;
    const at = skb.head.at + skb.networkHeader;
    if (!ip.isIpv6(u8, at)) return ip.protocol(u8, at);
    this.#extensions.read(u8, at, skb.dataAt);
    return this.#extensions.protocol;
  }

  #receiveTcp(skb: Skb): number {
    const refusal = this.checkTcp(skb);
    if (refusal === REASON.none) this.#read(skb, skb.len - tcp.dataOffsetBytes(this.host.skbs.memory.u8, skb.dataAt));
    return refusal;
  }

  /** Whether a TCP segment, whose data begin at its header, is whole and summed right. The reason to drop it, or REASON.none. */
  checkTcp(skb: Skb): number {
    const { skbs, ledger } = this.host;
    if (!mayPull(skbs, skb, tcp.HEADER_BYTES)) return REASON.shortTransport;
    const headerBytes = tcp.dataOffsetBytes(skbs.memory.u8, skb.dataAt);
    if (headerBytes < tcp.HEADER_BYTES || !mayPull(skbs, skb, headerBytes)) return REASON.shortTransport;
    if (skb.ipSummed === CHECKSUM.none) {
      ledger.note(EVENT.checksum, REASON.tcpVerify, skb, skb.len);
      if (!this.#isSumGood(skb, PROTOCOL_TCP)) return REASON.badChecksum;
    }
    return REASON.none;
  }

  #receiveUdp(skb: Skb): number {
    const { skbs, ledger } = this.host;
    if (!mayPull(skbs, skb, udp.HEADER_BYTES)) return REASON.shortTransport;
    const bytes = udp.length(skbs.memory.u8, skb.dataAt);
    if (!skb.isGso && (bytes < udp.HEADER_BYTES || bytes > skb.len)) return REASON.shortTransport;
    if (!skb.isGso) trim(skbs, skb, bytes);
    const isUnverified = skb.ipSummed === CHECKSUM.none && udp.checksum(skbs.memory.u8, skb.dataAt) !== 0;
    if (isUnverified) {
      ledger.note(EVENT.checksum, REASON.fusedRead, skb, skb.len);
      if (!this.#isSumGood(skb, PROTOCOL_UDP)) return REASON.badChecksum;
    }
    this.#read(skb, skb.len - udp.HEADER_BYTES);
    return REASON.none;
  }

  /** Whether pseudo-header, transport header and payload add up. */
  #isSumGood(skb: Skb, protocol: number): boolean {
    const { skbs } = this.host;
    const pseudo = pseudoHeaderSum(skbs.memory.u8, skb.head.at + skb.networkHeader, protocol, skb.len);
    return combine(pseudo, sumBits(skbs, skb, 0, skb.len), 0) === GOOD_SUM;
  }

  /** The process reads `bytes` bytes of payload. */
  #read(skb: Skb, bytes: number): void {
    if (bytes > 0) this.host.ledger.note(EVENT["user-copy"], REASON.userRead, skb, bytes);
  }

  /** One `deliver` event per captured packet that ends in the buffer, or one that counts none; the buffer goes. */
  #deliver(skb: Skb): void {
    const { ledger, gate, skbs } = this.host;
    gate.leave(framesIn(skb));
    const packets = packetsIn(skb);
    if (packets === 0) ledger.write(EVENT.deliver, REASON.toSocket, skb.packet, skb.id, NONE, skb.len, 0, 0);
    for (let i = 0; i < packets; i++) {
      const payload = payloadAt(skb, i);
      ledger.write(EVENT.deliver, REASON.toSocket, packetAt(skb, i), skb.id, NONE, payload, 1, payload, skb.flow);
    }
    skbs.free(skb, REASON.consumed);
  }
}
