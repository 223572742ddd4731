/**
 * IP input of packets to our own host: to ESP input, or to a socket.
 *
 * ip_rcv, ip_local_deliver (net/ipv4/ip_input.c), ip6_rcv, ip6_input (net/ipv6/ip6_input.c); 4.4 and 6.1. Headers are pulled
 * as for a forwarded packet (`ip_input.ts`, `early_demux.ts`).
 *
 * Departures: fragments are not put together, but dropped; options and routing headers are not obeyed; no policies.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { pull } from "../skb/head_ops.ts";
import { mayPull } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { etherType, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as protocols from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { EarlyDemux } from "./early_demux.ts";
import { drop, type Host, type Stage, visit } from "./host.ts";
import { receiveIpv4, receiveIpv6 } from "./ip_input.ts";
import type { ListStage } from "./netif_receive.ts";

/** Extension headers count in units of 8 bytes, the first not counted. */
const EXTENSION_UNIT = 8;

/** Who takes packets of our host, without their IP headers. */
export interface LocalProtocols {
  readonly esp: Stage;
  /** All other protocols. */
  readonly sockets: Stage;
}

/** Delivers IP packets. */
export class LocalIn implements ListStage {
  readonly listStart: Stage = {
    process: (skb) => {
      this.#demux.startList();
      this.process(skb);
    },
  };
  /** Takes packets that have been received before, and whose data are their IP header (dst_input). */
  readonly deliverDoor: Stage = {
    process: (skb) => {
      visit(this.host, "ip-input", skb);
      this.#deliver(skb);
    },
  };
  readonly #demux: EarlyDemux;
  /** Protocol behind the headers of the packet at hand. */
  #protocol = 0;

  constructor(readonly host: Host, readonly protocols: LocalProtocols) {
    this.#demux = new EarlyDemux(host.skbs);
  }

  /** Takes a packet as it comes up. */
  process(skb: Skb): void {
    const { skbs } = this.host;
    visit(this.host, "ip-input", skb);
    const isIpv6 = etherType(skbs.memory.u8, skb.head.at + skb.macHeader) === ETHERTYPE_IPV6;
    const isWellFormed = isIpv6 ? receiveIpv6(skbs, skb) : receiveIpv4(skbs, skb);
    if (!isWellFormed) return drop(this.host, skb, REASON.malformed);
    if (isIpv6) this.#demux.receiveIpv6(skb);
    else this.#demux.receiveIpv4(skb);
    this.#deliver(skb);
  }

  #deliver(skb: Skb): void {
    const { skbs } = this.host;
    const isIpv6 = ip.isIpv6(skbs.memory.u8, skb.dataAt);
    const refusal = isIpv6 ? this.#pullIpv6(skb) : this.#pullIpv4(skb);
    if (refusal !== REASON.none) return drop(this.host, skb, refusal);
    skb.transportHeader = skb.data;
    if (this.#protocol === protocols.PROTOCOL_ESP) this.protocols.esp.process(skb);
    else this.protocols.sockets.process(skb);
  }

  #pullIpv4(skb: Skb): number {
    const { u8 } = this.host.skbs.memory;
    if (ipv4.isFragment(u8, skb.dataAt)) return REASON.notReassembled;
    this.#protocol = ipv4.protocol(u8, skb.dataAt);
    pull(skb, ipv4.ihlBytes(u8, skb.dataAt));
    return REASON.none;
  }

  /** Extension headers are protocols of their own, each pulled by its handler. */
  #pullIpv6(skb: Skb): number {
    const { skbs } = this.host;
    let protocol = ipv6.nextHeader(skbs.memory.u8, skb.dataAt);
    let bytes = ipv6.HEADER_BYTES;
    while (isExtension(protocol)) {
      if (protocol === protocols.PROTOCOL_FRAGMENT) return REASON.notReassembled;
      if (!mayPull(skbs, skb, bytes + EXTENSION_UNIT)) return REASON.malformed;
      const extensionBytes = (skbs.memory.u8[skb.dataAt + bytes + 1]! + 1) * EXTENSION_UNIT;
      if (!mayPull(skbs, skb, bytes + extensionBytes)) return REASON.malformed;
      protocol = skbs.memory.u8[skb.dataAt + bytes]!;
      bytes += extensionBytes;
    }
    this.#protocol = protocol;
    pull(skb, bytes);
    return REASON.none;
  }
}

function isExtension(protocol: number): boolean {
  return protocol === protocols.PROTOCOL_HOP_BY_HOP || protocol === protocols.PROTOCOL_ROUTING ||
    protocol === protocols.PROTOCOL_DESTINATION_OPTIONS || protocol === protocols.PROTOCOL_FRAGMENT;
}
