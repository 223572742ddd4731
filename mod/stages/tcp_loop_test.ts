import { assertEquals } from "@std/assert";
import { LoopFixture } from "./testing_loop.ts";

const MS = 1e6;

/** Numbers of the segments that left, in thousands from the first. */
function numbersOf({ segments }: LoopFixture): number[] {
  return segments.map(({ sequence }) => sequence / 1000 - 1);
}

Deno.test("TcpLoop.sendable() lets no more than the window leave, and the next segments when some are acknowledged", () => {
  const fixture = new LoopFixture(4);
  fixture.at(0, () => fixture.write(6));
  fixture.at(1 * MS, () => fixture.acknowledge(3000));
  fixture.at(2 * MS, () => fixture.acknowledge(7000));
  fixture.engine.run();
  assertEquals(numbersOf(fixture), [0, 1, 2, 3, 4, 5]);
  assertEquals(fixture.segments.map(({ tNs }) => tNs / MS), [0, 0, 0, 0, 1, 1]);
  fixture.socket.release();
  fixture.finish();
  assertEquals(fixture.host.skbs.memory.live, 0);
  assertEquals(fixture.events.of("free").filter(({ reason }) => reason === "acknowledged").length, 6);
});

Deno.test("TcpLoop sends the first segment again at the third duplicate acknowledgment, once", () => {
  const fixture = new LoopFixture(64);
  fixture.at(0, () => fixture.write(8));
  fixture.at(1 * MS, () => fixture.acknowledge(3000));
  for (let i = 1; i <= 5; i++) fixture.at(1 * MS + i, () => fixture.acknowledge(3000));
  fixture.at(2 * MS, () => fixture.acknowledge(9000));
  fixture.engine.run();
  fixture.finish();
  assertEquals(numbersOf(fixture), [0, 1, 2, 3, 4, 5, 6, 7, 2]);
  assertEquals(fixture.segments.at(-1)!.tNs, 1 * MS + 3);
  const rows = fixture.events.of("retransmit").map(({ packet, reason, bytes }) => [packet, reason, bytes]);
  assertEquals(rows, [[2, "fast-retransmit", 1000]]);
});

Deno.test("TcpLoop sends the next hole when an acknowledgment is partial, until all that was on its way is there", () => {
  const fixture = new LoopFixture(64);
  fixture.at(0, () => fixture.write(8));
  for (let i = 0; i < 4; i++) fixture.at(1 * MS + i, () => fixture.acknowledge(1000 + 1000 * Math.min(i, 1)));
  fixture.at(1 * MS + 5, () => fixture.acknowledge(2000));
  fixture.at(2 * MS, () => fixture.acknowledge(5000));
  fixture.at(3 * MS, () => fixture.acknowledge(9000));
  fixture.at(4 * MS, () => fixture.acknowledge(9000));
  fixture.engine.run();
  fixture.finish();
  const rows = fixture.events.of("retransmit").map(({ packet, reason }) => [packet, reason]);
  assertEquals(rows, [[1, "fast-retransmit"], [4, "partial-acknowledgment"]]);
});

Deno.test("TcpLoop: the timer sends the first segment again after 1 s and the delay of the link, then twice as late each time", () => {
  const fixture = new LoopFixture(64);
  fixture.at(0, () => fixture.write(2));
  fixture.at(8000 * MS, () => fixture.acknowledge(3000));
  fixture.engine.run();
  fixture.finish();
  assertEquals(numbersOf(fixture), [0, 1, 0, 0, 0]);
  assertEquals(fixture.segments.slice(2).map(({ tNs }) => tNs / MS), [1000.02, 3000.06, 7000.14]);
  assertEquals(new Set(fixture.events.of("retransmit").map(({ reason }) => reason)), new Set(["retransmit-timeout"]));
});

Deno.test("TcpLoop: a measured round trip makes the timer shorter, 200 ms beside it at least", () => {
  const fixture = new LoopFixture(2);
  fixture.at(0, () => fixture.write(4));
  fixture.at(10 * MS, () => fixture.acknowledge(3000));
  fixture.at(400 * MS, () => fixture.acknowledge(5000));
  fixture.engine.run();
  assertEquals(numbersOf(fixture), [0, 1, 2, 3, 2]);
  assertEquals(fixture.segments.at(-1)!.tNs / MS, 10 + 10 + 200);
});

