/**
 * Kernel workers: work that a CPU does when no softirq is pending, in turn with its processes.
 *
 * kernel/workqueue.c (queue_work_on, process_one_work; 4.4 and 6.1) as far as crypto needs it: one thread for each CPU, which
 * does one piece of work after the other in the order in which they were queued. Work that goes on queues itself again behind
 * the others, as cryptd does for each request.
 *
 * Departures: what it costs to wake a thread is part of the prices of those who queue work; unbound workers are bound to
 * their CPU.
 *
 * ```ts
 * const workers = new KernelWorkers(host);
 * workers.current.queue(work); // queue_work: on the CPU that runs
 * workers.all[1].queue(work); // queue_work_on
 * ```
 *
 * @module
 */

import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Actor } from "../sim/engine.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";

/** The worker of one CPU. */
export class KernelWorker implements Task, Actor {
  readonly #works: Task[] = [];
  /** What other CPUs have queued, and when. */
  readonly #arriving: Task[] = [];
  readonly #arrivalsNs: number[] = [];

  constructor(readonly host: Host, readonly cpu: Cpu<Skb>) {
    cpu.onSoftirq(SOFTIRQ.worker, this);
  }

  /** Queues `work`, of which each step is done in a turn of its own; from another CPU at the local time of that. */
  queue(work: Task): void {
    const { host, cpu } = this;
    const { current } = host.cpus;
    if (current === cpu || !current.isInStep) return this.#put(work, cpu.engine.nowNs);
    this.#arriving.push(work);
    this.#arrivalsNs.push(current.nowNs);
    cpu.engine.schedule(current.nowNs, this);
  }

  /** Work that another CPU has queued is here. */
  wake(nowNs: number): void {
    const at = this.#arrivalsNs.indexOf(nowNs);
    this.#arrivalsNs.splice(at, 1);
    this.#put(this.#arriving.splice(at, 1)[0]!, nowNs);
  }

  /** One turn. */
  step(): boolean {
    const work = this.#works.shift();
    if (work === undefined) return false;
    if (work.step()) this.#works.push(work);
    if (this.#works.length > 0) this.cpu.raise(SOFTIRQ.worker, this.cpu.nowNs);
    return false;
  }

  #put(work: Task, nowNs: number): void {
    this.#works.push(work);
    this.cpu.raise(SOFTIRQ.worker, nowNs);
  }
}

/** The workers of a host. */
export class KernelWorkers {
  readonly all: readonly KernelWorker[];

  constructor(readonly host: Host) {
    this.all = host.cpus.all.map((cpu) => new KernelWorker(host, cpu));
  }

  /** That of the CPU that runs. */
  get current(): KernelWorker {
    return this.all[this.host.cpuSlot]!;
  }
}
