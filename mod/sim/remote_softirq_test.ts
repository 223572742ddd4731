import { assertEquals } from "@std/assert";
import { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { SOFTIRQ } from "./cpu.ts";
import { Cpus } from "./cpus.ts";
import { Engine } from "./engine.ts";
import { RemoteSoftirq } from "./remote_softirq.ts";

/** Two CPUs; every row costs as many picoseconds as its `bytes` say. */
class Machine {
  readonly engine = new Engine();
  readonly ledger = new Ledger((_event, _stage, _reason, bytes) => bytes, []);
  readonly cpus = new Cpus<string>(2, this.engine, this.ledger);
  readonly log: string[] = [];

  spend(ns: number): void {
    this.ledger.write(EVENT.visit, REASON.none, NONE, NONE, NONE, 1000 * ns, 1, 0);
  }

  /** What a softirq of a CPU does in one step. */
  on(cpu: number, number: number, act: () => void): void {
    this.cpus.all[cpu]!.onSoftirq(number, {
      step: () => {
        act();
        return false;
      },
    });
  }

  logs(cpu: number, number: number, name: string): void {
    this.on(cpu, number, () => this.log.push(`${name} ${this.cpus.current.index} ${this.cpus.current.nowNs}`));
  }
}

Deno.test("RemoteSoftirq.raise() in a step of another CPU takes effect at the local time of that step", () => {
  const machine = new Machine();
  const { cpus, log } = machine;
  const remote = new RemoteSoftirq(cpus, cpus.all[1]!, SOFTIRQ.process);
  machine.logs(1, SOFTIRQ.process, "process");
  machine.on(0, SOFTIRQ.netRx, () => {
    machine.spend(70);
    remote.raise();
    machine.spend(30);
  });
  cpus.all[0]!.raise(SOFTIRQ.netRx, 500);
  machine.engine.run();
  assertEquals(log, ["process 1 570"]);
});

Deno.test("RemoteSoftirq.raise() does not wake a busy CPU earlier than it was raised", () => {
  const machine = new Machine();
  const { cpus, log } = machine;
  const remote = new RemoteSoftirq(cpus, cpus.all[1]!, SOFTIRQ.process);
  machine.logs(1, SOFTIRQ.process, "process");
  let left = 5;
  machine.on(1, SOFTIRQ.netRx, () => {
    machine.spend(40);
    if (--left > 0) cpus.all[1]!.raise(SOFTIRQ.netRx, 0);
  });
  machine.on(0, SOFTIRQ.netRx, () => {
    machine.spend(70);
    remote.raise();
  });
  for (const cpu of cpus.all) cpu.raise(SOFTIRQ.netRx, 0);
  machine.engine.run();
  // Softirqs go first: the process comes when they are through, at 200.
  assertEquals(log, ["process 1 200"]);
});

Deno.test("RemoteSoftirq.raise() of the own CPU, or of a device, takes effect at once", () => {
  const machine = new Machine();
  const { cpus, log } = machine;
  const own = new RemoteSoftirq(cpus, cpus.all[0]!, SOFTIRQ.process);
  machine.logs(0, SOFTIRQ.process, "process");
  machine.on(0, SOFTIRQ.netRx, () => {
    own.raise();
    machine.spend(30);
  });
  cpus.all[0]!.raise(SOFTIRQ.netRx, 10);
  machine.engine.schedule(900, { wake: () => own.raise() });
  machine.engine.run();
  assertEquals(log, ["process 0 40", "process 0 900"]);
});
