import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type EventBlock, Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { Cpu, type Door, SOFTIRQ, type Task } from "./cpu.ts";
import { type Actor, Engine, EngineError } from "./engine.ts";

/** One CPU; every row costs as many picoseconds as its `bytes` say. */
class Machine {
  readonly engine = new Engine();
  /** [local time, CPU] of every row. */
  readonly rows: [tNs: number, cpu: number][] = [];
  readonly ledger = new Ledger((_event, _stage, _reason, bytes) => bytes, [{ add: (block) => this.#keep(block) }]);
  readonly cpu = new Cpu<string>(3, this.engine, this.ledger);
  readonly log: string[] = [];

  /** Spends `ps` picoseconds in the running step. */
  spend(ps: number): void {
    this.ledger.write(EVENT.visit, REASON.none, NONE, NONE, NONE, ps, 1, 0);
  }

  /** A softirq that does each of `steps` as one step. */
  onSoftirq(number: number, ...steps: (() => void)[]): void {
    this.cpu.onSoftirq(number, this.task(...steps));
  }

  /** A task of the given steps; it can be run again when it is through. */
  task(...steps: (() => void)[]): Task {
    let next = 0;
    return {
      step(): boolean {
        steps[next]!();
        next = (next + 1) % steps.length;
        return next !== 0;
      },
    };
  }

  /** A door that logs what passes and spends `ps` on it. */
  door(name: string, ps: number, then: (item: string) => void = () => {}): Door<string> {
    return {
      process: (item) => {
        this.log.push(`${name}:${item}`);
        this.spend(ps);
        then(item);
      },
    };
  }

  at(timeNs: number, act: (nowNs: number) => void): void {
    const actor: Actor = { wake: act };
    this.engine.schedule(timeNs, actor);
  }

  run(): void {
    assertEquals(this.engine.run(), true);
    this.ledger.finish();
  }

  get busyPs(): number {
    return this.cpu.busyNs * 1000 + this.cpu.busyPs;
  }

  #keep(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) this.rows.push([block.tNs[row]!, block.cpu[row]!]);
  }
}

Deno.test("Cpu runs what a step hands on in order, each with all that follows from it, before the task goes on", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  const last = machine.door("last", 0);
  const middle = machine.door("middle", 1000, (item) => {
    cpu.handOn(last, `${item}1`);
    cpu.handOn(last, `${item}2`);
  });
  machine.onSoftirq(
    SOFTIRQ.netRx,
    () => {
      log.push("poll 1");
      machine.spend(1000);
      cpu.handOn(middle, "a");
      cpu.handOn(middle, "b");
    },
    () => log.push("poll 2"),
  );
  cpu.raise(SOFTIRQ.netRx, 0);
  machine.run();
  assertEquals(log, ["poll 1", "middle:a", "last:a1", "last:a2", "middle:b", "last:b1", "last:b2", "poll 2"]);
});

Deno.test("Cpu begins a task in order with what the step hands on, and runs it to its end first", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  const door = machine.door("door", 1);
  const step = (name: string) => () => {
    log.push(name);
    machine.spend(1);
    cpu.handOn(door, name);
  };
  machine.onSoftirq(SOFTIRQ.netRx, () => {
    cpu.handOn(door, "first");
    cpu.begin(machine.task(step("t1"), step("t2")));
    cpu.handOn(door, "second");
    cpu.begin(machine.task(step("u1")));
  });
  cpu.raise(SOFTIRQ.netRx, 0);
  machine.run();
  assertEquals(log, ["door:first", "t1", "door:t1", "t2", "door:t2", "door:second", "u1", "door:u1"]);
});

Deno.test("Cpu serves the pending softirq with the lowest number, when the one that runs is through", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  machine.onSoftirq(SOFTIRQ.netTx, () => log.push(`tx ${cpu.nowNs}`));
  machine.onSoftirq(
    SOFTIRQ.netRx,
    () => {
      log.push(`rx ${cpu.nowNs}`);
      machine.spend(2000);
      if (log.length > 1) return;
      cpu.raise(SOFTIRQ.netRx, cpu.nowNs);
      cpu.raise(SOFTIRQ.netTx, cpu.nowNs);
    },
    () => log.push(`rx again ${cpu.nowNs}`),
  );
  cpu.raise(SOFTIRQ.netRx, 10);
  machine.run();
  assertEquals(log, ["rx 10", "rx again 12", "tx 12", "rx 12", "rx again 14"]);
});

