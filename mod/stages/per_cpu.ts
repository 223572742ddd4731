/**
 * A stage of which each CPU of a host has its own: its queues and their state (DEFINE_PER_CPU).
 *
 * ```ts
 * const backlog = new PerCpu(host, host.cpus.all.map((cpu, i) => new NetifRx(host, netRx[i], next)));
 * backlog.process(skb); // Into the backlog of the CPU that runs.
 * ```
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import type { Host, Stage } from "./host.ts";

/** Hands each packet to the stage of the CPU that runs (this_cpu_ptr). */
export class PerCpu<Own extends Stage> implements Stage {
  /** `all` has one stage for each CPU of `host`, in their order. */
  constructor(readonly host: Host, readonly all: readonly Own[]) {}

  process(skb: Skb): void {
    this.all[this.host.cpuSlot]!.process(skb);
  }
}
