import { assertEquals } from "@std/assert";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { Ledger } from "../ledger/ledger.ts";
import { resolveConfig } from "../config/resolve.ts";
import { SOFTIRQ } from "../sim/cpu.ts";
import { Engine } from "../sim/engine.ts";
import { Host } from "./host.ts";
import { IngressGate } from "./ingress_gate.ts";
import { ReadingProcesses, type ReadSocket } from "./reading_process.ts";
import { ReceiveQueue } from "./receive_queue.ts";

/** What a process did: at which time, of which socket, and how many bytes it read; `end` where a read was over. */
type Entry = [tNs: number, socket: string, bytes: number | "end"];

/** Two networking CPUs, and two on which processes read; a byte is read in 1 ns. */
class Machine {
  readonly log: Entry[] = [];
  readonly engine = new Engine();
  readonly ledger: Ledger;
  readonly host: Host;
  readonly readers: ReadingProcesses;

  constructor() {
    const isPriced = (event: number): boolean => event === EVENT["user-copy"] || event === EVENT.visit;
    this.ledger = new Ledger((event, _stage, _reason, bytes) => isPriced(event) ? 1000 * bytes : 0, []);
    const { config } = resolveConfig({ preset: "nocopy", sets: ["net_cpus=2"] });
    const { engine, ledger } = this;
    this.host = new Host({ config, engine, ledger, gate: new IngressGate(Infinity), cpus: { count: 4, first: 0 } });
    this.readers = new ReadingProcesses(this.host, this.host.cpus.all.slice(2));
  }

  socket(name: string): ReadSocket {
    const { log, ledger } = this;
    const socket: ReadSocket = {
      isReadable: false,
      unread: new ReceiveQueue(),
      readFirst(): number {
        const { bytes } = socket.unread.take();
        log.push([ledger.nowNs, name, bytes]);
        ledger.write(EVENT["user-copy"], REASON.userRead, NONE, NONE, NONE, bytes, 1, 0);
        return bytes;
      },
      endRead(): void {
        log.push([ledger.nowNs, name, "end"]);
      },
    };
    return socket;
  }

  /** At `tNs` a step of networking CPU `cpu` begins, which puts these buffers into `socket` after `afterNs` of work. */
  deliver(cpu: number, tNs: number, socket: ReadSocket, buffers: readonly number[], afterNs = 0): void {
    this.engine.schedule(tNs, {
      wake: (nowNs) => {
        let isDone = false;
        const own = this.host.cpus.all[cpu]!;
        own.onSoftirq(SOFTIRQ.netTx, {
          step: () => {
            if (isDone) return false;
            isDone = true;
            this.ledger.write(EVENT.visit, REASON.none, NONE, NONE, NONE, afterNs, 1, 0);
            for (const bytes of buffers) {
              socket.unread.put(this.host.skbs.allocSkb(1), 0, bytes, this.ledger.nowNs);
              this.readers.current.notify(socket);
            }
            return false;
          },
        });
        own.raise(SOFTIRQ.netTx, nowNs);
      },
    });
  }
}

Deno.test("ReadingProcess reads what is there, one buffer a step, and then is done until something comes", () => {
  const machine = new Machine();
  const socket = machine.socket("a");
  machine.deliver(0, 1000, socket, [100, 200], 50);
  machine.deliver(0, 5000, socket, [300]);
  machine.engine.run();
  assertEquals(machine.log, [
    [1050, "a", 100],
    [1150, "a", 200],
    [1350, "a", "end"],
    [5000, "a", 300],
    [5300, "a", "end"],
  ]);
  assertEquals(machine.host.cpus.all.map(({ busyNs }) => busyNs), [50, 0, 600, 0]);
});

Deno.test("ReadingProcess does not read before it came what another CPU has put in ahead of it", () => {
  const machine = new Machine();
  const socket = machine.socket("a");
  machine.deliver(0, 1000, socket, [100, 200]);
  // The step begins while the process reads, and puts its buffer in long after that.
  machine.deliver(0, 1010, socket, [300], 5000);
  machine.engine.run();
  assertEquals(machine.log, [
    [1000, "a", 100],
    [1100, "a", 200],
    [1300, "a", "end"],
    [6010, "a", 300],
    [6310, "a", "end"],
  ]);
});

Deno.test("ReadingProcess gives its other sockets a turn after 64 KiB", () => {
  const machine = new Machine();
  const [first, second] = [machine.socket("a"), machine.socket("b")];
  machine.deliver(0, 0, first, [40_000, 40_000, 40_000]);
  machine.deliver(0, 10, second, [10]);
  machine.engine.run();
  assertEquals(machine.log.map(([, socket, what]) => `${socket} ${what}`), [
    "a 40000",
    "a 40000",
    "a end",
    "b 10",
    "b end",
    "a 40000",
    "a end",
  ]);
});

Deno.test("ReadingProcesses: each networking CPU has its own", () => {
  const machine = new Machine();
  machine.deliver(0, 0, machine.socket("a"), [100]);
  machine.deliver(1, 0, machine.socket("b"), [300]);
  machine.engine.run();
  assertEquals(machine.log, [[0, "a", 100], [100, "a", "end"], [0, "b", 300], [300, "b", "end"]]);
  assertEquals(machine.host.cpus.all.map(({ busyNs }) => busyNs), [0, 0, 100, 300]);
});
