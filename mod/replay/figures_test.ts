/** The figures of the design: what one full-size frame costs in copied bytes, by reason. */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, runOf, tcpFrame } from "./testing.ts";

const FRAMES = 100;

function perFrame(sums: Record<string, number>, frames: number): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).map(([key, bytes]) => [key, bytes / frames]));
}

function total(sums: Record<string, number>): number {
  return Object.values(sums).reduce((sum, bytes) => sum + bytes, 0);
}

Deno.test("baseline copies 1634 bytes of a 1514-byte frame: 56 pulled, 118 moved with the head, 1460 linearized", async () => {
  const { run, events } = await runOf(captureOf(bulk(FRAMES)), "baseline");
  assertEquals(perFrame(events.copies, FRAMES), {
    "driver-rx driver-pull": 56,
    "esp-output expand-head": 118,
    "esp-output pull-tail": 1460,
  });
  assertEquals(total(events.copies) / FRAMES, 1634);
  assertEquals(run.failures, []);
});

Deno.test("nocopy copies the 56 bytes that the driver pulls, and nothing else", async () => {
  const { run, events } = await runOf(captureOf(bulk(FRAMES)), "nocopy");
  assertEquals(perFrame(events.copies, FRAMES), { "driver-rx driver-pull": 56 });
  assertEquals(events.of("tail").every((row) => row.reason === "fragment"), true);
  assertEquals(run.failures, []);
});

Deno.test("nocopy with tx_dst=new-page copies 1520 bytes: the null cipher moves all but the ICV to the new page", async () => {
  const { run, events } = await runOf(captureOf(bulk(FRAMES)), "nocopy", ["tx_dst=new-page"]);
  assertEquals(perFrame(events.copies, FRAMES), {
    "driver-rx driver-pull": 56,
    "esp-output null-cipher": 1464,
  });
  assertEquals(run.failures, []);
});

Deno.test("nocopy-gro copies payload + 56 bytes of each segmented frame, and ESP nothing", async () => {
  const { run, events } = await runOf(captureOf(bulk(64)), "nocopy-gro");
  assertEquals(perFrame(events.copies, 64), { "driver-rx driver-pull": 56, "gso segment-copy": 1460 });
  assertEquals(events.of("segment").length, 64);
  assertEquals(events.of("tail").every((row) => row.reason === "in-place"), true);
  assertEquals(run.failures, []);
});

Deno.test("pure ACKs are copied once by the driver, rounded up to 8 bytes, and never by ESP", async () => {
  const acks = Array.from({ length: 20 }, (_, i) => tcpFrame({ payloadBytes: 0, acknowledgment: i, padding: 6 }));
  for (const preset of ["baseline", "nocopy", "nocopy-gro"]) {
    const { run, events } = await runOf(captureOf(acks), preset);
    assertEquals(perFrame(events.copies, 20), { "driver-rx copybreak": 64 });
    assertEquals(events.of("tail").every((row) => row.reason === "in-place"), true);
    assertEquals(run.failures, []);
  }
});

Deno.test("frames with timestamps: 72 + 130 + 1448 bytes (baseline), 72 (nocopy), 72 + 1452 (new page)", async () => {
  const options = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
  const frames = captureOf(bulk(FRAMES, { payloadBytes: 1448, options }));
  const copied: number[] = [];
  for (const sets of [[], ["tx_tail=fragment"], ["tx_tail=fragment", "tx_dst=new-page"]]) {
    copied.push(total((await runOf(frames, "baseline", sets)).events.copies) / FRAMES);
  }
  assertEquals(copied, [72 + 130 + 1448, 72, 72 + 1452]);
});
