/** A device without scatter-gather gets linear frames: who makes them so, and what that copies (skb_needs_linearize). */

import { assertEquals } from "@std/assert";
import { captureOf, type Recorder, runOf, type SentFrame } from "../replay/testing.ts";
import { flowOf } from "./testing.ts";
import { datagramsOf } from "./testing_frames.ts";

const OFF = "nic_sg=off";

async function play(
  frames: readonly Uint8Array[],
  preset: string,
  sets: readonly string[],
): Promise<{ events: Recorder; sent: SentFrame[] }> {
  const { run, events, sent } = await runOf(captureOf(frames), preset, sets);
  assertEquals(run.failures, []);
  return { events, sent };
}

/** Copied bytes behind the queue. */
function pulled({ copies }: Recorder): number {
  return Object.entries(copies)
    .filter(([name]) => /^(qdisc|driver-tx|ip-output|esp-output) pull-tail$/.test(name))
    .reduce((sum, [, bytes]) => sum + bytes, 0);
}

const bytesOf = (sent: readonly SentFrame[]): string[] => sent.map(({ bytes }) => bytes.toHex());

Deno.test("nic_sg=off: what ESP left in fragments is copied into the head, and the frames are the same", async () => {
  const frames = flowOf(3);
  for (const preset of ["nocopy-tx", "linux-6.1"]) {
    const sets = ["gro=off", "mtu=1600"];
    const gathered = await play(frames, preset, sets);
    const linear = await play(frames, preset, [...sets, OFF]);
    assertEquals(bytesOf(linear.sent), bytesOf(gathered.sent));
    assertEquals([pulled(gathered.events), pulled(linear.events)], [0, 3 * (1460 + 20)], preset);
  }
});

Deno.test("nic_sg=off costs segments of layer 2 nothing, but for a trailer in a fragment", async () => {
  const bulk = flowOf(4);
  const forward = await play(bulk, "linux-6.1-module", ["mtu=1600", OFF]);
  assertEquals(pulled(forward.events), 0);
  const sets = ["path=send", "mode=tunnel", "local=198.51.100.1", "nodelay=on"];
  const gathered = await play(bulk, "linux-6.1-module", sets);
  const linear = await play(bulk, "linux-6.1-module", [...sets, OFF]);
  assertEquals(bytesOf(linear.sent), bytesOf(gathered.sent));
  const fragments = gathered.events.of("tail").filter(({ reason }) => reason === "fragment");
  assertEquals(pulled(linear.events), fragments.reduce((sum, { bytes }) => sum + bytes, 0));
});

Deno.test("nic_sg=off on path send: 4.4 has nothing to copy, 6.1 linearizes clones anyway, sendfile copies", async () => {
  const frames = flowOf(3);
  const sets = ["path=send", "local=198.51.100.1", "nodelay=on"];
  for (const preset of ["linux-4.4", "linux-6.1"]) {
    const gathered = await play(frames, preset, sets);
    const linear = await play(frames, preset, [...sets, OFF]);
    assertEquals(linear.events.copies, gathered.events.copies, preset);
    assertEquals(bytesOf(linear.sent), bytesOf(gathered.sent));
    const file = await play(frames, preset, [...sets, OFF, "sendfile=on"]);
    assertEquals(file.events.of("frag"), []);
    assertEquals(file.events.copies, linear.events.copies);
  }
});

Deno.test("nic_sg=off leaves the fragments of a datagram alone: each is linear", async () => {
  const frames = datagramsOf(1, { 0: { payloadBytes: 1472 } });
  const sets = ["path=send", "mode=tunnel", "local=198.51.100.1", OFF];
  assertEquals(pulled((await play(frames, "linux-6.1", sets)).events), 0);
});