Deno.test("Cpu runs a softirq once that is raised twice before it starts", () => {
  const machine = new Machine();
  let runs = 0;
  machine.onSoftirq(SOFTIRQ.netTx, () => runs++);
  machine.cpu.raise(SOFTIRQ.netTx, 5);
  machine.cpu.raise(SOFTIRQ.netTx, 5);
  machine.run();
  assertEquals(runs, 1);
});

Deno.test("Cpu starts an idle softirq when it is raised, and a busy one when the CPU is free", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  machine.onSoftirq(SOFTIRQ.netRx, () => {
    log.push(`rx ${cpu.nowNs}`);
    machine.spend(100_000);
  });
  machine.onSoftirq(SOFTIRQ.netTx, () => log.push(`tx ${cpu.nowNs}`));
  machine.at(1000, (nowNs) => cpu.raise(SOFTIRQ.netRx, nowNs));
  machine.at(1040, (nowNs) => cpu.raise(SOFTIRQ.netTx, nowNs));
  machine.at(1070, (nowNs) => log.push(`device ${nowNs}`));
  machine.at(5000, (nowNs) => cpu.raise(SOFTIRQ.netTx, nowNs));
  machine.run();
  assertEquals(log, ["rx 1000", "device 1070", "tx 1100", "tx 5000"]);
  assertEquals([cpu.busyNs, cpu.busyPs], [100, 0]);
});

Deno.test("Cpu lets other actors act between two steps, and never sees their time pass backwards", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  const step = () => {
    log.push(`step ${cpu.nowNs}`);
    machine.spend(30_000);
  };
  machine.onSoftirq(SOFTIRQ.netRx, step, step, step, step);
  for (const timeNs of [0, 29, 30, 60, 75, 200]) machine.at(timeNs, (nowNs) => log.push(`device ${nowNs}`));
  cpu.raise(SOFTIRQ.netRx, 0);
  machine.run();
  const expected = [
    "device 0",
    "step 0",
    "device 29",
    "device 30",
    "step 30",
    "device 60",
    "step 60",
    "device 75",
    "step 90",
  ];
  assertEquals(log, [...expected, "device 200"]);
});

Deno.test("Cpu rows carry the local time of their step and the CPU's number", () => {
  const machine = new Machine();
  const spend = (ps: number) => () => {
    machine.spend(ps);
    machine.spend(ps);
  };
  machine.onSoftirq(SOFTIRQ.netRx, spend(700), spend(900));
  machine.cpu.raise(SOFTIRQ.netRx, 50);
  machine.run();
  assertEquals(machine.rows, [[50, 3], [50, 3], [51, 3], [52, 3]]);
  assertEquals([machine.cpu.nowNs, machine.cpu.busyNs, machine.cpu.busyPs], [53, 3, 200]);
});

Deno.test("Cpu.nowNs within a step counts what the step has spent so far", () => {
  const machine = new Machine();
  const seen: number[] = [];
  machine.onSoftirq(SOFTIRQ.netRx, () => {
    seen.push(machine.cpu.nowNs);
    machine.spend(2500);
    seen.push(machine.cpu.nowNs);
  });
  machine.cpu.raise(SOFTIRQ.netRx, 10);
  machine.run();
  assertEquals([...seen, machine.cpu.nowNs], [10, 12, 12]);
});

