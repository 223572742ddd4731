/** Arrival times under every pace, and what happens to frames that meet a full ring. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { buildPcap } from "../capture/testing.ts";
import { resolveConfig } from "../config/resolve.ts";
import { wireBytes } from "../ledger/units.ts";
import { clockOf } from "./pace.ts";
import { UnplayableError } from "./run.ts";
import { bulk, captureOf, inputOf, type Recorder, runOf, tcpFrame } from "./testing.ts";

/** Times at which the packets of a run arrived, by packet. */
function arrivals(events: Recorder): number[] {
  return events.of("arrive").map(({ tNs }) => tNs);
}

/** A pcap file with nanosecond stamps. */
function stamped(stampsNs: readonly number[], frames: readonly Uint8Array[]): Uint8Array {
  return buildPcap(
    { magic: 0xa1b23c4d },
    frames.map((bytes, i) => {
      const seconds = Math.floor(stampsNs[i]! / 1e9);
      return { seconds: 1000 + seconds, fraction: stampsNs[i]! - seconds * 1e9, bytes };
    }),
  );
}

Deno.test("clockOf() has no clock for pace=max", () => {
  assertEquals(clockOf({ pace: "max", link_gbps: 10 }), null);
});

Deno.test("clockOf() counts from the first frame, and takes nothing for a packet without a frame", () => {
  const clock = clockOf({ pace: "line", link_gbps: 10 })!;
  const times = [0, 1538, 0, 1538, 84, 0].map((bytes) => clock.arrivalNs(bytes, 0));
  assertEquals(times, [0, 0, 0, 1230, 1298, 1298]);
});

Deno.test("clockOf() is less than a nanosecond off the exact time after any number of frames", () => {
  // In millionths of a Gbit/s, so that the exact quotient can be told with whole numbers.
  const rates = fc.oneof(fc.integer({ min: 1, max: 999_999 }), fc.integer({ min: 1, max: 400 }).map((g) => g * 1e6));
  const frames = fc.array(fc.integer({ min: 84, max: 70_000 }), { minLength: 1, maxLength: 300 });
  fc.assert(fc.property(rates, frames, fc.boolean(), (millionths, lengths, isLine) => {
    const gbps = (millionths / 1e6).toFixed(6).replace(/\.?0+$/, "");
    const pace = isLine ? "line" : `rate:${gbps}`;
    const { config } = resolveConfig({ sets: [`pace=${pace}`, `link_gbps=${isLine ? gbps : "3"}`] });
    const clock = clockOf(config)!;
    let bits = 0n;
    lengths.forEach((bytes, i) => {
      if (i > 0) bits += BigInt(8 * bytes);
      const off = BigInt(clock.arrivalNs(bytes, 0)) * BigInt(millionths) - bits * 1_000_000n;
      assert(off < BigInt(millionths) && off > -BigInt(millionths), `${pace}, frame ${i}`);
    });
  }));
});

Deno.test("clockOf() goes by stamps, N times as fast, and never back", () => {
  const stamps = [0, 1000, 500, 1500, -7, 4001];
  const times = (pace: "capture" | "capture*2" | "capture*0.5"): number[] => {
    const clock = clockOf({ pace, link_gbps: 10 })!;
    return stamps.map((stampNs) => clock.arrivalNs(1538, stampNs));
  };
  assertEquals(times("capture"), [0, 1000, 1000, 1500, 1500, 4001]);
  assertEquals(times("capture*2"), [0, 500, 500, 750, 750, 2001]);
  assertEquals(times("capture*0.5"), [0, 2000, 2000, 3000, 3000, 8002]);
});

const LENGTHS = [1460, 0, 1460, 700, 1460];

for (
  const [sets, gbps] of [[["pace=line"], 10], [["pace=line", "link_gbps=2.5"], 2.5], [["pace=rate:0.7"], 0.7]] as const
) {
  Deno.test(`frames arrive back to back at ${gbps} Gbit/s (${sets.join(" ")})`, async () => {
    const frames = LENGTHS.map((payloadBytes, i) => tcpFrame({ payloadBytes, id: i }));
    const { run, events } = await runOf(captureOf(frames), "nocopy", sets);
    let bits = 0;
    const expected = frames.map((frame, i) => {
      if (i > 0) bits += 8 * wireBytes(frame.length);
      return Math.round(bits / gbps);
    });
    assertEquals(arrivals(events), expected);
    assertEquals(run.failures, []);
  });
}

