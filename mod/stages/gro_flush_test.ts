/** When GRO's held buffers go up with a timer (`gro_flush_us`), to the nanosecond: nothing costs anything here. */

import { assertEquals } from "@std/assert";
import type { Profile } from "../cost/profile.ts";
import { REASON } from "../ledger/schema.ts";
import { captureOf, inputOf, profileOf, runOf } from "../replay/testing.ts";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { RxFrame, writeFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { DeviceNapi } from "./device_napi.ts";
import { Gro } from "./gro.ts";
import { NetRx } from "./net_rx.ts";
import { RxRing } from "./rx_ring.ts";
import { deliveries, flowOf, interleaved, rangesOf, StageFixture } from "./testing.ts";

/** Plays frames, one at each of `timesUs`; returns what went up, "packets@us:reason", and the polls, "packets@us". */
function flushed(timesUs: readonly number[], sets: readonly string[], frames = flowOf(timesUs.length)) {
  const fixture = new StageFixture(["gro=on", "gso=xfrm", ...sets]);
  const { host, engine } = fixture;
  const packets: string[] = [];
  const take = (skb: Skb): void => {
    packets[skb.id] = rangesOf(skb.members ?? [skb.packet]);
    host.skbs.free(skb, REASON.consumed);
  };
  const ring = new RxRing(256);
  new DeviceNapi(host, new NetRx(host), ring, new Gro(host, { process: take }));
  const arrive = (packet: number, nowNs: number): void => {
    const frame = new RxFrame();
    frame.packet = packet;
    frame.checksumGood = true;
    const bytes = frames[packet]!;
    writeFrame(host.skbs.memory, frame, bytes, 0, bytes.length, bytes.length);
    ring.arrive(frame, nowNs);
  };
  timesUs.forEach((us, packet) => engine.schedule(us * 1000, { wake: (nowNs) => arrive(packet, nowNs) }));
  engine.run();
  fixture.finish();
  assertEquals(host.skbs.memory.live, 0);
  const { events } = fixture;
  const up = events.of("flush").map(({ skb, tNs, reason }) => `${packets[skb]}@${tNs / 1000}:${reason}`);
  const polls = events.of("poll").map(({ count, tNs }) => `${count}@${tNs / 1000}`);
  return { up, polls };
}

const TIMER_44 = ["era=4.4", "gro_flush_us=200"];
const TIMER_61 = ["era=6.1", "gro_flush_us=200"];

Deno.test("gro_flush_us=0 lets nothing outlast a poll", () => {
  const { up, polls } = flushed([0, 1, 2], ["era=6.1"]);
  assertEquals(up, ["0@0:poll-end", "1@1:poll-end", "2@2:poll-end"]);
  assertEquals(polls, ["1@0", "1@1", "1@2"]);
});

for (const sets of [TIMER_44, TIMER_61]) {
  Deno.test(`gro_flush_us holds a flow over its polls, ${sets[0]}: the timer starts anew with each and ends the hold`, () => {
    const { up, polls } = flushed([0, 150, 300, 499], sets);
    assertEquals(up, ["0-3@699:flush-timer"]);
    assertEquals(polls, ["1@0", "1@150", "1@300", "1@499", "0@699"]);
  });

  Deno.test(`gro_flush_us, ${sets[0]}: packets of a flow slower than the timer go up alone, each by the timer`, () => {
    const { up } = flushed([0, 201, 402], sets);
    assertEquals(up, ["0@200:flush-timer", "1@401:flush-timer", "2@602:flush-timer"]);
  });

  Deno.test(`gro_flush_us, ${sets[0]}: a packet that comes in the instant of the timer joins`, () => {
    assertEquals(flushed([0, 200], sets).up, ["0-1@400:flush-timer"]);
  });

  Deno.test(`gro_flush_us, ${sets[0]}: any packet puts the timer off, a full poll ends the hold of all`, () => {
    const two = interleaved(2, 66);
    // Packet 1 is of the other flow and keeps packet 0 waiting; then 65 come at once.
    assertEquals(flushed([0, 150], sets, two).up, ["0@350:flush-timer", "1@350:flush-timer"]);
    const burst = [0, ...Array<number>(65).fill(100)];
    const reasons = flushed(burst, sets, flowOf(66, {}, { payloadBytes: 100 })).up;
    assertEquals(reasons, ["0-64@100:budget", "65@300:flush-timer"]);
  });

  Deno.test(`gro_flush_us, ${sets[0]}: a hold of nothing starts no timer; PSH ends a hold at once`, () => {
    const { up, polls } = flushed([0, 100], sets, flowOf(2, { 1: { flags: 0x18 } }));
    assertEquals(up, ["0-1@100:push"]);
    // The timer that packet 0 started finds nothing: 4.4 does not even poll.
    assertEquals(polls, sets === TIMER_44 ? ["1@0", "1@100"] : ["1@0", "1@100", "0@200"]);
  });
}

Deno.test("gro_flush_us: 6.1 sends up at any poll what is older than a jiffy, 4.4 waits for the timer", () => {
  // A jiffy of 1 ms begins at 1000 us: packet 0 was held before.
  const times = [900, 950, 1050, 1100];
  assertEquals(flushed(times, [...TIMER_61, "hz=1000"]).up, ["0-2@1050:older-jiffy", "3@1300:flush-timer"]);
  assertEquals(flushed(times, [...TIMER_44, "hz=1000"]).up, ["0-3@1300:flush-timer"]);
  // With jiffies of 4 ms all of it is within one.
  assertEquals(flushed(times, TIMER_61).up, ["0-3@1300:flush-timer"]);
});

Deno.test("gro_flush_us: a poll after a full one, which finds nothing, sends all up (work_done of napi_complete_done)", () => {
  const frames = flowOf(64, {}, { payloadBytes: 100 });
  // hz=1000 keeps what is young over the full poll; the next finds nothing.
  const { up, polls } = flushed(Array<number>(64).fill(0), [...TIMER_61, "hz=1000"], frames);
  assertEquals(up, ["0-63@0:poll-end"]);
  assertEquals(polls, ["64@0", "0@0"]);
});

Deno.test("gro_flush_us acts in a whole run: frames 100 us apart, as they are stamped", async () => {
  const input = captureOf(flowOf(8));
  const merged = async (preset: string, timer: string): Promise<string[]> => {
    const sets = ["pace=capture*0.01", "oversize=grow", timer];
    const { run, events } = await runOf(input, preset, sets);
    assertEquals(run.failures, []);
    return deliveries(events);
  };
  for (const preset of ["nocopy-gro", "linux-6.1"]) {
    assertEquals(await merged(preset, "gro_flush_us=500"), ["0-7:flush-timer"]);
    assertEquals(await merged(preset, "gro_flush_us=50"), Array.from({ length: 8 }, (_, i) => `${i}:flush-timer`));
    assertEquals(await merged(preset, "gro_flush_us=0"), Array.from({ length: 8 }, (_, i) => `${i}:poll-end`));
  }
});

/** The bulk fixture as stamped: packets that join another, and the median latency as summary.csv has it. */
async function stampedBulk(sets: readonly string[], options: { profile?: Profile } = {}): Promise<[number, number]> {
  const file = await Deno.readFile(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
  const as = ["oversize=grow", "pace=capture", "engine=skip", ...sets];
  const { run } = await runOf(inputOf(file), "linux-6.1", as, options);
  assertEquals(run.failures, []);
  const latency = SUMMARY_COLUMNS.find(({ name }) => name === "latency_p50_us")!.value({ number: 1, run });
  return [run.tally.sum({ event: "merge" }).rows, Number(latency)];
}

Deno.test("gro_flush_us=100 joins 2554 packets of the bulk fixture, 2393 where a jiffy is 1 ms, when nothing takes time", async () => {
  const free = { profile: profileOf({}) };
  const joined = async (...sets: string[]): Promise<number> => (await stampedBulk(sets, free))[0];
  assertEquals([await joined(), await joined("gro_flush_us=100"), await joined("gro_flush_us=100", "hz=1000")], [
    0,
    2554,
    2393,
  ]);
});

Deno.test("README.md says what gro_flush_us=100 makes of the bulk fixture: packets that join, and median latencies", async () => {
  const readme = (await Deno.readTextFile(new URL("../../README.md", import.meta.url))).replace(/\s+/g, " ");
  const [, joined, later, soon] = /µs of it join (\d+) packets .*? latency is (\d+) µs instead of (\d+)\./.exec(
    readme,
  )!;
  const [, joinedYoung, median] = /with `hz=1000` (\d+) join, and the median is (\d+) µs/.exec(readme)!;
  const shown = ([packets, latencyUs]: [number, number]): string[] => [`${packets}`, latencyUs.toFixed(0)];
  assertEquals(["0", soon], shown(await stampedBulk([])));
  assertEquals([joined, later], shown(await stampedBulk(["gro_flush_us=100"])));
  assertEquals([joinedYoung, median], shown(await stampedBulk(["gro_flush_us=100", "hz=1000"])));
});
