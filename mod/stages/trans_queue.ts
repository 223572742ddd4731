/**
 * xfrm_trans_queue: decrypted packets of transport mode wait until the CPU is out of NET_RX, so that no call chain grows with
 * each layer of ESP.
 *
 * linux-datapath 5.10 (net/xfrm/xfrm_input.c: xfrm_trans_queue_net, xfrm_trans_reinject; 4.15 and later). Served by a
 * tasklet at first, by a work item in 6.1: on the same CPU, in order, when no softirq is pending.
 *
 * Departure: softirqs that never end keep it waiting. In Linux ksoftirqd would take turns with it.
 *
 * @module
 */

import { REASON, STAGE } from "../ledger/schema.ts";
import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, type Host, type Stage, visit } from "./host.ts";
import { NETDEV_MAX_BACKLOG, PacketQueue } from "./packet_queue.ts";

/** The queue of one CPU. */
export class TransQueue implements Stage, Task {
  readonly #queue: PacketQueue;

  constructor(
    readonly host: Host,
    /** Takes packets whose data is their IP header (dst_input). */
    readonly next: Stage,
    /** Whose queue it is; unless given, the only CPU's. */
    readonly cpu: Cpu<Skb> = host.cpu,
  ) {
    this.#queue = new PacketQueue(host, "trans-queue");
    cpu.onSoftirq(SOFTIRQ.worker, this);
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
    if (this.#queue.length >= NETDEV_MAX_BACKLOG) return this.#drop(skb);
    this.#queue.put(skb);
    this.cpu.raise(SOFTIRQ.worker, this.host.ledger.nowNs);
  }

  /** One packet of those that wait (xfrm_trans_reinject). */
  step(): boolean {
    const skb = this.#queue.take();
    if (skb === null) return false;
    visit(this.host, "trans-queue", skb);
    this.cpu.handOn(this.next, skb);
    return this.#queue.length > 0;
  }

  #drop(skb: Skb): void {
    this.host.ledger.stage = STAGE["trans-queue"];
    drop(this.host, skb, REASON.transQueueFull);
  }
}
