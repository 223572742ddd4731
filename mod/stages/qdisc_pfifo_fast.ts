/**
 * pfifo_fast: three lists by priority; one of a higher band goes before all of a lower one.
 *
 * linux-datapath 7.5 (net/sched/sch_generic.c: pfifo_fast_enqueue, pfifo_fast_dequeue, prio2band; 4.4 and 6.1). The band follows
 * from the packet's priority, which a gateway sets by the type of service of an IPv4 packet (`priority.ts`). In 4.4 the three
 * bands share the limit (tx_queue_len), with what the driver refused; in 6.1 each is a ring of that length of its own, and what
 * was refused waits outside.
 *
 * Departures: in 6.1 it takes no lock, so that two CPUs may take packets out of order; here one CPU runs it at a time.
 *
 * ```ts
 * const bands = new PfifoFast(host, 1000);
 * bands.enqueue(bulk); // priority 2
 * bands.enqueue(interactive); // priority 6
 * bands.dequeue(); // interactive
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, type Host } from "./host.ts";
import { PRIORITIES } from "./priority.ts";
import { countedLength, noteEnqueue, type QdiscKind } from "./qdisc_kind.ts";
import { SkbFifo } from "./skb_fifo.ts";

/** Band of each priority from 0 to 15, the first band going first (sch_generic.c, prio2band). */
const BANDS: readonly number[] = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];

/** Three bands. */
export class PfifoFast implements QdiscKind {
  requeued = 0;
  readonly dequeueReason: number = REASON.none;
  readonly #bands: readonly SkbFifo[] = [new SkbFifo(), new SkbFifo(), new SkbFifo()];

  constructor(readonly host: Host, readonly limit: number) {}

  get length(): number {
    const [first, second, third] = this.#bands;
    return first!.length + second!.length + third!.length;
  }

  enqueue(skb: Skb): void {
    const band = this.#bands[BANDS[skb.priority % PRIORITIES]!]!;
    const isShared = this.host.config.era === "4.4";
    const waiting = isShared ? countedLength(this.host, this) : band.length;
    if (waiting >= this.limit) return drop(this.host, skb, REASON.bandLimit);
    band.push(skb);
    noteEnqueue(this.host, skb, this.length + this.requeued);
  }

  dequeue(): Skb | null {
    return this.#firstBand()?.shift() ?? null;
  }

  peek(): Skb | null {
    return this.#firstBand()?.first ?? null;
  }

  #firstBand(): SkbFifo | undefined {
    return this.#bands.find(isFilled);
  }
}

function isFilled({ length }: SkbFifo): boolean {
  return length > 0;
}
