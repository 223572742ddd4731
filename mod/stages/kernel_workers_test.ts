/** Kernel workers: in which order and when work is done that was queued on the same CPU, by another one, or by a device. */

import { assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import { Engine } from "../sim/engine.ts";
import { Host } from "./host.ts";
import { IngressGate } from "./ingress_gate.ts";
import { KernelWorkers } from "./kernel_workers.ts";

/** Two CPUs; every row costs as many ns as its `bytes` say. */
class Machine {
  readonly engine = new Engine();
  readonly ledger = new Ledger((_event, _stage, _reason, bytes) => bytes * 1000, []);
  readonly host: Host;
  readonly workers: KernelWorkers;
  readonly log: string[] = [];

  constructor() {
    const { config } = resolveConfig({ preset: "nocopy", sets: ["net_cpus=2"] });
    const { engine, ledger } = this;
    this.host = new Host({ config, engine, ledger, gate: new IngressGate(Infinity) });
    this.workers = new KernelWorkers(this.host);
  }

  /** Work of so many turns, each of which takes `ns`. */
  work(name: string, turns: number, ns: number): Task {
    let left = turns;
    return {
      step: () => {
        this.log.push(`${name} ${this.host.cpu.index} ${this.host.cpu.nowNs}`);
        this.spend(ns);
        left -= 1;
        return left > 0;
      },
    };
  }

  spend(ns: number): void {
    this.ledger.write(EVENT.visit, REASON.none, NONE, NONE, NONE, ns, 1, 0);
  }

  /** CPU `cpu` does `act` in a softirq at `tNs`. */
  at(tNs: number, cpu: number, act: () => void): void {
    const own = this.host.cpus.all[cpu]!;
    const wake = (nowNs: number): void => {
      own.onSoftirq(SOFTIRQ.netRx, {
        step: () => {
          act();
          return false;
        },
      });
      own.raise(SOFTIRQ.netRx, nowNs);
    };
    this.engine.schedule(tNs, { wake });
  }
}

Deno.test("KernelWorker does work in the order in which it was queued, what goes on behind what waits", () => {
  const machine = new Machine();
  machine.at(0, 0, () => {
    machine.workers.current.queue(machine.work("a", 2, 10));
    machine.workers.current.queue(machine.work("b", 1, 10));
    machine.spend(5);
  });
  machine.engine.run();
  assertEquals(machine.log, ["a 0 5", "b 0 15", "a 0 25"]);
});

Deno.test("KernelWorker begins what another CPU queued when that has come to it, the earlier first", () => {
  const machine = new Machine();
  machine.at(0, 0, () => {
    machine.spend(100);
    machine.workers.all[1]!.queue(machine.work("late", 1, 10));
  });
  machine.at(10, 1, () => machine.workers.current.queue(machine.work("own", 1, 10)));
  machine.engine.schedule(40, { wake: () => machine.workers.all[1]!.queue(machine.work("device", 1, 10)) });
  machine.engine.run();
  assertEquals(machine.log, ["own 1 10", "device 1 40", "late 1 100"]);
});
