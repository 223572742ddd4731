/** What NET_TX takes up, in which order, and what waits for the backlog. */

import { assertEquals } from "@std/assert";
import { SOFTIRQ } from "../sim/cpu.ts";
import { type NetTxBacklog, NetTxOfHost, type NetTxWork } from "./net_tx.ts";
import { StageFixture } from "./testing.ts";

/** NET_TX of two CPUs with works that log their names. */
class Fixture extends StageFixture {
  readonly netTx: NetTxOfHost;
  readonly log: string[] = [];

  constructor() {
    super(["net_cpus=2"]);
    this.netTx = new NetTxOfHost(this.host);
  }

  work(name: string, then: () => void = () => {}): NetTxWork {
    return {
      runFromNetTx: () => {
        this.log.push(`${name} on ${this.host.cpu.index}`);
        then();
      },
    };
  }

  /** A backlog of `length` packets, `each` of which are gone after a pass. */
  backlog(length: number, each: number): NetTxBacklog {
    const backlog = {
      length,
      runFromNetTx: () => {
        this.log.push(`backlog of ${backlog.length}`);
        backlog.length -= each;
        if (backlog.length > 0) this.netTx.current.raise(this.host.cpu.nowNs);
      },
    };
    return backlog;
  }
}

Deno.test("NetTx takes up what was scheduled once each, in order, on the CPU that it was scheduled on", () => {
  const fixture = new Fixture();
  const { netTx: { all }, log, engine } = fixture;
  const [a, b, c] = ["a", "b", "c"].map((name) => fixture.work(name));
  all[0]!.schedule(a!, 0);
  all[0]!.schedule(b!, 0);
  all[0]!.schedule(a!, 0);
  all[1]!.schedule(c!, 0);
  engine.run();
  assertEquals(log.filter((line) => line.endsWith("0")), ["a on 0", "b on 0"]);
  assertEquals(log.filter((line) => line.endsWith("1")), ["c on 1"]);
});

Deno.test("NetTx leaves what is scheduled during a run to the next one, behind other softirqs that are pending", () => {
  const fixture = new Fixture();
  const { netTx, log, engine, host } = fixture;
  host.cpus.all[0]!.onSoftirq(SOFTIRQ.netRx, { step: () => (log.push("rx"), false) });
  let times = 0;
  const again: NetTxWork = fixture.work("again", () => {
    times += 1;
    if (times === 1) {
      netTx.current.schedule(again, 0);
      host.cpu.raise(SOFTIRQ.netRx, 0);
    }
  });
  netTx.all[0]!.schedule(again, 0);
  netTx.all[0]!.schedule(fixture.work("other"), 0);
  engine.run();
  assertEquals(log, ["again on 0", "other on 0", "rx", "again on 0"]);
});

Deno.test("NetTx ends each run with one pass over the backlog, and what waits behind that comes when it is empty", () => {
  const fixture = new Fixture();
  const { netTx: { all }, log, engine } = fixture;
  all[0]!.backlog = fixture.backlog(3, 2);
  all[0]!.schedule(fixture.work("queue"), 0);
  all[0]!.scheduleBehindBacklog(fixture.work("waits"));
  engine.run();
  assertEquals(log, ["queue on 0", "backlog of 3", "backlog of 1", "waits on 0"]);
});

Deno.test("NetTx that is raised with nothing to do does nothing", () => {
  const fixture = new Fixture();
  fixture.netTx.all[1]!.raise(5);
  fixture.engine.run();
  assertEquals(fixture.log, []);
});
