/**
 * Forwarding: where a packet that is not for ESP goes its own way, and one that is gets its route.
 *
 * ip_forward (net/ipv4/ip_forward.c), ip6_forward (net/ipv6/ip6_output.c); 4.4 and 6.1: the time to live is checked and
 * decremented, headroom is made. An IPv4 packet is held against the MTU that ESP leaves over; an IPv6 packet is in xfrm
 * output. All traffic is one policy's.
 *
 * Departures: the ICMP answers to what is dropped here are not generated; netfilter is not there; multicast and broadcast
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
import { receiveIpv4, receiveIpv6 } from "./ip_input.ts";
import { passBy } from "./pass_by.ts";

/** Room for an Ethernet header, rounded up to 16 (LL_RESERVED_SPACE). */
export const LL_RESERVED_SPACE = 16;

/** Forwards every IP packet to the SA. */
export class Forward implements Stage {
  /** Takes the first packet of a list that GRO sends up together. */
  readonly listStart: Stage = {
    process: (skb) => {
      this.#demux.startList();
      this.process(skb);
    },
  };
  readonly #demux: EarlyDemux;

  constructor(
    readonly host: Host,
    readonly next: Stage,
    /** Bytes that the transformation will put in front (dst->header_len). */
    readonly headerBytes: number,
    /** The MTU inside; Infinity when that of the egress device grows to fit. */
    readonly innerMtu: number,
  ) {
    this.#demux = new EarlyDemux(host.skbs);
  }

  process(skb: Skb): void {
    const { skbs } = this.host;
    const type = etherType(skbs.memory.u8, skb.head.at + skb.macHeader);
    if (type !== ETHERTYPE_IPV4 && type !== ETHERTYPE_IPV6) return this.#bypass(skb);
    visit(this.host, "forward", skb);
    const isWellFormed = type === ETHERTYPE_IPV4 ? receiveIpv4(skbs, skb) : receiveIpv6(skbs, skb);
    const refusal = isWellFormed ? this.#forward(skb, type === ETHERTYPE_IPV6) : REASON.malformed;
    if (refusal !== NONE) return drop(this.host, skb, refusal);
    this.next.process(skb);
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
    if (ip.hopLimit(skbs.memory.u8, skb.dataAt) <= 1) return REASON.ttl;
    if (isIpv6) decodeSessionIpv6(skbs, skb);
    else decodeSessionIpv4(skbs, skb);
    if (!isIpv6 && this.#exceedsMtu(skb)) return REASON.pmtu;
    cow(skbs, skb, isIpv6 ? ETH_HLEN : LL_RESERVED_SPACE + this.headerBytes);
    ip.decreaseHopLimit(skbs.memory.u8, skb.dataAt);
    return NONE;
  }

  /** ip_exceeds_mtu: an aggregate counts with the length of its segments. */
  #exceedsMtu(skb: Skb): boolean {
    return networkBytes(skb) > this.innerMtu && ipv4.dontFragment(this.host.skbs.memory.u8, skb.dataAt);
  }
}
