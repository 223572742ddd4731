/**
 * The socket that encapsulated ESP comes to: it takes the UDP header off, and hands ESP on.
 *
 * linux-datapath 4.4, 15.2 (udp_rcv, udp_queue_rcv_skb, udp_queue_rcv_one_skb, net/ipv4/udp.c and net/ipv6/udp.c;
 * xfrm4_udp_encap_rcv, xfrm6_udp_encap_rcv; 4.4 and 6.1). ESP is an ordinary UDP packet until here: no GRO handler takes it.
 * Where the socket has UDP_GRO (`udp_gro=encap`) and datagrams have a checksum, GRO joins them; they are taken apart again, by
 * reference. IKE on the same port goes to its daemon, keepalives of a NAT end here.
 *
 * ```ts
 * const receive = new UdpEncapReceive(host, new Set([4500]), { esp: { process: (skb) => input.processEncapsulated(skb) }, sockets });
 * receive.process(skb); // From IP input: the data begin at the UDP header.
 * ```
 *
 * @module
 */

import { DATAGRAM, kindOfDatagram } from "../esp/udp_encapsulation.ts";
import { EVENT, REASON } from "../ledger/schema.ts";
import { pull, push, unclone } from "../skb/head_ops.ts";
import { mayPull, sumBits, trim } from "../skb/paged_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { combine, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as udp from "../wire/udp.ts";
import { Gso } from "./gso.ts";
import { drop, type Host, type Stage } from "./host.ts";

const GOOD_SUM = 0xffff;
/** Bytes that tell ESP, IKE and a keepalive apart. */
const MARKER_BYTES = 8;
/** What udp_rcv_segment asks for: payload by reference, checksums left alone. */
const BY_REFERENCE = { scatterGather: true, checksumOffload: true, fragListOffload: false } as const;

/** Where datagrams go on. */
export interface DatagramStages {
  /** Takes ESP packets, whose data begin at the ESP header. */
  readonly esp: Stage;
  /** Takes all others, whose data begin at the UDP header. */
  readonly sockets: Stage;
}

/** Receives datagrams of one host. */
export class UdpEncapReceive implements Stage {
  readonly #gso: Gso;

  /** `ports` are those that ESP comes to; more may be added later. */
  constructor(readonly host: Host, readonly ports: ReadonlySet<number>, readonly next: DatagramStages) {
    this.#gso = new Gso(host, 0);
  }

  /** Takes a datagram from IP input: its data begin at the UDP header, its transport header is there too. */
  process(skb: Skb): void {
    const { skbs } = this.host;
    if (!mayPull(skbs, skb, udp.HEADER_BYTES)) return drop(this.host, skb, REASON.shortTransport);
    if (!this.ports.has(udp.destinationPort(skbs.memory.u8, skb.dataAt))) return this.next.sockets.process(skb);
    if (skb.isGso) this.#takeApart(skb);
    else this.#receive(skb);
  }

  /** udp_rcv_segment. */
  #takeApart(skb: Skb): void {
    push(skb, skb.data - skb.macHeader);
    // None is received before the aggregate is freed: until then clones share its buffers.
    const segments: Skb[] = [];
    this.#gso.segment(skb, (segment) => segments.push(segment), BY_REFERENCE);
    for (const segment of segments) {
      pull(segment, segment.transportHeader - segment.data);
      this.#receive(segment);
    }
  }

  /** One datagram. */
  #receive(skb: Skb): void {
    const { skbs } = this.host;
    const bytes = udp.length(skbs.memory.u8, skb.dataAt);
    if (bytes < udp.HEADER_BYTES || bytes > skb.len) return drop(this.host, skb, REASON.shortTransport);
    trim(skbs, skb, bytes);
    if (!this.#isChecksumGood(skb)) return drop(this.host, skb, REASON.badChecksum);
    const payloadBytes = bytes - udp.HEADER_BYTES;
    mayPull(skbs, skb, udp.HEADER_BYTES + Math.min(payloadBytes, MARKER_BYTES));
    const kind = kindOfDatagram(skbs.memory.u8, skb.dataAt + udp.HEADER_BYTES, payloadBytes);
    if (kind === DATAGRAM.keepalive) drop(this.host, skb, REASON.keepalive);
    else if (kind === DATAGRAM.esp) this.#unpack(skb);
    else this.next.sockets.process(skb);
  }

  /** udp_lib_checksum_complete: what nobody has verified the CPU sums. */
  #isChecksumGood(skb: Skb): boolean {
    const { skbs, ledger } = this.host;
    const { u8 } = skbs.memory;
    if (skb.ipSummed !== CHECKSUM.none || udp.checksum(u8, skb.dataAt) === 0) return true;
    ledger.note(EVENT.checksum, REASON.udpVerify, skb, skb.len);
    const pseudo = pseudoHeaderSum(u8, skb.head.at + skb.networkHeader, PROTOCOL_UDP, skb.len);
    const isGood = combine(pseudo, sumBits(skbs, skb, 0, skb.len), 0) === GOOD_SUM;
    if (isGood) skb.ipSummed = CHECKSUM.unnecessary;
    return isGood;
  }

  /** The UDP header goes, and the IP header counts it no more; who else holds the bytes keeps them as they are. */
  #unpack(skb: Skb): void {
    const { skbs } = this.host;
    unclone(skbs, skb);
    const { u8 } = skbs.memory;
    const ipAt = skb.head.at + skb.networkHeader;
    ip.setTotalBytes(u8, ipAt, ip.totalBytes(u8, ipAt) - udp.HEADER_BYTES);
    pull(skb, udp.HEADER_BYTES);
    skb.transportHeader = skb.data;
    this.next.esp.process(skb);
  }
}
