/**
 * A burst: packets that one call hands on in a row, and whose rest it gives up when one of them is refused.
 *
 * xfrm_output_gso (net/xfrm/xfrm_output.c) frees the segments that are left as soon as xfrm_output2 returns an error or
 * anything but 0 (kfree_skb_list), ip_do_fragment and ip6_fragment give up the fragments that are left; 4.4 and 6.1. So does a
 * full queue (NET_XMIT_DROP), fq_codel that has dropped of the same flow (NET_XMIT_CN), a busy device without a queue, and
 * crypto that takes no more. What asynchronous crypto has taken counts as sent.
 *
 * ```ts
 * const burst = new Burst(host, espOutput, REASON.burstRefused);
 * segments.forEach((segment, i) => burst.handOn(segment, i === 0)); // each a step, with all that follows from it
 * ```
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import { drop, type Host, type Stage } from "./host.ts";
import { takeRefusal } from "./refusal.ts";

/** Hands packets on to `next`, one per step. */
export class Burst {
  readonly #first: Stage;
  readonly #others: Stage;

  /** What is given up is dropped for `reason`. */
  constructor(readonly host: Host, next: Stage, reason: number) {
    this.#first = {
      process: (skb) => {
        takeRefusal(host);
        next.process(skb);
      },
    };
    this.#others = {
      process: (skb) => {
        if (takeRefusal(host)) drop(host, skb, reason);
        else next.process(skb);
      },
    };
  }

  /** Hands `skb` on after this step; `isFirst` where a burst begins with it. */
  handOn(skb: Skb, isFirst: boolean): void {
    this.host.cpu.handOn(isFirst ? this.#first : this.#others, skb);
  }
}
