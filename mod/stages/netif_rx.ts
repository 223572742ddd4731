/**
 * netif_rx: packets wait in the backlog of the CPU until NET_RX comes to it, and then go up without GRO.
 *
 * linux-datapath 4.5 (net/core/dev.c: netif_rx, enqueue_to_backlog, process_backlog; 4.4 and 6.1). Decrypted packets of 4.4
 * take it, in tunnel mode.
 *
 * Departures: no other CPU is told to take a packet over (RPS). Linux moves the whole backlog to a second queue before it
 * serves it; here there is one.
 *
 * @module
 */

import { REASON, STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, type Host, type Stage, visit } from "./host.ts";
import type { Napi, NetRx } from "./net_rx.ts";
import { NETDEV_MAX_BACKLOG, PacketQueue } from "./packet_queue.ts";

/** Packets of one poll (net.core.dev_weight). */
const BACKLOG_WEIGHT = 64;

/** The backlog of one CPU. */
export class NetifRx implements Stage, Napi {
  readonly weight = BACKLOG_WEIGHT;
  readonly #queue: PacketQueue;
  #isScheduled = false;

  constructor(
    readonly host: Host,
    readonly netRx: NetRx,
    /** Takes each packet, which is a list of its own. */
    readonly next: Stage,
  ) {
    this.#queue = new PacketQueue(host, "backlog");
  }

  /** Captured packets that wait. */
  get heldPackets(): number {
    return this.#queue.heldPackets;
  }

  /** Packets that wait. */
  get length(): number {
    return this.#queue.length;
  }

  process(skb: Skb): void {
    if (this.#queue.length > NETDEV_MAX_BACKLOG) return this.#drop(skb);
    this.#queue.put(skb);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.netRx.schedule(this, this.host.ledger.nowNs);
  }

  takeOne(): boolean {
    const skb = this.#queue.take();
    if (skb === null) return false;
    visit(this.host, "backlog", skb);
    this.host.cpu.handOn(this.next, skb);
    return true;
  }

  endPoll(complete: boolean): boolean {
    if (complete) this.#isScheduled = false;
    return false;
  }

  #drop(skb: Skb): void {
    this.host.ledger.stage = STAGE.backlog;
    drop(this.host, skb, REASON.backlogFull);
  }
}
