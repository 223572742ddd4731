/**
 * The CPUs of one machine, and which of them runs.
 *
 * Stages are shared by all CPUs of their host; what belongs to one CPU (its softirqs, its queues) asks who runs
 * (smp_processor_id). What one CPU leaves for another goes through the engine, at the local time of the giver, so that
 * nobody sees it before it was done.
 *
 * ```ts
 * const cpus = new Cpus<Skb>(2, engine, ledger);
 * cpus.all[1].onSoftirq(SOFTIRQ.netRx, netRx);
 * ```
 *
 * @module
 */

import type { Ledger } from "../ledger/ledger.ts";
import { Cpu } from "./cpu.ts";
import type { Engine } from "./engine.ts";

/** The CPUs of one machine. */
export class Cpus<Item> {
  readonly all: readonly Cpu<Item>[];
  /** Whose step runs; between two steps, whose step was the last. */
  current: Cpu<Item>;

  /** `count` CPUs, numbered from `first` on. */
  constructor(count: number, engine: Engine, ledger: Ledger, first = 0) {
    const begin = (cpu: Cpu<Item>): void => void (this.current = cpu);
    this.all = Array.from({ length: count }, (_, i) => new Cpu<Item>(first + i, engine, ledger, begin));
    this.current = this.all[0]!;
  }
}
