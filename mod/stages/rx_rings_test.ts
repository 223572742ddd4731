/** Receive queues: which frames go to which ring, and when its interrupt comes (`rx_usecs`). */

import { assert, assertEquals } from "@std/assert";
import { RxFrame, writeFrame } from "../skb/dma.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { REASON } from "../ledger/schema.ts";
import { DeviceNapi } from "./device_napi.ts";
import { Gro } from "./gro.ts";
import { NetRx } from "./net_rx.ts";
import { RxRing } from "./rx_ring.ts";
import { RxRings } from "./rx_rings.ts";
import { flowOf, StageFixture } from "./testing.ts";

Deno.test("RxRings spreads the slots of the indirection table over the queues in turn", () => {
  for (const queues of [1, 2, 3, 5, 64]) {
    const rings = new RxRings(queues, 4);
    for (let hash = 0; hash < 1000; hash++) {
      assertEquals(rings.queueOf(hash), (hash % 128) % queues);
      assertEquals(rings.ringOf(hash), rings.all[rings.queueOf(hash)]);
    }
    assertEquals(rings.queueOf(0xffffffff), 127 % queues);
  }
});

Deno.test("RxRings spreads flows that differ in one port about evenly", () => {
  const flows = new FlowTable();
  const rings = new RxRings(8, 4);
  const counts = new Array<number>(8).fill(0);
  for (let port = 1024; port < 1024 + 8000; port++) {
    flows.find(0xc0000201, 0xc0000202, port, 443, 6);
    counts[rings.queueOf(flows.hash)]! += 1;
  }
  assert(counts.every((count) => count > 800 && count < 1200), counts.join(" "));
});

Deno.test("RxRings counts the frames of all rings", () => {
  const rings = new RxRings(2, 4);
  rings.ringOf(0).arrive(new RxFrame(), 0);
  rings.ringOf(1).arrive(new RxFrame(), 0);
  rings.ringOf(3).arrive(new RxFrame(), 0);
  assertEquals([rings.length, ...rings.all.map(({ length }) => length)], [3, 1, 2]);
});

/** Plays a frame at each of `timesUs`; returns the polls, "frames@us". What is received costs nothing. */
function pollsOf(timesUs: readonly number[], sets: readonly string[]): string[] {
  const { host, engine, events, finish } = bound(new StageFixture(sets));
  const frames = flowOf(timesUs.length);
  const ring = new RxRing(256);
  const gro = new Gro(host, { process: (skb) => host.skbs.free(skb, REASON.consumed) });
  new DeviceNapi(host, new NetRx(host), ring, gro);
  const arrive = (packet: number, nowNs: number): void => {
    const frame = new RxFrame();
    frame.packet = packet;
    const bytes = frames[packet]!;
    writeFrame(host.skbs.memory, frame, bytes, 0, bytes.length, bytes.length);
    ring.arrive(frame, nowNs);
  };
  timesUs.forEach((us, packet) => engine.schedule(us * 1000, { wake: (nowNs) => arrive(packet, nowNs) }));
  engine.run();
  finish();
  return events.of("poll").map(({ count, tNs }) => `${count}@${tNs / 1000}`);
}

function bound(fixture: StageFixture) {
  const { host, engine, events } = fixture;
  return { host, engine, events, finish: () => fixture.finish() };
}

Deno.test("without rx_usecs every frame that meets an idle CPU is polled at once", () => {
  assertEquals(pollsOf([0, 1, 2, 30], []), ["1@0", "1@1", "1@2", "1@30"]);
});

Deno.test("rx_usecs counts from the first frame in an empty ring, and again from the first behind the poll", () => {
  assertEquals(pollsOf([0, 1, 9, 10, 12, 40, 49.5], ["rx_usecs=10"]), ["4@10", "1@22", "2@50"]);
});

Deno.test("rx_usecs takes fractions of a microsecond", () => {
  assertEquals(pollsOf([0, 0.4, 0.6], ["rx_usecs=0.5"]), ["2@0.5", "1@1.1"]);
});

Deno.test("the interrupt is not raised for frames that the poll of gro_flush_us has taken", () => {
  const sets = ["rx_usecs=50", "gro_flush_us=60", "gro=on", "gso=xfrm", "era=4.4"];
  // Polled at 50; the timer of GRO polls at 110 what came at 100, and the interrupt of that finds nothing at 150.
  assertEquals(pollsOf([0, 100], sets), ["1@50", "1@110", "0@170"]);
});
