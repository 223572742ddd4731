/** The queues of a receiver alone: who is polled when, what each takes, and in which order packets come out. */

import { assertEquals } from "@std/assert";
import { REASON } from "../ledger/schema.ts";
import { bulk, tcpFrame } from "../replay/testing.ts";
import { SOFTIRQ } from "../sim/cpu.ts";
import { clone } from "../skb/clone_ops.ts";
import { push } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, writeEthernet } from "../wire/ethernet.ts";
import { Gro } from "./gro.ts";
import { GroCells } from "./gro_cells.ts";
import type { Stage } from "./host.ts";
import { type Napi, NetRx } from "./net_rx.ts";
import { NetifRx } from "./netif_rx.ts";
import { StageFixture } from "./testing.ts";
import { TransQueue } from "./trans_queue.ts";

const NO_MAC = new Uint8Array(6);

/** A host with the queues; what comes out of them is written down as "queue packet". */
class Queues {
  readonly fixture: StageFixture;
  readonly netRx: NetRx;
  readonly cells: GroCells;
  readonly netifRx: NetifRx;
  readonly transQueue: TransQueue;
  readonly out: string[] = [];

  constructor(sets: readonly string[] = []) {
    this.fixture = new StageFixture(["path=receive", "gro=on", ...sets]);
    const { host } = this.fixture;
    const take = (name: string): Stage => ({
      process: (skb) => {
        this.out.push(`${name} ${skb.packet}`);
        host.skbs.free(skb, REASON.consumed);
      },
    });
    this.netRx = new NetRx(host);
    this.netifRx = new NetifRx(host, this.netRx, take("backlog"));
    this.cells = new GroCells(host, this.netRx, new Gro(host, take("cells")), this.netifRx);
    this.transQueue = new TransQueue(host, take("trans-queue"));
  }

  /** A clear packet with its Ethernet header in front, as ESP input leaves it. */
  packet(number: number, frame: Uint8Array = tcpFrame({ payloadBytes: 0 })): Skb {
    const { skbs } = this.fixture.host;
    const skb = this.fixture.linear(number, frame, 0);
    push(skb, ETH_HLEN);
    writeEthernet(skbs.memory.u8, skb.dataAt, NO_MAC, NO_MAC, ETHERTYPE_IPV4);
    skb.macHeader = skb.data;
    skb.data += ETH_HLEN;
    skb.len -= ETH_HLEN;
    skb.networkHeader = skb.data;
    return skb;
  }

  /** Does `work` in one step of a softirq, then runs until nothing is left. */
  run(work: () => void): void {
    const { host, engine } = this.fixture;
    host.cpu.onSoftirq(SOFTIRQ.netTx, { step: () => (work(), false) });
    host.cpu.raise(SOFTIRQ.netTx, 0);
    engine.run();
    this.fixture.finish();
  }

  /** "stage reason" of what was dropped, and how many. */
  get drops(): string[] {
    const { events } = this.fixture;
    return events.of("drop").map(({ stage, reason, packet }) => `${stage} ${reason} ${packet}`);
  }
}

/** A queue of so many packets that writes down when it is polled. */
class Counted implements Napi {
  readonly weight = 64;
  polls = 0;

  constructor(readonly name: string, public left: number, readonly log: string[], readonly missed = 0) {}

  takeOne(): boolean {
    if (this.left === 0) return false;
    this.left -= 1;
    this.log.push(this.name);
    return true;
  }

  endPoll(complete: boolean): boolean {
    this.polls += 1;
    return complete && this.polls <= this.missed;
  }
}

/** "a64 b10": who handed packets up, and how many in a row. */
function runsOf(log: readonly string[]): string {
  const runs: [string, number][] = [];
  for (const name of log) {
    const last = runs.at(-1);
    if (last?.[0] === name) last[1] += 1;
    else runs.push([name, 1]);
  }
  return runs.map(([name, count]) => `${name}${count}`).join(" ");
}

Deno.test("NET_RX polls in turn, who used up its weight behind those that came meanwhile", () => {
  const { host, engine } = new StageFixture();
  const netRx = new NetRx(host);
  const log: string[] = [];
  const late = new Counted("late", 3, log);
  const first = new Counted("a", 150, log);
  const second = new Counted("b", 70, log);
  const takeOne = first.takeOne.bind(first);
  first.takeOne = () => {
    if (first.left === 140) netRx.schedule(late, 0);
    return takeOne();
  };
  netRx.schedule(first, 0);
  netRx.schedule(second, 0);
  engine.run();
  assertEquals(runsOf(log), "a64 b64 late3 a64 b6 a22");
});

