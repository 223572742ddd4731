/** Fragments of ESP packets at their receiver: put together, decrypted, or dropped with a reason (ip_defrag, ipv6_frag_rcv). */

import { assertEquals, assertRejects } from "@std/assert";
import { buildPcap } from "../capture/testing.ts";
import { captureOf, inputOf, type Recorder, runOf, tcpFrame, type TestRun } from "../replay/testing.ts";
import { receiveCapture } from "../replay/testing_receiver.ts";
import { set32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { espFrames, fragmentsOf, type OuterVersion } from "./testing_fragments.ts";
import { flowOf } from "./testing.ts";

const LOCAL = { 4: "local=auto", 6: "local=::/0" } as const;

function setsOf(version: OuterVersion, ...more: string[]): string[] {
  return ["path=receive", `ip=${version}`, LOCAL[version], ...more];
}

async function receive(frames: readonly Uint8Array[], preset: string, sets: readonly string[]): Promise<TestRun> {
  const testRun = await runOf(captureOf(frames), preset, sets);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** "packet reason" of each drop. */
function drops(events: Recorder): string[] {
  return events.of("drop").map(({ packet, reason }) => `${packet} ${reason}`);
}

const CLEAR = flowOf(3, {}, { payloadBytes: 1400 });

for (const version of [4, 6] as const) {
  for (const preset of ["linux-4.4", "linux-6.1", "linux-6.1-module"]) {
    Deno.test(`ESP in fragments is decrypted as ESP that is whole (IPv${version}, ${preset})`, async () => {
      const esp = espFrames(CLEAR, version);
      const fragments = esp.flatMap((frame, i) => fragmentsOf(frame, [800, 1360], i + 1));
      const cut = await receiveCapture(captureOf(fragments), preset, setsOf(version));
      // The fragment that completes the packet carries its payload.
      const payloads = [...cut.payloads].filter(([, payload]) => payload !== "").toSorted(([a], [b]) => a - b);
      const whole = await receiveCapture(captureOf(esp), preset, setsOf(version));
      assertEquals(payloads, [...whole.payloads].map(([packet, payload]) => [packet * 3 + 2, payload]));
      assertEquals(cut.events.of("drop"), []);
      assertEquals(cut.arrivals.oddities.unopened, 0);
    });

    Deno.test(`fragments may come in any order, and every law holds (IPv${version}, ${preset})`, async () => {
      const [a, b, c] = espFrames(CLEAR, version).map((frame, i) => fragmentsOf(frame, [400, 1200], i + 1));
      const frames = [a![2]!, b![1]!, a![0]!, c![2]!, c![1]!, a![1]!, b![0]!, b![2]!, c![0]!];
      const { run, events } = await receive(frames, preset, setsOf(version));
      assertEquals(events.of("open").length, 3);
      assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, 3 * 1400);
      assertEquals(run.delivery.delivered, 9);
    });
  }
}

/** What was done to fragments of one packet, by reason, and what ESP input copied. */
async function joins(
  preset: string,
  layout: string,
  cuts: readonly number[],
): Promise<[string[], Record<string, number>]> {
  const frames = fragmentsOf(espFrames([tcpFrame({ payloadBytes: 1400 })])[0]!, cuts);
  const { events } = await receive(frames, preset, setsOf(4, `rx_layout=${layout}`));
  const copies = Object.entries(events.copies).filter(([name]) => /ip-input|esp-input/.test(name));
  return [events.of("frag").map(({ reason }) => reason), Object.fromEntries(copies)];
}

Deno.test("6.1 joins fragments in pages and copies what fits into tailroom; 4.4 chains them; ESP pays for a list", async () => {
  const chained = await joins("linux-4.4", "kmalloc", [800]);
  assertEquals(chained[0], ["fragment-list"]);
  assertEquals((await joins("linux-6.1", "kmalloc", [800]))[0], ["coalesce"]);
  const paged = await joins("linux-6.1", "frags:1", [800, 1200]);
  assertEquals(paged[0], ["coalesce", "coalesce"]);
  assertEquals(Object.keys(paged[1]).some((name) => name.includes("coalesce-copy")), false);
  const short = await joins("linux-6.1", "kmalloc", [1400]);
  // ESP header and IV, ciphertext of 1440 bytes and trailer, ICV; less the first 1400 bytes.
  assertEquals(short[1]["ip-input coalesce-copy"], 16 + 1444 + 16 - 1400);
});

Deno.test("a fragment that comes twice is dropped alone; one that overlaps takes all of its packet along", async () => {
  const [frame] = espFrames(CLEAR);
  const [first, second, third] = fragmentsOf(frame!, [400, 1200]);
  const twice = await receive([first!, second!, first!, third!], "linux-6.1", setsOf(4));
  assertEquals(drops(twice.events), ["2 fragment-duplicate"]);
  assertEquals(twice.events.of("open").length, 1);
  const [, overlapping] = fragmentsOf(frame!, [392]);
  const overlap = await receive([first!, overlapping!, third!], "linux-6.1", setsOf(4));
  assertEquals(drops(overlap.events), ["0 fragment-conflict", "1 fragment-conflict", "2 fragment-timeout"]);
});

Deno.test("fragments without the rest wait until 30 s are over, or the run", async () => {
  const [a, b] = espFrames(CLEAR).map((frame) => fragmentsOf(frame, [800]));
  const frames = [a![0]!, b![0]!, b![1]!, a![1]!];
  const stamps = [0, 1, 29, 31];
  const file = buildPcap({}, frames.map((bytes, i) => ({ seconds: stamps[i]!, fraction: 0, bytes })));
  const { run, events } = await runOf(inputOf(file), "linux-6.1", setsOf(4, "pace=capture"));
  assertEquals(run.failures, []);
  assertEquals(drops(events), ["0 fragment-timeout", "3 fragment-timeout"]);
  assertEquals(events.of("open").length, 1);
});

Deno.test("fragments that differ in ECN make a packet that met congestion, or none where one knows no ECN", async () => {
  const marked = async (...marks: number[]): Promise<TestRun> => {
    const inner = tcpFrame({ payloadBytes: 1400, tos: marks[0]! });
    const frames = fragmentsOf(espFrames([inner])[0]!, [400, 1200]);
    frames.forEach((frame, i) => {
      ip.setDsField(frame, ETH_HLEN, marks[i]!);
      ipv4.writeHeaderChecksum(frame, ETH_HLEN);
    });
    return await receive(frames, "linux-6.1", setsOf(4, "then=forward"));
  };
  assertEquals((await marked(2, 2, 3)).sent.map(({ bytes }) => ip.dsField(bytes, ETH_HLEN)), [3]);
  assertEquals((await marked(2, 1, 2)).sent.map(({ bytes }) => ip.dsField(bytes, ETH_HLEN)), [2]);
  assertEquals(drops((await marked(0, 0, 2)).events).length, 3);
});

Deno.test("fragments of other packets keep apart: identification, addresses and protocol name a packet", async () => {
  const [a, b] = espFrames(CLEAR).map((frame) => fragmentsOf(frame, [800]));
  const stranger = b![1]!.slice();
  set32(stranger, ETH_HLEN + ipv4.OFFSET_SOURCE, 0x0a000001);
  ipv4.writeHeaderChecksum(stranger, ETH_HLEN);
  const { events } = await receive([a![0]!, b![0]!, stranger, a![1]!, b![1]!], "linux-6.1", setsOf(4));
  assertEquals(drops(events), ["2 fragment-timeout"]);
  assertEquals(events.of("open").length, 2);
});

Deno.test("a capture with fragments of ESP packets is not played twice: they would be replays", async () => {
  const frames = espFrames(CLEAR).flatMap((frame) => fragmentsOf(frame, [800]));
  await assertRejects(
    () => runOf(captureOf(frames), "linux-6.1", setsOf(4, "repeat=2")),
    Error,
    "it holds fragments of ESP packets, which would be replays",
  );
});
