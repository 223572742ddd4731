/**
 * noqueue: packets go to the driver at once, and what it does not take is lost.
 *
 * linux-datapath 7.5 (net/core/dev.c: __dev_queue_xmit for a device without a queue, as veth and tunnels have it; 4.4 and 6.1).
 * Packets are validated as behind a queue, in the context of whoever sends; several CPUs may do so at one time. A driver that is
 * busy or stopped makes dev_queue_xmit drop the packet and return an error, which ends the burst that it belongs to.
 *
 * Where asynchronous crypto takes a packet at layer 2, dev_queue_xmit returns an error although the packet goes out later
 * (validate_xmit_skb has nothing left to send): TCP then takes it as not sent, and sends the same data again, which on veth made
 * whole transfers stall (the recordings `async-*-transport-tcp-offload`).
 *
 * Departures: CPUs do not wait for each other at the driver (HARD_TX_LOCK). Sockets do not learn of that error, nor of others: they take for sent what has left them. Linux sends a packet
 * that has to wait behind the backlog of its CPU without ESP; here it is dropped.
 *
 * ```ts
 * new NoQueue(host, nic, validate).process(skb); // sent, or dropped
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, type Host, visit } from "./host.ts";
import type { NetTxWork } from "./net_tx.ts";
import type { EgressQueue } from "./qdisc.ts";
import { refuse } from "./refusal.ts";
import { PROGRESS, TransmitList, type TransmitValidator } from "./transmit_list.ts";
import type { TxNic } from "./tx_nic.ts";

/** Nobody is taken up again. */
const NO_QUEUE: NetTxWork = { runFromNetTx: () => {} };

/** A device without a queue. */
export class NoQueue implements EgressQueue {
  /** Nothing ever waits. */
  readonly length: number = 0;
  readonly #transmits: readonly DirectTransmit[];

  constructor(readonly host: Host, readonly nic: TxNic, readonly validate: TransmitValidator) {
    this.#transmits = host.cpus.all.map(() =>
      new DirectTransmit(host, new TransmitList(host, nic, validate, NO_QUEUE))
    );
  }

  process(skb: Skb): void {
    visit(this.host, "qdisc", skb);
    this.#transmits[this.host.cpuSlot]!.begin(skb);
  }
}

/** A packet that a CPU sends without a queue, and its segments. */
class DirectTransmit implements Task {
  constructor(readonly host: Host, readonly list: TransmitList) {}

  begin(skb: Skb): void {
    const progress = this.list.begin(skb);
    if (progress === PROGRESS.more) this.host.cpu.begin(this);
    else this.#end(progress);
  }

  step(): boolean {
    const progress = this.list.step();
    if (progress === PROGRESS.more) return true;
    this.#end(progress);
    return false;
  }

  #end(progress: number): void {
    if (progress === PROGRESS.done) return;
    if (progress === PROGRESS.gone) return refuse(this.host);
    const reason = progress === PROGRESS.again ? REASON.behindBacklog : REASON.noQueue;
    for (const skb of this.list.takeRest()) drop(this.host, skb, reason);
  }
}
