/**
 * netif_receive_skb: packets go up from GRO or from the backlog, past the taps, to the handler of their protocol.
 *
 * net/core/dev.c: __netif_receive_skb_core, 4.4 and 6.1. In 6.1 packets go up in lists; each is one step here.
 *
 * @module
 */

import { RX_ESP, type Skb } from "../skb/skb.ts";
import { etherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import type { Host, Stage } from "./host.ts";
import type { PacketTap } from "./packet_tap.ts";
import { passBy } from "./pass_by.ts";

/** IP input, or what stands for it. */
export interface ListStage extends Stage {
  /** Takes the first packet of a list. */
  readonly listStart: Stage;
}

/** Packets that came as ESP and still are, or that the NIC has made clear ones of (`offload=packet`). */
export class EspOrClear implements ListStage {
  readonly listStart: Stage = { process: (skb) => this.#stageOf(skb).listStart.process(skb) };

  constructor(readonly esp: ListStage, readonly clear: ListStage) {}

  process(skb: Skb): void {
    this.#stageOf(skb).process(skb);
  }

  #stageOf(skb: Skb): ListStage {
    return skb.rxEsp === RX_ESP.decapsulated ? this.clear : this.esp;
  }
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
