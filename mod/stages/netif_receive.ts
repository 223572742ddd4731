/**
 * netif_receive_skb: packets go up from GRO or from the backlog, past the taps, to the handler of their protocol.
 *
 * net/core/dev.c: __netif_receive_skb_core, 4.4 and 6.1. In 6.1 packets go up in lists; each is one step here.
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import { etherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import type { Host, Stage } from "./host.ts";
import type { PacketTap } from "./packet_tap.ts";
import { passBy } from "./pass_by.ts";

/** IP input, or what stands for it. */
export interface ListStage extends Stage {
  /** Takes the first packet of a list. */
  readonly listStart: Stage;
}

/** Hands packets of one kind up: those that came as ESP, or clear ones. */
export class NetifReceive implements ListStage {
  readonly listStart: Stage = { process: (skb) => this.#receive(skb, this.next.listStart) };

  constructor(
    readonly host: Host,
    readonly tap: PacketTap,
    /** Taps see ESP packets here. */
    readonly isEsp: boolean,
    readonly next: ListStage,
  ) {}

  process(skb: Skb): void {
    this.#receive(skb, this.next);
  }

  #receive(skb: Skb, next: Stage): void {
    const type = etherType(this.host.skbs.memory.u8, skb.head.at + skb.macHeader);
    const isIp = type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6;
    this.tap.see(skb, isIp && this.isEsp);
    if (isIp) next.process(skb);
    else passBy(this.host, skb);
  }
}
