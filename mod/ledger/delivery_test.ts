import { assertEquals } from "@std/assert";
import { Delivery } from "./delivery.ts";
import { foldOf, type TestRow } from "./testing.ts";

function arrive(packet: number, tNs: number): TestRow {
  return { event: "arrive", packet, tNs, bytes: 1514, flow: 0 };
}

function send(packet: number, tNs: number, flow = 0, bytes = 1514): TestRow {
  return { event: "send", stage: "nic", packet, tNs, bytes, flow };
}

function deliveryOf(...rows: TestRow[]): Delivery {
  return foldOf(new Delivery(), rows);
}

Deno.test("Delivery counts frames on the wire with 24 bytes more, and short ones as 60", () => {
  const delivery = deliveryOf(send(0, 10, 0, 1514), send(1, 20, 0, 60), send(2, 30, 0, 59), send(3, 40, 0, 42));
  assertEquals([delivery.frames, delivery.longestFrameBytes], [4, 1514]);
  assertEquals(delivery.wireBytes, 1538 + 84 + 84 + 84);
});

Deno.test("Delivery spans from the first arrival to the last bit out, in whatever order rows come", () => {
  const delivery = deliveryOf(arrive(0, 50), arrive(1, 40), send(1, 900), send(0, 700));
  assertEquals([delivery.firstArrivalNs, delivery.lastSendNs], [40, 900]);
  const nothing = deliveryOf();
  assertEquals([nothing.firstArrivalNs, nothing.lastSendNs, nothing.latency.total], [Infinity, -Infinity, 0]);
});

Deno.test("Delivery counts a frame once in which several packets end, and none ends in some", () => {
  const none: TestRow = { ...send(0, 10), count: 0 };
  const delivery = deliveryOf(arrive(0, 1), arrive(1, 2), none, send(0, 20), send(1, 20, 0, 0));
  assertEquals([delivery.frames, delivery.wireBytes, delivery.latency.total], [2, 2 * 1538, 2]);
  assertEquals(delivery.latency.percentile(100), 19);
});

Deno.test("Delivery measures latency from the arrival of a packet to its departure", () => {
  const { latency } = deliveryOf(
    arrive(0, 100),
    arrive(1, 110),
    send(1, 400),
    send(0, 500),
    send(7, 600),
    send(-1, 700),
  );
  assertEquals([latency.total, latency.percentile(1), latency.percentile(100)], [2, 290, 400]);
});

Deno.test("Delivery forgets a packet that is dropped, and one that passes by ESP", () => {
  const dropped: TestRow = { event: "drop", reason: "queueLimit", packet: 0 };
  const bypass: TestRow = { ...arrive(1, 5), reason: "bypass" };
  const { latency, firstArrivalNs } = deliveryOf(arrive(0, 100), dropped, bypass, send(0, 900), send(1, 900));
  assertEquals([latency.total, firstArrivalNs], [0, 100]);
});

Deno.test("Delivery counts a packet as reordered when a later one of its flow left before it", () => {
  const reordered = (...packets: number[]): number => deliveryOf(...packets.map((p, i) => send(p, i))).reordered;
  assertEquals([reordered(0, 1, 2, 3), reordered(1, 0, 2), reordered(3, 0, 1, 2), reordered(0, 2, 1, 3, 5, 4)], [
    0,
    1,
    3,
    2,
  ]);
  assertEquals(reordered(4, 4, 4), 0);
});

Deno.test("Delivery counts reordering within each flow", () => {
  assertEquals(deliveryOf(send(5, 1, 0), send(2, 2, 1), send(3, 3, 1), send(4, 4, 0)).reordered, 1);
  assertEquals(deliveryOf(send(5, 1, 0), send(-1, 2, 0), send(6, 3, 0)).reordered, 0);
});

Deno.test("Delivery keeps the longest queue", () => {
  const enqueue = (count: number): TestRow => ({ event: "enqueue", stage: "qdisc", count });
  assertEquals(deliveryOf(enqueue(1), enqueue(7), enqueue(3)).queueMax, 7);
});

function toSocket(packet: number, tNs: number, flow = 0): TestRow {
  return { event: "deliver", stage: "local-in", reason: "toSocket", packet, tNs, flow, payloadBytes: 1460 };
}

Deno.test("Delivery counts what sockets get: packets, latency and reordering, but nothing on the wire", () => {
  const delivery = deliveryOf(arrive(0, 100), arrive(1, 110), toSocket(1, 300), toSocket(0, 400));
  assertEquals([delivery.delivered, delivery.reordered, delivery.frames, delivery.wireBytes], [2, 1, 0, 0]);
  assertEquals([delivery.lastSendNs, delivery.latency.total, delivery.latency.percentile(100)], [400, 2, 300]);
});

Deno.test("Delivery does not count a frame that passes by as delivered", () => {
  const passedBy: TestRow = { event: "deliver", stage: "napi", reason: "bypass", packet: 1, tNs: 300, flow: -1 };
  const { delivered, lastSendNs } = deliveryOf({ ...arrive(1, 5), reason: "bypass" }, passedBy);
  assertEquals([delivered, lastSendNs], [0, -Infinity]);
});

Deno.test("Delivery counts every frame of a packet on the wire, and its arrival once", () => {
  const more: TestRow = { ...arrive(0, 200), count: 0 };
  const ignored: TestRow = { ...arrive(1, 250), reason: "ignored" };
  const delivery = deliveryOf(arrive(0, 100), more, ignored, toSocket(0, 400));
  assertEquals(delivery.arrivedWireBytes, 2 * 1538);
  assertEquals([delivery.latency.total, delivery.latency.percentile(100)], [1, 300]);
});
