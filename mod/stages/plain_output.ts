/**
 * The way out of a forwarded packet that is not for ESP: held against the MTU of the device where forwarding has not done so.
 *
 * ip6_forward (net/ipv6/ip6_output.c), ip_finish_output_gso (net/ipv4/ip_output.c); 4.4 and 6.1.
 *
 * What is dropped of IPv6 is answered (`icmp.ts`).
 *
 * Departures: an aggregate of IPv4 whose segments are too large, and may be cut, is
 * dropped; GRO builds none out of frames that have come through a link of the same MTU. Whole packets in a list
 * (`udp_gro=frag-list`) are taken apart here, before the queue and not behind it.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { GSO_TYPE, type Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import { segmentPacketList } from "./gso_udp.ts";
import { drop, type Host, networkBytes, type Stage } from "./host.ts";
import { IcmpErrors } from "./icmp.ts";

/** Lets packets through that fit. */
export class PlainOutput implements Stage {
  readonly #one: Stage = { process: (skb) => this.#output(skb) };

  constructor(
    readonly host: Host,
    readonly next: Stage,
    /** That of the egress device; Infinity when it grows to fit. */
    readonly mtu: number,
    readonly icmp: IcmpErrors = new IcmpErrors(host),
  ) {}

  process(skb: Skb): void {
    const { config, cpu } = this.host;
    if (skb.head.gsoType !== GSO_TYPE.fragList) return this.#output(skb);
    segmentPacketList(this.host, skb, config.nic_sg === "on", (packet) => cpu.handOn(this.#one, packet));
  }

  #output(skb: Skb): void {
    const mayBeCut = !skb.isGso && !ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt);
    if (networkBytes(skb) <= this.mtu || mayBeCut) return this.next.process(skb);
    if (ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt)) this.icmp.tooBig(skb, this.mtu);
    drop(this.host, skb, REASON.pmtu);
  }
}
