/**
 * Forwarding: where a packet that is not for ESP goes its own way, and one that is gets its route.
 *
 * ip_forward (net/ipv4/ip_forward.c), ip6_forward (net/ipv6/ip6_output.c); 4.4 and 6.1: the time to live is checked and
 * decremented, headroom is made. An IPv4 packet is held against the MTU that ESP leaves over; an IPv6 packet is in xfrm
 * output. All traffic is one policy's, unless there are none (xfrm_route_forward).
 *
 * What is dropped is answered (`icmp.ts`).
 *
 * Departures: netfilter is not there; multicast and broadcast
 * are forwarded as any other packet, since the captured host, not the gateway, was their receiver.
 *
 * @module
 */

import { NONE, REASON } from "../ledger/schema.ts";
import { cow } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { decodeSessionIpv4, decodeSessionIpv6, EarlyDemux } from "./early_demux.ts";
import { drop, type Host, networkBytes, type Stage, visit } from "./host.ts";
import { IcmpErrors } from "./icmp.ts";
import { receiveIpv4, receiveIpv6 } from "./ip_input.ts";
import { passBy } from "./pass_by.ts";
import { priorityOf } from "./priority.ts";

/** Room for an Ethernet header, rounded up to 16 (LL_RESERVED_SPACE). */
export const LL_RESERVED_SPACE = 16;

/** What becomes of a packet, and what that asks of forwarding (a bundle of xfrm_dst). */
export interface Bundle {
  readonly next: Stage;
  /** Bytes that the transformation will put in front (dst->header_len). */
  readonly headerBytes: number;
  /** The MTU inside; Infinity when that of the egress device grows to fit. */
  readonly innerMtu: number;
}

/** Forwards every IP packet to the SA. */
export class Forward implements Stage, Bundle {
  /** Takes the first packet of a list that GRO sends up together. */
  readonly listStart: Stage = {
    process: (skb) => {
      this.#demux.startList();
      this.process(skb);
    },
  };
  /** One for each CPU: lists of two of them go up at the same time. */
  readonly #demuxes: readonly EarlyDemux[];

  constructor(
    readonly host: Host,
    readonly next: Stage,
    readonly headerBytes: number,
    readonly innerMtu: number,
    /** IPsec policies are there, so that each packet is held against them; without any none is looked at. */
    readonly hasPolicies: boolean = true,
    readonly icmp: IcmpErrors = new IcmpErrors(host),
  ) {
    this.#demuxes = host.cpus.all.map(() => new EarlyDemux(host.skbs));
  }

  get #demux(): EarlyDemux {
    return this.#demuxes[this.host.cpuSlot]!;
  }

  process(skb: Skb): void {
    const { skbs } = this.host;
    const type = etherType(skbs.memory.u8, skb.head.at + skb.macHeader);
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return this.#bypass(skb);
    visit(this.host, "forward", skb);
    const isWellFormed = type === ETHERTYPE_IPV4 ? receiveIpv4(skbs, skb) : receiveIpv6(skbs, skb);
    const refusal = isWellFormed ? this.#forward(skb, type === ETHERTYPE_IPV6) : REASON.malformed;
    if (refusal !== NONE) return drop(this.host, skb, refusal);
    this.bundleOf(skb).next.process(skb);
  }

  /** What becomes of `skb`, whose data is its IP header, ports linear: the same for all. */
  bundleOf(_skb: Skb): Bundle {
    return this;
  }

  #bypass(skb: Skb): void {
    this.#demux.startList();
    passBy(this.host, skb);
  }

  /** The reason to drop, or NONE. */
  #forward(skb: Skb, isIpv6: boolean): number {
    const { skbs } = this.host;
    if (isIpv6) this.#demux.receiveIpv6(skb);
    else this.#demux.receiveIpv4(skb);
    if (ip.hopLimit(skbs.memory.u8, skb.dataAt) <= 1) {
      this.icmp.timeExceeded(skb);
      return REASON.ttl;
    }
    if (this.hasPolicies) {
      if (isIpv6) decodeSessionIpv6(skbs, skb);
      else decodeSessionIpv4(skbs, skb);
    }
    const { headerBytes, innerMtu } = this.bundleOf(skb);
    if (!isIpv6 && this.#exceedsMtu(skb, innerMtu)) {
      this.icmp.tooBig(skb, innerMtu);
      return REASON.pmtu;
    }
    cow(skbs, skb, isIpv6 ? ETH_HLEN : LL_RESERVED_SPACE + headerBytes);
    ip.decreaseHopLimit(skbs.memory.u8, skb.dataAt);
    skb.priority = priorityOf(skbs.memory.u8, skb.dataAt);
    return NONE;
  }

  /** ip_exceeds_mtu: an aggregate counts with the length of its segments. */
  #exceedsMtu(skb: Skb, innerMtu: number): boolean {
    return networkBytes(skb) > innerMtu && ipv4.dontFragment(this.host.skbs.memory.u8, skb.dataAt);
  }
}
