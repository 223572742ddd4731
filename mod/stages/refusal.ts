/**
 * What the call chain of transmission returns: whether a packet was refused (NET_XMIT_DROP, NET_XMIT_CN, an error).
 *
 * Stages hand packets on and return nothing; who has to know, as xfrm_output_gso and ip_do_fragment do between two packets, asks
 * here. Each CPU has its own answer, since a call chain does not leave its CPU. What is dropped refuses (`drop()` in `host.ts`);
 * what is dropped out of a queue, long after its call chain has returned, does not.
 *
 * ```ts
 * takeRefusal(host); // forgets what was before
 * next.process(skb);
 * takeRefusal(host); // true: it was dropped on its way to the driver or to a queue
 * ```
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import { drop, type Host } from "./host.ts";

/** A packet of the running call chain is refused. */
export function refuse(host: Host): void {
  host.refusals[host.cpuSlot] = 1;
}

/** Tells whether a packet of the running call chain has been refused since this was last asked. */
export function takeRefusal(host: Host): boolean {
  const slot = host.cpuSlot;
  const isRefused = host.refusals[slot] === 1;
  host.refusals[slot] = 0;
  return isRefused;
}

/** What {@linkcode restoreRefusal} puts back. */
export function refusalOf(host: Host): number {
  return host.refusals[host.cpuSlot]!;
}

/** Forgets what has been refused since {@linkcode refusalOf} gave `before`: it was none of the call chain's packets. */
export function restoreRefusal(host: Host, before: number): void {
  host.refusals[host.cpuSlot] = before;
}

/** Drops `skb`, which the running call chain does not answer for: it waited in a queue. */
export function dropQueued(host: Host, skb: Skb, reason: number): void {
  const before = refusalOf(host);
  drop(host, skb, reason);
  restoreRefusal(host, before);
}
