/**
 * NET_TX: what each CPU takes up again on transmission: queues that were left with packets, then its backlog of ESP.
 *
 * linux-datapath 7.4, 7.5 (net/core/dev.c: net_tx_action, __netif_schedule; net/xfrm/xfrm_device.c: xfrm_dev_backlog; 4.4 and
 * 6.1). A run takes the whole output queue of its CPU, one queue discipline per step, and ends with one pass over the backlog.
 * What is scheduled meanwhile is for the next run.
 *
 * Departures: the interrupt of a NIC comes here too, and its ring is cleaned here, where drivers use NET_RX (napi). A queue that
 * must not send before the backlog of its CPU is empty waits for that, where Linux tries it in vain in every run.
 *
 * ```ts
 * const netTx = new NetTxOfHost(host);
 * netTx.current.schedule(qdisc, host.ledger.nowNs); // the running CPU takes it up again
 * netTx.all[1].backlog = backlog;                   // xfrm_backlog of the second CPU
 * ```
 *
 * @module
 */

import { type Cpu, SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import type { Host } from "./host.ts";

/** What NET_TX takes up again. It does one step; what takes several begins a task (`cpu.begin`). */
export interface NetTxWork {
  runFromNetTx(): void;
}

/** Packets of one CPU that wait behind its output queue (softnet_data.xfrm_backlog). */
export interface NetTxBacklog extends NetTxWork {
  /** Packets that wait. */
  readonly length: number;
}

/** How far a run is. */
type Phase = "idle" | "queues" | "backlog";

/** The NET_TX softirq of one CPU. */
export class NetTx implements Task {
  /** Run at the end of each run while packets are in it; null where there is none. */
  backlog: NetTxBacklog | null = null;

  /** What this run takes up, and what the next will (softnet_data.output_queue). */
  #now: NetTxWork[] = [];
  #next: NetTxWork[] = [];
  /** What is for the run behind the one that empties the backlog. */
  #behindBacklog: NetTxWork[] = [];
  #phase: Phase = "idle";

  constructor(readonly cpu: Cpu<Skb>) {
    cpu.onSoftirq(SOFTIRQ.netTx, this);
  }

  /** Has `work` taken up at the next run (__netif_schedule); twice before that is once. */
  schedule(work: NetTxWork, nowNs: number): void {
    if (!this.#next.includes(work)) this.#next.push(work);
    this.raise(nowNs);
  }

  /** Has `work` taken up at the run behind the one that empties the backlog, in which something waits. */
  scheduleBehindBacklog(work: NetTxWork): void {
    if (!this.#behindBacklog.includes(work)) this.#behindBacklog.push(work);
  }

  /** Has the softirq run, for the backlog's sake (raise_softirq). */
  raise(nowNs: number): void {
    this.cpu.raise(SOFTIRQ.netTx, nowNs);
  }

  step(): boolean {
    if (this.#phase === "idle") this.#begin();
    const work = this.#now.shift();
    if (work !== undefined) {
      work.runFromNetTx();
    } else if (this.#phase === "queues" && this.#hasBacklog) {
      this.#phase = "backlog";
      this.backlog!.runFromNetTx();
      return true;
    }
    if (this.#now.length > 0 || (this.#phase === "queues" && this.#hasBacklog)) return true;
    this.#end();
    return false;
  }

  get #hasBacklog(): boolean {
    return this.backlog !== null && this.backlog.length > 0;
  }

  #begin(): void {
    this.#phase = "queues";
    const taken = this.#next;
    this.#next = this.#now;
    this.#now = taken;
  }

  #end(): void {
    this.#phase = "idle";
    if (this.#behindBacklog.length === 0 || this.#hasBacklog) return;
    for (const work of this.#behindBacklog) this.schedule(work, this.cpu.nowNs);
    this.#behindBacklog = [];
  }
}

/** NET_TX of every CPU of a host. */
export class NetTxOfHost {
  readonly all: readonly NetTx[];

  constructor(readonly host: Host) {
    this.all = host.cpus.all.map((cpu) => new NetTx(cpu));
  }

  /** That of the CPU that runs. */
  get current(): NetTx {
    return this.all[this.host.cpuSlot]!;
  }
}