Deno.test("NET_RX polls again who was scheduled while it was polled, and nobody for ever", () => {
  const { host, engine } = new StageFixture();
  const netRx = new NetRx(host);
  const missed = new Counted("a", 0, [], 2);
  netRx.schedule(missed, 0);
  engine.run();
  assertEquals(missed.polls, 3);
});

Deno.test("GRO cells keep the order of packets, in polls of 64", () => {
  const queues = new Queues();
  // Without payload none of them merge.
  queues.run(() => {
    for (let i = 0; i < 100; i++) queues.cells.process(queues.packet(i));
  });
  assertEquals(queues.out, Array.from({ length: 100 }, (_, i) => `cells ${i}`));
  assertEquals(queues.fixture.events.of("poll").map(({ count, reason }) => `${count} ${reason}`), [
    "64 budget",
    "36 poll-end",
  ]);
  assertEquals([queues.cells.length, queues.cells.heldPackets], [0, 0]);
});

Deno.test("GRO cells merge what came in the clear of ESP", () => {
  const queues = new Queues();
  queues.run(() => {
    bulk(5).forEach((frame, i) => queues.cells.process(queues.packet(i, frame)));
  });
  assertEquals(queues.fixture.events.of("merge").length, 4);
  assertEquals(queues.out.length, 1);
});

Deno.test("GRO cells poll again after a packet came into the empty queue of a poll that goes on", () => {
  const queues = new Queues();
  let isFirst = true;
  const { cells } = queues;
  const { gro } = cells;
  const receive = gro.receive.bind(gro);
  gro.receive = (skb) => {
    receive(skb);
    if (isFirst) cells.process(queues.packet(7));
    isFirst = false;
  };
  queues.run(() => cells.process(queues.packet(0)));
  assertEquals(queues.out, ["cells 0", "cells 7"]);
  // The second packet was taken by the poll that was going on; what it missed is an empty one.
  assertEquals(queues.fixture.events.of("poll").map(({ count }) => count), [2, 0]);
});

Deno.test("GRO cells leave clones, and everything when GRO is off, to the backlog", () => {
  const cloned = new Queues();
  cloned.run(() => {
    const skb = cloned.packet(0);
    const twin = clone(cloned.fixture.host.skbs, skb);
    cloned.cells.process(skb);
    cloned.cells.process(cloned.packet(1));
    cloned.fixture.host.skbs.free(twin, REASON.consumed);
  });
  assertEquals(cloned.out, ["backlog 0", "cells 1"]);
  const off = new Queues(["gro=off"]);
  off.run(() => off.cells.process(off.packet(0)));
  assertEquals(off.out, ["backlog 0"]);
});

Deno.test("the backlog and GRO cells take 1001 packets, the transport queue 1000 (netdev_max_backlog)", () => {
  const limits: [name: "cells" | "netifRx" | "transQueue", taken: number, drop: string][] = [
    ["cells", 1001, "gro-cells gro-cell-full"],
    ["netifRx", 1001, "backlog backlog-full"],
    ["transQueue", 1000, "trans-queue trans-queue-full"],
  ];
  for (const [name, taken, drop] of limits) {
    const queues = new Queues();
    const queue = queues[name];
    queues.run(() => {
      for (let i = 0; i < 1003; i++) queue.process(queues.packet(i));
      assertEquals([queue.length, queue.heldPackets], [taken, taken]);
    });
    assertEquals(queues.out.length, taken);
    assertEquals(queues.drops, [...Array(1003 - taken).keys()].map((i) => `${drop} ${taken + i}`));
    assertEquals(queues.fixture.host.skbs.memory.live, 0);
  }
});

Deno.test("the backlog is polled by 64, and a packet that comes while it is goes to its end", () => {
  const queues = new Queues();
  queues.run(() => {
    for (let i = 0; i < 65; i++) queues.netifRx.process(queues.packet(i));
  });
  assertEquals(queues.out, Array.from({ length: 65 }, (_, i) => `backlog ${i}`));
  assertEquals(queues.fixture.events.of("poll").map(({ count }) => count), [64, 1]);
});

Deno.test("the transport queue waits until no softirq is pending, and each packet goes to its end before the next", () => {
  const queues = new Queues();
  const { host } = queues.fixture;
  queues.run(() => {
    queues.transQueue.process(queues.packet(0));
    queues.transQueue.process(queues.packet(1));
    queues.netifRx.process(queues.packet(2));
    host.cpu.handOn({ process: (skb) => queues.netifRx.process(skb) }, queues.packet(3));
  });
  assertEquals(queues.out, ["backlog 2", "backlog 3", "trans-queue 0", "trans-queue 1"]);
});
