/**
 * IP output of a buffer that leaves a socket of this host: to the transform.
 *
 * ip_queue_xmit, ip_send_skb, __ip_local_out (net/ipv4/ip_output.c), xfrm4_output; ip6_xmit, xfrm6_output
 * (net/ipv6/xfrm6_output.c); 4.4 and 6.1. An IPv6 datagram that ESP in tunnel mode would make too large is fragmented before;
 * in transport mode, and over IPv4, the finished ESP packet is (`ip_output.ts`).
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import { Burst } from "./burst.ts";
import { type Host, type Stage, visit } from "./host.ts";
import { IpFragmenter } from "./ip_fragment.ts";
import { priorityOf } from "./priority.ts";
import type { InnerMtu } from "./xfrm_output.ts";

/** A buffer leaves its socket: one step. */
export class LocalOut implements Stage {
  readonly #fragmenter: IpFragmenter;
  readonly #burst: Burst;

  constructor(
    readonly host: Host,
    readonly next: Stage,
    /** The MTUs inside the SA. */
    readonly innerMtu: InnerMtu,
    readonly isTunnel: boolean,
  ) {
    this.#fragmenter = new IpFragmenter(host, innerMtu.ipv6);
    this.#burst = new Burst(host, next, REASON.fragmentsRefused);
  }

  process(skb: Skb): void {
    visit(this.host, "local-out", skb);
    skb.priority = priorityOf(this.host.skbs.memory.u8, skb.dataAt);
    if (!this.#mustBeCut(skb)) return this.next.process(skb);
    let isFirst = true;
    this.#fragmenter.fragment(skb, (fragment) => {
      this.#burst.handOn(fragment, isFirst);
      isFirst = false;
    });
  }

  #mustBeCut(skb: Skb): boolean {
    if (!this.isTunnel || skb.isGso || skb.len <= this.innerMtu.ipv6) return false;
    return ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt);
  }
}
