/** The first packets of a capture, and whether there are more. */

import { assertEquals } from "@std/assert";
import { CapturePacket, openCapture } from "../capture/mod.ts";
import { FirstPackets } from "./first_packets.ts";
import { bulk, captureOf, runOf } from "./testing.ts";

async function read(packets: number, most: number): Promise<[number, boolean]> {
  const input = captureOf(bulk(packets));
  const reader = new FirstPackets(await openCapture(await input.open(), input.name, 4096), most);
  const packet = new CapturePacket();
  let count = 0;
  while (await reader.fill()) while (reader.next(packet)) assertEquals(packet.index, count++);
  assertEquals(await reader.fill(), false);
  return [count, await reader.hasMore()];
}

Deno.test("FirstPackets gives so many packets, and knows whether there are more", async () => {
  assertEquals(await read(7, 3), [3, true]);
  assertEquals(await read(7, 7), [7, false]);
  assertEquals(await read(7, 9), [7, false]);
  assertEquals(await read(0, 3), [0, false]);
});

Deno.test("replay() with maxPackets plays the first packets alone, repeated too, and warns of the others", async () => {
  const { run } = await runOf(captureOf(bulk(9)), "nocopy", ["repeat=2"], { maxPackets: 4 });
  assertEquals(run.tally.sum({ event: "send" }).count, 4 + 4);
  const warning = "only the first 4 packets of the capture were taken";
  assertEquals(run.warnings.includes(warning), true);
  const whole = await runOf(captureOf(bulk(4)), "nocopy", [], { maxPackets: 4 });
  assertEquals(whole.run.warnings.includes(warning), false);
});
