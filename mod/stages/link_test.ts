import { assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { Ledger } from "../ledger/ledger.ts";
import { REASON } from "../ledger/schema.ts";
import { tcpFrame } from "../replay/testing.ts";
import { Engine } from "../sim/engine.ts";
import { releaseFrame } from "../skb/dma.ts";
import { put } from "../skb/head_ops.ts";
import { packetsIn } from "../skb/members.ts";
import type { Skb } from "../skb/skb.ts";
import { Host } from "./host.ts";
import { IngressGate } from "./ingress_gate.ts";
import { Link } from "./link.ts";
import { RxRings } from "./rx_rings.ts";

const DELAY_NS = 500;

/** Two hosts and a link between them; the ring at its end has `slots` slots. */
class LinkFixture {
  readonly engine = new Engine();
  readonly ledger = new Ledger(() => 0, []);
  readonly from = this.#host();
  readonly to = this.#host(20);
  readonly rings: RxRings;
  readonly link: Link;
  /** When each frame came to the ring, and when one was seen on the wire and how long it was. */
  readonly arrivals: number[] = [];
  readonly seen: [tNs: number, length: number][] = [];

  constructor(slots: number, watchesGate = true) {
    const { from, to } = this;
    this.rings = new RxRings(1, slots);
    this.rings.all[0]!.onArrival = (nowNs) => void this.arrivals.push(nowNs);
    const tap = (_: Uint8Array, length: number, tNs: number): void => void this.seen.push([tNs, length]);
    const { rings } = this;
    this.link = new Link({ from, to, rings, delayNs: DELAY_NS, leavesClear: false, tap, watchesGate });
  }

  #host(limit = Infinity): Host {
    const { config } = resolveConfig({ sets: [] });
    const { engine, ledger } = this;
    return new Host({ config, engine, ledger, gate: new IngressGate(limit), poison: true });
  }

  /** A frame of `bytes` payload bytes whose last bit leaves at `endNs`. */
  carry(endNs: number, bytes = 100): void {
    const frame = tcpFrame({ payloadBytes: bytes });
    const skb: Skb = this.from.skbs.allocSkb(2000);
    put(skb, frame.length);
    this.from.skbs.memory.u8.set(frame, skb.dataAt);
    skb.packet = 7;
    this.link.carry(skb, endNs, 800);
    this.from.skbs.free(skb, REASON.sent);
  }

  /** An aggregate of packets 3 and 4 with 60 and 180 bytes, which the NIC cuts after each 100. */
  carryAggregate(endNs: number): void {
    const frame = tcpFrame({ payloadBytes: 240 });
    const skb = this.from.skbs.allocSkb(2000);
    put(skb, frame.length);
    this.from.skbs.memory.u8.set(frame, skb.dataAt);
    skb.transportHeader = skb.data + 34;
    skb.members = [3, 4];
    skb.memberEnds = [60, 240];
    skb.payloadBytes = 240;
    skb.head.gsoSize = 100;
    skb.head.gsoSegs = 3;
    this.link.carry(skb, endNs, 800);
    this.from.skbs.free(skb, REASON.sent);
  }

  /** The driver takes a frame at `tNs`. */
  take(tNs: number): void {
    this.engine.schedule(tNs, {
      wake: (nowNs) => {
        const frame = this.rings.all[0]!.take(nowNs)!;
        this.to.gate.leave(1);
        releaseFrame(this.to.skbs.memory, frame);
      },
    });
  }
}

Deno.test("Link lets frames arrive in order, after its delay, and shows them when their last bit left", () => {
  const fixture = new LinkFixture(8);
  fixture.carry(100, 60);
  fixture.carry(100, 70);
  fixture.carry(250, 80);
  assertEquals(fixture.link.heldPackets, 3);
  fixture.engine.run();
  assertEquals(fixture.arrivals, [600, 600, 750]);
  assertEquals(fixture.seen, [[100, 114], [100, 124], [250, 134]]);
  assertEquals(fixture.link.heldPackets, 0);
  assertEquals(fixture.rings.all[0]!.take(800)!.packet, 7);
});

Deno.test("Link carries each frame that a NIC cuts, and knows in which of them captured packets end", () => {
  const fixture = new LinkFixture(8);
  fixture.carryAggregate(1000);
  fixture.engine.run();
  // At 10 Gbit/s 178 and 118 bytes of wire take 142.4 and 94.4 ns.
  assertEquals(fixture.seen, [[764, 154], [906, 154], [1000, 94]]);
  const ring = fixture.rings.all[0]!;
  const taken = [0, 1, 2].map(() => ring.take(2000)!);
  assertEquals(taken.map((frame) => packetsIn(frame)), [1, 0, 1]);
  assertEquals(taken.map(({ payloadBytes }) => payloadBytes), [60, 0, 180]);
});

Deno.test("Link keeps frames at the door of a full ring, and loses none", () => {
  const fixture = new LinkFixture(2);
  for (let i = 0; i < 5; i++) fixture.carry(100 + i);
  for (const tNs of [1000, 1010, 1020]) fixture.take(tNs);
  fixture.engine.run();
  assertEquals(fixture.arrivals, [600, 601, 1000, 1010, 1020]);
  // They were seen on the wire when they were there.
  assertEquals(fixture.seen.map(([tNs]) => tNs), [100, 101, 102, 103, 104]);
});

Deno.test("Link waits for the gate of a host whose queues are full, unless that could wait for the link in turn", () => {
  for (const [watchesGate, expected] of [[true, 20], [false, 30]] as const) {
    const fixture = new LinkFixture(64, watchesGate);
    for (let i = 0; i < 30; i++) fixture.carry(100 + i);
    fixture.engine.run();
    assertEquals(fixture.arrivals.length, expected);
  }
});

Deno.test("Link has its sender pause when many frames wait at the door, and go on when half of them are through", () => {
  const fixture = new LinkFixture(1);
  let opened = 0;
  fixture.from.gate.onOpen = () => opened++;
  for (let i = 0; i < 300; i++) fixture.carry(100 + i);
  fixture.engine.run();
  assertEquals(fixture.from.gate.isOpen, false);
  for (let i = 0; i < 170; i++) fixture.take(1000 + i);
  fixture.engine.run();
  assertEquals([fixture.from.gate.isOpen, opened], [false, 0]);
  for (let i = 0; i < 2; i++) fixture.take(2000 + i);
  fixture.engine.run();
  assertEquals([fixture.from.gate.isOpen, opened], [true, 1]);
});
