/**
 * IP output of finished ESP packets: fragments what may be fragmented and is too large, and puts the Ethernet header on.
 *
 * ip_finish_output (net/ipv4/ip_output.c), ip6_finish_output (net/ipv6/ip6_output.c) and the neighbour's cached header, 4.4
 * and 6.1. Aggregates, and what is left to ESP at layer 2, have been held against the MTU before.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { push } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, writeEthernet } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { Burst } from "./burst.ts";
import { type Host, type Stage, visit } from "./host.ts";
import { IpFragmenter } from "./ip_fragment.ts";

/** MAC addresses of the link behind the gateway: locally administered. The peer answers with them the other way round. */
const GATEWAY_MAC = Uint8Array.of(0x02, 0, 0, 0, 0x01, 0x01);
const PEER_MAC = Uint8Array.of(0x02, 0, 0, 0, 0x01, 0x02);

/** Sends IP packets to the device. */
export class IpOutput implements Stage {
  readonly #fragmenter: IpFragmenter;
  readonly #burst: Burst;

  /** `mtu` is that of the egress device; Infinity when it grows to fit. */
  constructor(readonly host: Host, readonly next: Stage, readonly mtu: number) {
    this.#fragmenter = new IpFragmenter(host, mtu);
    this.#burst = new Burst(host, { process: (skb) => this.#send(skb) }, REASON.fragmentsRefused);
  }

  process(skb: Skb): void {
    visit(this.host, "ip-output", skb);
    if (skb.len <= this.mtu || skb.isGso || skb.espProtocol !== 0) return this.#send(skb);
    let isFirst = true;
    this.#fragmenter.fragment(skb, (fragment) => {
      this.#burst.handOn(fragment, isFirst);
      isFirst = false;
    });
  }

  #send(skb: Skb): void {
    const { u8 } = this.host.skbs.memory;
    const etherType = ip.isIpv6(u8, skb.dataAt) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
    push(skb, ETH_HLEN);
    skb.macHeader = skb.data;
    const isBack = this.host.sendReason === REASON.toSender;
    writeEthernet(u8, skb.dataAt, isBack ? GATEWAY_MAC : PEER_MAC, isBack ? PEER_MAC : GATEWAY_MAC, etherType);
    this.next.process(skb);
  }
}
