/**
 * IP input of packets to our own host: to ESP input, or to a socket.
 *
 * ip_rcv, ip_local_deliver (net/ipv4/ip_input.c), ip6_rcv, ip6_input (net/ipv6/ip6_input.c); 4.4 and 6.1. Headers are pulled
 * as for a forwarded packet (`ip_input.ts`, `early_demux.ts`).
 *
 * Fragments are put together before anybody sees what is in them (`ip_defrag.ts`).
 *
 * Departures: options and routing headers are not obeyed; no policies.
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
import { FRAGMENT_WAIT_NS, IpDefrag, placeOfIpv4, placeOfIpv6, removeFragmentHeader } from "./ip_defrag.ts";
import { receiveIpv4, receiveIpv6 } from "./ip_input.ts";
import type { ListStage } from "./netif_receive.ts";

/** Extension headers count in units of 8 bytes, the first not counted. */
const EXTENSION_UNIT = 8;

/** Who takes packets of our host, without their IP headers. */
export interface LocalProtocols {
  readonly esp: Stage;
  /** Takes UDP; absent where ESP is not looked for in it. */
  readonly udp?: Stage;
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
  /** One for each CPU: lists of two of them go up at the same time. */
  readonly #demuxes: readonly EarlyDemux[];
  readonly #defragIpv4: IpDefrag;
  readonly #defragIpv6: IpDefrag;
  /** Protocol behind the headers of the packet at hand. */
  #protocol = 0;

  constructor(readonly host: Host, readonly protocols: LocalProtocols) {
    this.#demuxes = host.cpus.all.map(() => new EarlyDemux(host.skbs));
    this.#defragIpv4 = new IpDefrag(host, FRAGMENT_WAIT_NS.ipv4);
    this.#defragIpv6 = new IpDefrag(host, FRAGMENT_WAIT_NS.ipv6);
  }

  /** Captured packets that wait for the rest of what they are fragments of. */
  get heldPackets(): number {
    return this.#defragIpv4.length + this.#defragIpv6.length;
  }

  /** Gives back what waits. */
  release(): void {
    this.#defragIpv4.release();
    this.#defragIpv6.release();
  }

  get #demux(): EarlyDemux {
    return this.#demuxes[this.host.cpuSlot]!;
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
    const isIpv6 = ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt);
    const whole = isIpv6 ? this.#pullIpv6(skb) : this.#pullIpv4(skb);
    if (whole === null) return;
    whole.transportHeader = whole.data;
    if (this.#protocol === protocols.PROTOCOL_ESP) this.protocols.esp.process(whole);
    else if (this.#protocol === protocols.PROTOCOL_UDP && this.protocols.udp) this.protocols.udp.process(whole);
    else this.protocols.sockets.process(whole);
  }

  /** The packet without its IP header; null where it waits for other fragments, or was dropped. */
  #pullIpv4(skb: Skb): Skb | null {
    const { memory } = this.host.skbs;
    const isFragment = ipv4.isFragment(memory.u8, skb.dataAt);
    const whole = isFragment ? this.#defragIpv4.take(skb, placeOfIpv4(memory.u8, skb.dataAt)) : skb;
    if (whole === null) return null;
    this.#protocol = ipv4.protocol(memory.u8, whole.dataAt);
    pull(whole, ipv4.ihlBytes(memory.u8, whole.dataAt));
    return whole;
  }

  /** Extension headers are protocols of their own, each pulled by its handler; null as above. */
  #pullIpv6(skb: Skb): Skb | null {
    const { skbs } = this.host;
    let whole = skb;
    let protocol = ipv6.nextHeader(skbs.memory.u8, skb.dataAt);
    let protocolOffset = ipv6.OFFSET_NEXT_HEADER;
    let bytes = ipv6.HEADER_BYTES;
    while (isExtension(protocol)) {
      if (!mayPull(skbs, whole, bytes + EXTENSION_UNIT)) return this.#refuse(whole);
      const isFragment = protocol === protocols.PROTOCOL_FRAGMENT;
      if (isFragment && !this.#isAtomic(whole, bytes)) {
        const complete = this.#takeFragment(whole, bytes, protocolOffset);
        if (complete === null) return null;
        whole = complete;
        protocol = skbs.memory.u8[whole.dataAt + protocolOffset]!;
        continue;
      }
      const lengthUnits = isFragment ? 0 : skbs.memory.u8[whole.dataAt + bytes + 1]!;
      const extensionBytes = (lengthUnits + 1) * EXTENSION_UNIT;
      if (!mayPull(skbs, whole, bytes + extensionBytes)) return this.#refuse(whole);
      protocol = skbs.memory.u8[whole.dataAt + bytes]!;
      protocolOffset = bytes;
      bytes += extensionBytes;
    }
    this.#protocol = protocol;
    pull(whole, bytes);
    return whole;
  }

  /** A fragment header on a packet that is whole (RFC 6946). */
  #isAtomic(skb: Skb, headerOffset: number): boolean {
    const { offset, isLast } = placeOfIpv6(this.host.skbs.memory.u8, skb.dataAt, headerOffset);
    return offset === 0 && isLast;
  }

  /** The packet that a fragment completes, without fragment header; null as above. */
  #takeFragment(skb: Skb, headerOffset: number, protocolOffset: number): Skb | null {
    const { memory } = this.host.skbs;
    const whole = this.#defragIpv6.take(skb, placeOfIpv6(memory.u8, skb.dataAt, headerOffset));
    if (whole === null) return null;
    const isAlike = memory.u8[whole.dataAt + protocolOffset] === protocols.PROTOCOL_FRAGMENT;
    if (!isAlike) return this.#refuse(whole);
    removeFragmentHeader(this.host, whole, headerOffset, protocolOffset);
    return whole;
  }

  #refuse(skb: Skb): null {
    drop(this.host, skb, REASON.malformed);
    return null;
  }
}

function isExtension(protocol: number): boolean {
  return protocol === protocols.PROTOCOL_HOP_BY_HOP || protocol === protocols.PROTOCOL_ROUTING ||
    protocol === protocols.PROTOCOL_DESTINATION_OPTIONS || protocol === protocols.PROTOCOL_FRAGMENT;
}
