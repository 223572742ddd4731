import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { InFlight } from "./in_flight.ts";

Deno.test("InFlight.take() gives a number once, and nothing for packets that are not there", () => {
  const inFlight = new InFlight();
  inFlight.set(0, 5);
  inFlight.set(4095, 0);
  assertEquals([inFlight.take(1), inFlight.take(4096), inFlight.take(-1)], [undefined, undefined, undefined]);
  assertEquals([inFlight.take(0), inFlight.take(0), inFlight.take(4095)], [5, undefined, 0]);
});

Deno.test("InFlight.set() replaces the number of a packet", () => {
  const inFlight = new InFlight();
  inFlight.set(7, 1);
  inFlight.set(7, 2);
  assertEquals([inFlight.take(7), inFlight.take(7)], [2, undefined]);
});

Deno.test("InFlight keeps packets that would meet in one slot, by growing", () => {
  const inFlight = new InFlight();
  const packets = [3, 3 + 4096, 3 + 2 * 4096, 3 + 4 * 4096, 3 + 16 * 4096, 4, 100_000];
  for (const packet of packets) inFlight.set(packet, packet * 2);
  for (const packet of packets) assertEquals(inFlight.take(packet), packet * 2);
  for (const packet of packets) assertEquals(inFlight.take(packet), undefined);
});

Deno.test("InFlight holds 20 000 packets at once and a million one after the other", () => {
  const inFlight = new InFlight();
  const window = 20_000;
  let wrong = 0;
  for (let packet = 0; packet < 1_000_000; packet++) {
    inFlight.set(packet, packet + 0.5);
    if (packet >= window && inFlight.take(packet - window) !== packet - window + 0.5) wrong += 1;
  }
  assertEquals(wrong, 0);
});

Deno.test("InFlight agrees with a Map", () => {
  const packet = fc.oneof(fc.nat(20), fc.nat(50_000), fc.nat(5).map((n) => n * 4096 + 1));
  const script = fc.array(fc.tuple(packet, fc.option(fc.nat(), { nil: undefined, freq: 3 })), { maxLength: 200 });
  fc.assert(fc.property(script, (steps) => {
    const inFlight = new InFlight();
    const model = new Map<number, number>();
    for (const [number, value] of steps) {
      if (value === undefined) {
        assertEquals(inFlight.take(number), model.get(number));
        model.delete(number);
      } else {
        inFlight.set(number, value);
        model.set(number, value);
      }
    }
    for (const [number, value] of model) assertEquals(inFlight.take(number), value);
  }));
});