Deno.test("a super-packet takes as long as its segments on the wire, a packet that is too large its own length", async () => {
  const tooLarge = tcpFrame({ payloadBytes: 3000, fragmentWord: 0x2000 });
  const frames = [tcpFrame(), tcpFrame({ payloadBytes: 4000 }), tooLarge, tcpFrame({ payloadBytes: 100 })];
  const { events } = await runOf(captureOf(frames), "nocopy", ["pace=rate:1"]);
  const superNs = 8 * (2 * 1538 + 1080 + 54 + 24);
  const tooLargeNs = superNs + 8 * (3054 + 24);
  assertEquals(arrivals(events), [0, superNs, tooLargeNs, tooLargeNs + 8 * 178]);
});

Deno.test("what does not come from our host takes no time on the wire, other protocols do", async () => {
  const frames = [tcpFrame(), tcpFrame({ source: 1 }), new Uint8Array(60), tcpFrame()];
  const { events } = await runOf(captureOf(frames), "nocopy", ["pace=rate:1", "tunnel=local", "local=198.51.100.1"]);
  assertEquals(arrivals(events), [0, 0, 672, 672 + 8 * 1538]);
});

for (const [pace, speed] of [["capture", 1], ["capture*10", 10], ["capture*0.25", 0.25]] as const) {
  Deno.test(`pace=${pace} plays frames as stamped, in the order of the file, gaps of days included`, async () => {
    const stampsNs = [0, 3, 1000, 999, 1000, 86_400_000_000_000, 86_400_000_000_001, 86_399_000_000_000];
    const input = inputOf(stamped(stampsNs, bulk(stampsNs.length)));
    const { run, events } = await runOf(input, "nocopy-gro", [`pace=${pace}`]);
    let latest = 0;
    const expected = stampsNs.map((stampNs) => latest = Math.max(latest, Math.round(stampNs / speed)));
    assertEquals(arrivals(events), expected);
    assertEquals(events.of("arrive").map(({ packet }) => packet), stampsNs.map((_, i) => i));
    assertEquals(run.failures, []);
  });
}

Deno.test("a packet that arrives more than 52 days after the first is refused, and a faster pace plays it", async () => {
  const file = stamped([0, 53 * 86_400_000_000_000], bulk(2));
  const message = "Cannot replay built.pcap at this pace: packet 2 arrives more than 52 days after the first";
  await assertRejects(() => runOf(inputOf(file), "nocopy", ["pace=capture"]), UnplayableError, message);
  const { run } = await runOf(inputOf(file), "nocopy", ["pace=capture*1.1"]);
  assertEquals(run.failures, []);
});

for (const sets of [["pace=rate:900"], ["pace=rate:900", "rx_ring=1"], ["pace=capture*1000", "rx_ring=16"]]) {
  for (const preset of ["baseline", "nocopy-gro"]) {
    Deno.test(`frames that meet a full ring are dropped, counted, and nothing else is lost (${preset} ${sets.join(" ")})`, async () => {
      const frames = [...bulk(300), new Uint8Array(60), tcpFrame({ payloadBytes: 0 })];
      const { run, events, sent } = await runOf(captureOf(frames), preset, sets);
      assertEquals(run.failures, []);
      const drops = events.of("drop");
      assertEquals(new Set(drops.map(({ stage, reason }) => `${stage} ${reason}`)), new Set(["rx-ring rx-ring-full"]));
      assertEquals(drops.every((drop) => drop.count === 1 && drop.skb === -1 && drop.cpu === 0), true);
      assertEquals(drops.length + sent.length, 301);
      assert(drops.length > 100 && sent.length > 1);
      const arrived = new Map(events.of("arrive").map((row) => [row.packet, row]));
      assertEquals(drops.map(({ packet, tNs }) => arrived.get(packet)!.tNs - tNs), drops.map(() => 0));
      assertEquals(
        run.tally.sum({ event: "drop" }).payloadBytes + run.tally.sum({ event: "send" }).payloadBytes,
        300 * 1460,
      );
    });
  }
}

Deno.test("a ring takes as many frames as it has slots before the CPU has time to take one", async () => {
  const { events } = await runOf(captureOf(bulk(40)), "baseline", ["pace=rate:900", "rx_ring=16"]);
  const dropped = events.of("drop").map(({ packet }) => packet);
  // 40 frames take 547 ns. The first is taken at once, the second when the 4 us are over that it costs.
  assertEquals(dropped, Array.from({ length: 23 }, (_, i) => 17 + i));
});

Deno.test("a slow pace loses nothing, and takes as long as the frames do", async () => {
  const { run, events } = await runOf(captureOf(bulk(500)), "nocopy-gro", ["pace=rate:0.5"]);
  assertEquals([run.failures, events.of("drop").length], [[], 0]);
  assertEquals(arrivals(events).at(-1), 499 * 1538 * 16);
});