Deno.test("Cpu busy time is the sum of all prices, and the clock does not depend on how work is cut", () => {
  const prices = fc.array(fc.nat(5000), { minLength: 1, maxLength: 60 });
  fc.assert(fc.property(prices, fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }), (ps, cuts) => {
    const sum = ps.reduce((total, each) => total + each, 0);
    for (const sizes of [cuts, [1], [ps.length]]) {
      const machine = new Machine();
      const steps: (() => void)[] = [];
      for (let at = 0, i = 0; at < ps.length; at += sizes[i++ % sizes.length]!) {
        const part = ps.slice(at, at + sizes[i % sizes.length]!);
        steps.push(() => part.forEach((each) => machine.spend(each)));
      }
      machine.onSoftirq(SOFTIRQ.netRx, ...steps);
      machine.cpu.raise(SOFTIRQ.netRx, 100);
      machine.run();
      assertEquals(machine.busyPs, sum);
      assertEquals(machine.cpu.nowNs, 100 + Math.floor(sum / 1000));
      let before = 0;
      assertEquals(
        machine.rows.map(([tNs]) => tNs),
        ps.map((_, i) => {
          if (i > 0) before += ps[i - 1]!;
          return 100 + Math.floor(before / 1000);
        }),
      );
    }
  }));
});

Deno.test("Cpu keeps the remainder while it works on, and drops it at an idle gap, where busy time keeps it", () => {
  const machine = new Machine();
  const { cpu } = machine;
  machine.onSoftirq(SOFTIRQ.netRx, () => machine.spend(1900));
  const startsNs: number[] = [];
  for (const timeNs of [10, 11, 20]) {
    machine.at(timeNs, (nowNs) => {
      cpu.raise(SOFTIRQ.netRx, nowNs);
      startsNs.push(cpu.nowNs);
    });
  }
  machine.run();
  // 10 + 1.9 = 11.9; raised at 11, so the work goes on: 13.8; then an idle gap up to 20: 21.9.
  assertEquals([cpu.nowNs, machine.busyPs], [21, 5700]);
  assertEquals(machine.rows.map(([tNs]) => tNs), [10, 11, 20]);
  assertEquals(startsNs, [0, 11, 13]);
});

Deno.test("Cpu stops between two steps when the run is paused, and goes on with what was left", () => {
  const machine = new Machine();
  const { cpu, engine, log } = machine;
  machine.onSoftirq(
    SOFTIRQ.netRx,
    () => {
      log.push(`first ${cpu.nowNs}`);
      machine.spend(5000);
      engine.paused = true;
    },
    () => log.push(`second ${cpu.nowNs}`),
  );
  cpu.raise(SOFTIRQ.netRx, 1);
  assertEquals([engine.run(), log.join()], [false, "first 1"]);
  engine.paused = false;
  assertEquals([engine.run(), log.join()], [true, "first 1,second 6"]);
});

Deno.test("Cpu gives up on steps without cost and event that go on without end", () => {
  const machine = new Machine();
  machine.cpu.onSoftirq(SOFTIRQ.netRx, { step: () => true });
  machine.cpu.raise(SOFTIRQ.netRx, 40);
  assertThrows(() => machine.engine.run(), EngineError, "Cannot go on: CPU 3 takes empty steps at 40 ns without end");
});

Deno.test("Cpu gives up on a softirq that raises itself for nothing", () => {
  const machine = new Machine();
  machine.onSoftirq(SOFTIRQ.netTx, () => machine.cpu.raise(SOFTIRQ.netTx, 0));
  machine.cpu.raise(SOFTIRQ.netTx, 0);
  assertThrows(() => machine.engine.run(), EngineError, "Cannot go on");
});

Deno.test("Cpu takes many empty steps as long as one in a thousand does something", () => {
  const machine = new Machine();
  let steps = 0;
  machine.cpu.onSoftirq(SOFTIRQ.netRx, {
    step(): boolean {
      steps += 1;
      if (steps % 1000 === 0) machine.spend(0);
      return steps < 10_000;
    },
  });
  machine.cpu.raise(SOFTIRQ.netRx, 0);
  machine.run();
  assertEquals(steps, 10_000);
});

