/**
 * The receiving end of a socket: the checksum is verified where nobody has, and a process reads the payload.
 *
 * linux-datapath 10.2 (net/ipv4/tcp_ipv4.c: tcp_v4_rcv, net/ipv4/udp.c: udp_queue_rcv_skb, udp_recvmsg, and their IPv6 twins;
 * 4.4 and 6.1). TCP sums a segment before it takes it; UDP sums it in the same pass that copies it to the process. Aggregates
 * of GRO have been verified already. What is copied to user space is counted apart.
 *
 * Departures: there is a socket for every packet, and a process that reads at once, or on a CPU of its own
 * (`reading_process.ts`): then packets wait for it, and hold the link up (`ingress_gate.ts`) where a socket of Linux would drop
 * what its sk_rcvbuf does not take. Order, acknowledgments and windows are not looked at. Protocols other than TCP and UDP are read as they are. An aggregate of UDP is read whole, as by a socket
 * with UDP_GRO.
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
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
import type { ReadingProcess, ReadingProcesses, ReadSocket } from "./reading_process.ts";
import { ReceiveQueue } from "./receive_queue.ts";

const GOOD_SUM = 0xffff;

/** All sockets of one host. */
export class SocketReceive implements Stage {
  /** Read what has come; null where that is read at once. */
  readers: ReadingProcesses | null = null;

  readonly #extensions = new Ipv6Extensions();
  /** What waits for each of these. */
  readonly #unread = new Map<ReadingProcess, UnreadDatagrams>();

  constructor(readonly host: Host) {}

  /** Takes a packet whose data begin at its transport header. */
  process(skb: Skb): void {
    visit(this.host, "local-in", skb);
    const protocol = this.#protocolOf(skb);
    const refusal = this.#check(skb, protocol);
    if (refusal !== REASON.none) return drop(this.host, skb, refusal);
    // A segment that is no part of a stream has nothing to be read.
    if (this.readers === null || protocol === PROTOCOL_TCP) return this.end(skb);
    this.#queueOf(this.readers.current).put(skb, this.host.ledger.nowNs);
  }

  /** The process reads the payload of `skb`, and that is its end; what UDP has not summed before is summed now. */
  end(skb: Skb): void {
    const { skbs, ledger } = this.host;
    const protocol = this.#protocolOf(skb);
    if (protocol === PROTOCOL_UDP && skb.ipSummed === CHECKSUM.none && udp.checksum(skbs.memory.u8, skb.dataAt) !== 0) {
      ledger.note(EVENT.checksum, REASON.fusedRead, skb, skb.len);
      if (!this.#isSumGood(skb, PROTOCOL_UDP)) return drop(this.host, skb, REASON.badChecksum);
    }
    this.#read(skb, skb.len - this.#headerBytes(skb, protocol));
    this.#deliver(skb);
  }

  #queueOf(reader: ReadingProcess): UnreadDatagrams {
    let queue = this.#unread.get(reader);
    if (queue === undefined) {
      queue = new UnreadDatagrams(this, reader);
      this.#unread.set(reader, queue);
    }
    return queue;
  }

  /** The reason to drop a packet before anybody reads it, or REASON.none. */
  #check(skb: Skb, protocol: number): number {
    if (protocol === PROTOCOL_TCP) return this.checkTcp(skb);
    return protocol === PROTOCOL_UDP ? this.#checkUdp(skb) : REASON.none;
  }

  #headerBytes(skb: Skb, protocol: number): number {
    if (protocol === PROTOCOL_TCP) return tcp.dataOffsetBytes(this.host.skbs.memory.u8, skb.dataAt);
    return protocol === PROTOCOL_UDP ? udp.HEADER_BYTES : 0;
  }

  #protocolOf(skb: Skb): number {
    const { u8 } = this.host.skbs.memory;
    const at = skb.head.at + skb.networkHeader;
    if (!ip.isIpv6(u8, at)) return ip.protocol(u8, at);
    this.#extensions.read(u8, at, skb.dataAt);
    return this.#extensions.protocol;
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

  #checkUdp(skb: Skb): number {
    const { skbs } = this.host;
    if (!mayPull(skbs, skb, udp.HEADER_BYTES)) return REASON.shortTransport;
    const bytes = udp.length(skbs.memory.u8, skb.dataAt);
    if (!skb.isGso && (bytes < udp.HEADER_BYTES || bytes > skb.len)) return REASON.shortTransport;
    if (!skb.isGso) trim(skbs, skb, bytes);
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
    if (bytes <= 0) return;
    const { skbs, ledger } = this.host;
    skbs.memory.watch?.readOut(skb, skb.len - bytes, bytes);
    ledger.note(EVENT["user-copy"], REASON.userRead, skb, bytes);
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

/** Packets that one process is to read, all that are no part of a stream. */
class UnreadDatagrams implements ReadSocket {
  isReadable = false;
  readonly unread = new ReceiveQueue();

  constructor(readonly sockets: SocketReceive, readonly reader: ReadingProcess) {}

  put(skb: Skb, nowNs: number): void {
    this.unread.put(skb, NONE, skb.len, nowNs);
    this.reader.notify(this);
  }

  readFirst(): number {
    const { skb, bytes } = this.unread.take();
    this.sockets.host.ledger.stage = STAGE["local-in"];
    this.sockets.end(skb);
    return bytes;
  }

  endRead(): void {}
}