Deno.test("TcpLoop gives up after 15 timeouts in a row: what is not acknowledged is lost, packet by packet", () => {
  const fixture = new LoopFixture(64);
  fixture.at(0, () => fixture.write(3));
  fixture.at(1 * MS, () => fixture.acknowledge(2000));
  fixture.engine.run();
  const { socket, host, events, connections } = fixture;
  fixture.socket.release();
  fixture.finish();
  assertEquals(events.of("retransmit").length, 15);
  const drops = events.of("drop").map((
    { packet, reason, count, payloadBytes },
  ) => [packet, reason, count, payloadBytes]);
  assertEquals(drops, [[0, "retries-over", 1, 1000], [1, "retries-over", 1, 1000], [2, "retries-over", 1, 1000]]);
  assertEquals([socket.isGivenUp, host.skbs.memory.live, connections.openPackets], [true, 0, 0]);
});

Deno.test("TcpLoop: what is sent again has headers of its own, whatever became of those in the shared headroom", () => {
  const fixture = new LoopFixture(64);
  fixture.at(0, () => fixture.write(1));
  fixture.at(1500 * MS, () => fixture.acknowledge(2000));
  fixture.engine.run();
  assertEquals(fixture.segments.map(({ sequence, sourcePort }) => [sequence, sourcePort]), [[1000, 40000], [
    1000,
    40000,
  ]]);
});

Deno.test("TcpLoop: an acknowledgment that is older, or offers less without telling of more bytes, changes no window", () => {
  const fixture = new LoopFixture(4);
  fixture.at(0, () => fixture.write(12));
  fixture.at(1 * MS, () => fixture.acknowledge(5000, 2000));
  fixture.at(2 * MS, () => fixture.acknowledge(4000, 4096));
  fixture.at(3 * MS, () => fixture.acknowledge(5000, 1000));
  fixture.at(4 * MS, () => fixture.acknowledge(5000, 3000));
  fixture.at(5 * MS, () => fixture.acknowledge(8000));
  fixture.at(6 * MS, () => fixture.acknowledge(13000));
  fixture.engine.run();
  assertEquals(numbersOf(fixture).length, 12);
  assertEquals(fixture.segments.map(({ tNs }) => tNs / MS), [0, 0, 0, 0, 1, 1, 4, 5, 5, 5, 5, 6]);
});

Deno.test("TcpLoop: a window that opens is no duplicate acknowledgment", () => {
  const fixture = new LoopFixture(64);
  fixture.at(0, () => fixture.write(8));
  fixture.at(1 * MS, () => fixture.acknowledge(3000, 10_000));
  for (let i = 1; i <= 5; i++) fixture.at(1 * MS + i, () => fixture.acknowledge(3000, 10_000 + 1000 * i));
  fixture.at(2 * MS, () => fixture.acknowledge(9000));
  fixture.engine.run();
  assertEquals(fixture.events.of("retransmit"), []);
});

Deno.test("TcpLoop asks a closed window with an empty segment of an old number, until it opens, and gives up unanswered", () => {
  const fixture = new LoopFixture(4);
  fixture.at(0, () => fixture.write(8));
  fixture.at(1 * MS, () => fixture.acknowledge(5000, 0));
  fixture.at(300 * MS, () => fixture.acknowledge(5000, 0));
  fixture.at(900 * MS, () => fixture.acknowledge(5000, 2000));
  fixture.at(901 * MS, () => fixture.acknowledge(7000, 0));
  fixture.engine.run();
  const { segments, socket, connections, events } = fixture;
  const sent = segments.map(({ tNs, sequence, bytes }) => [Math.round(tNs / MS), sequence, bytes]);
  assertEquals(sent.slice(4, 9), [[202, 4999, 0], [501, 4999, 0], [900, 5000, 1000], [900, 6000, 1000], [
    1102,
    6999,
    0,
  ]]);
  // Each probe waits twice as long for an answer as the one before; behind the 15th nobody is there.
  assertEquals([sent.length, new Set(sent.slice(8).map(([, number]) => number))], [8 + 15, new Set([6999])]);
  assertEquals([socket.isGivenUp, connections.openPackets, events.of("retransmit").length], [true, 0, 0]);
  socket.release();
  fixture.finish();
  assertEquals(fixture.host.skbs.memory.live, 0);
});