Deno.test("Cpu serves a softirq that raises itself again behind those that were pending with it", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  let transmissions = 0;
  machine.onSoftirq(SOFTIRQ.netRx, () => {
    log.push("rx");
    machine.spend(1000);
  });
  cpu.onSoftirq(SOFTIRQ.netTx, {
    step(): boolean {
      log.push("tx");
      machine.spend(1000);
      transmissions += 1;
      if (transmissions < 3) cpu.raise(SOFTIRQ.netTx, cpu.nowNs);
      return false;
    },
  });
  cpu.raise(SOFTIRQ.netRx, 0);
  cpu.raise(SOFTIRQ.netTx, 0);
  machine.run();
  assertEquals(log, ["tx", "rx", "tx", "tx"]);
});

Deno.test("Cpu lets processes and kworkers take turns when no softirq is pending, and ksoftirqd run last", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  const thread = (name: string, number: number, turns: number): void => {
    let turn = 0;
    cpu.onSoftirq(number, {
      step(): boolean {
        log.push(name);
        machine.spend(1000);
        turn += 1;
        if (turn < turns) cpu.raise(number, cpu.nowNs);
        if (name === "worker" && turn === 1) cpu.raise(SOFTIRQ.netRx, cpu.nowNs);
        return false;
      },
    });
    cpu.raise(number, 0);
  };
  machine.onSoftirq(SOFTIRQ.netRx, () => void log.push("rx"));
  thread("ksoftirqd", SOFTIRQ.ksoftirqd, 1);
  thread("worker", SOFTIRQ.worker, 4);
  thread("process", SOFTIRQ.process, 2);
  machine.run();
  assertEquals(log, ["process", "worker", "rx", "process", "worker", "worker", "worker", "ksoftirqd"]);
});

Deno.test("Cpu.isAlone is whether nothing waits but the step that runs", () => {
  const machine = new Machine();
  const { cpu } = machine;
  const seen: boolean[] = [];
  machine.onSoftirq(
    SOFTIRQ.netTx,
    () => seen.push(cpu.isAlone),
    () => {
      cpu.raise(SOFTIRQ.netRx, cpu.nowNs);
      seen.push(cpu.isAlone);
    },
  );
  machine.onSoftirq(SOFTIRQ.netRx, () => {
    cpu.begin({ step: () => false });
    seen.push(cpu.isAlone);
  });
  cpu.raise(SOFTIRQ.netTx, 0);
  machine.run();
  assertEquals(seen, [true, false, false]);
});

Deno.test("Cpu shares its time between threads and softirqs that have gone on for 2 ms, as with ksoftirqd", () => {
  const machine = new Machine();
  const { cpu } = machine;
  const startsNs: number[] = [];
  cpu.onSoftirq(SOFTIRQ.netRx, {
    step(): boolean {
      machine.spend(500_000_000);
      if (cpu.nowNs < 10_000_000) cpu.raise(SOFTIRQ.netRx, cpu.nowNs);
      return false;
    },
  });
  cpu.onSoftirq(SOFTIRQ.worker, {
    step(): boolean {
      startsNs.push(cpu.nowNs);
      machine.spend(1_000_000_000);
      if (startsNs.length < 5) cpu.raise(SOFTIRQ.worker, cpu.nowNs);
      return false;
    },
  });
  cpu.raise(SOFTIRQ.worker, 0);
  cpu.raise(SOFTIRQ.netRx, 0);
  machine.run();
  // 2 ms of softirqs, then as much for the worker; then in turns of 1 ms, the shorter softirq two at a time.
  assertEquals(startsNs.map((ns) => ns / 1e6), [2, 3, 4.5, 6.5, 8.5]);
});

Deno.test("Cpu.onSoftirq() takes several handlers of one softirq: each has its turn when it is raised", () => {
  const machine = new Machine();
  const { cpu, log } = machine;
  for (const name of ["first", "second", "third"]) {
    machine.onSoftirq(SOFTIRQ.tasklet, () => void log.push(name), () => void log.push(`${name} again`));
  }
  cpu.raise(SOFTIRQ.tasklet, 5);
  machine.engine.run();
  cpu.raise(SOFTIRQ.tasklet, 5);
  machine.engine.run();
  const once = ["first", "second", "third"].flatMap((name) => [name, `${name} again`]);
  assertEquals(log, [...once, ...once]);
});
