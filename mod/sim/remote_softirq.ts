/**
 * A softirq that is raised from wherever the model runs: by a device, on its own CPU, or on another one.
 *
 * From a step of another CPU it goes through the engine at the local time of that step, so that the CPU it is raised on does
 * not begin before it happened. What is to be done may be seen earlier by less than a step, as with all that CPUs share.
 *
 * Departure: no interrupt between processors, which would cost both some hundred nanoseconds.
 *
 * ```ts
 * const process = new RemoteSoftirq(host.cpus, cpu, SOFTIRQ.process);
 * process.raise();
 * ```
 *
 * @module
 */

import type { Cpu } from "./cpu.ts";
import type { Cpus } from "./cpus.ts";
import type { Actor } from "./engine.ts";

/** One softirq of one CPU of `cpus`. */
export class RemoteSoftirq<Item> implements Actor {
  constructor(readonly cpus: Cpus<Item>, readonly cpu: Cpu<Item>, readonly number: number) {}

  /** Raises it now. */
  raise(): void {
    const { cpu, cpus: { current } } = this;
    if (current !== cpu && current.isInStep) cpu.engine.schedule(current.nowNs, this);
    else cpu.raise(this.number, cpu.engine.nowNs);
  }

  wake(nowNs: number): void {
    this.cpu.raise(this.number, nowNs);
  }
}
