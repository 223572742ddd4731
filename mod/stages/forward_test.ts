/** What a gateway does with what arrives: forwards, trims, drops with a reason, lets pass by (ip_rcv, ip_forward). */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { type CaptureInput } from "../replay/run.ts";
import { captureOf, type Recorder, runOf, type TcpFrame, tcpFrame, type TestRun } from "../replay/testing.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { deliveries, flowOf, forwarded, innerPackets } from "./testing.ts";

/** Presets without and with GRO. */
const PRESETS = ["baseline", "nocopy", "nocopy-gro"];
/** Longest packet that a GCM tunnel takes over a link of 1500 bytes (linux-datapath 3.2). */
const INNER_MTU = 1446;

async function forward(input: CaptureInput, preset: string, sets: readonly string[] = []): Promise<TestRun> {
  const testRun = await runOf(input, preset, sets);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** "3 ttl" for each drop. */
function drops(events: Recorder): string[] {
  return events.of("drop").map(({ packet, reason }) => `${packet} ${reason}`);
}

/** A copy of a good frame, changed and with its header checksum written anew. */
function damaged(damage: (frame: Uint8Array) => void, fields: TcpFrame = {}): Uint8Array {
  const frame = tcpFrame(fields);
  damage(frame);
  ipv4.writeHeaderChecksum(frame, ETH_HLEN);
  return frame;
}

/** A frame of 60 bytes of another protocol than IP. */
function frameOf(etherType: number): Uint8Array {
  const frame = new Uint8Array(60).fill(0x11);
  set16(frame, 12, etherType);
  return frame;
}

for (const preset of PRESETS) {
  Deno.test(`forward takes padding off before it encapsulates (${preset})`, async () => {
    const frames = [
      tcpFrame({ payloadBytes: 0, padding: 6 }),
      tcpFrame({ payloadBytes: 2, padding: 4, sequence: 2000 }),
      tcpFrame({ payloadBytes: 800, padding: 9, sequence: 3000 }),
      tcpFrame({ payloadBytes: 1456, padding: 8, sequence: 4000 }),
    ];
    for (const era of ["4.4", "6.1"]) {
      const testRun = await forward(captureOf(frames), preset, [`era=${era}`]);
      assertEquals(innerPackets(testRun), frames.map(forwarded));
    }
  });

  Deno.test(`forward drops what has a time to live of 1 or 0, and says so (${preset})`, async () => {
    const frames = flowOf(4, { 1: { ttl: 1 }, 2: { ttl: 0 }, 3: { ttl: 2 } });
    const testRun = await forward(captureOf(frames), preset);
    assertEquals(drops(testRun.events), ["1 ttl", "2 ttl"]);
    assertEquals(innerPackets(testRun), [frames[0]!, frames[3]!].map(forwarded));
    assertEquals(testRun.run.tally.sum({ event: "drop" }).payloadBytes, 2 * 1460);
  });

  Deno.test(`forward decreases the time to live in the inner packet, with a right header checksum (${preset})`, async () => {
    // Ids that bring the checksum to all its corners: a carry, 0xffff, 0x0000.
    const frames = Array.from(
      { length: 300 },
      (_, i) => tcpFrame({ payloadBytes: 0, id: i * 218, ttl: 2 + i % 254, acknowledgment: i }),
    );
    const testRun = await forward(captureOf(frames), preset, ["engine=skip"]);
    const inner = innerPackets(testRun);
    assertEquals(inner.length, 300);
    for (const [i, packet] of inner.entries()) {
      assertEquals(ipv4.headerChecksumOk(packet, 0), true);
      assertEquals(ipv4.ttl(packet, 0), 1 + i % 254);
    }
  });

  Deno.test(`forward drops malformed headers (${preset})`, async () => {
    const frames = [
      tcpFrame(),
      damaged((frame) => set16(frame, 16, 1501)),
      damaged((frame) => frame[14] = 0x44, { payloadBytes: 60 }),
      damaged((frame) => frame[14] = 0x65),
      damaged((frame) => set16(frame, 16, 19)),
      damaged((frame) => set16(frame, 16, 0)),
      damaged((frame) => frame[14] = 0x4f, { payloadBytes: 6 }),
      tcpFrame().subarray(0, 33),
      tcpFrame().subarray(0, 14),
    ];
    const badSum = tcpFrame();
    badSum[24]! ^= 0xff;
    frames.push(badSum, tcpFrame({ sequence: 2460, id: 2 }));
    const testRun = await forward(captureOf(frames), preset);
    const malformed = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((packet) => `${packet} malformed`);
    assertEquals(drops(testRun.events).toSorted(), malformed);
    assertEquals(innerPackets(testRun), [frames[0]!, frames.at(-1)!].map(forwarded));
  });

  Deno.test(`forward lets other protocols than IP pass by, counted apart (${preset})`, async () => {
    const frames = [frameOf(0x0806), tcpFrame(), frameOf(0x88cc), frameOf(0x8847), frameOf(0x8100), new Uint8Array(10)];
    const { run, events, sent } = await forward(captureOf(frames), preset);
    assertEquals(sent.length, 1);
    assertEquals(drops(events), []);
    assertEquals(run.tally.sum({ event: "deliver" }).count, 5);
    const arrivals = events.of("arrive").map(({ packet, reason }) => `${packet} ${reason}`);
    assertEquals(arrivals, ["0 bypass", "1 ", "2 bypass", "3 bypass", "4 bypass", "5 bypass"]);
  });

  Deno.test(`forward passes IP options and fragments on as they are (${preset})`, async () => {
    const frames = [
      tcpFrame({ ipOptions: Uint8Array.of(1, 1, 1, 0) }),
      tcpFrame({ ipOptions: new Uint8Array(40).fill(1), payloadBytes: 100 }),
      tcpFrame({ fragmentWord: 0x2000, payloadBytes: 1456 }),
      tcpFrame({ fragmentWord: 185, payloadBytes: 700 }),
      tcpFrame({ fragmentWord: 185, payloadBytes: 1 }),
    ];
    const testRun = await forward(captureOf(frames), preset);
    assertEquals(innerPackets(testRun), frames.map(forwarded));
  });

  Deno.test(`oversize=drop: ${INNER_MTU} bytes with DF pass, one more does not (${preset})`, async () => {
    const frames = [INNER_MTU, INNER_MTU + 1, 1500].map((bytes, i) => {
      return tcpFrame({ payloadBytes: bytes - 40, sourcePort: 40000 + i });
    });
    const testRun = await forward(captureOf(frames), preset, ["oversize=drop"]);
    assertEquals(drops(testRun.events), ["1 pmtu", "2 pmtu"]);
    assertEquals(innerPackets(testRun), [forwarded(frames[0]!)]);
    assertEquals(testRun.sent[0]!.bytes.length, 1500 + ETH_HLEN);
  });

  Deno.test(`oversize=drop: a time to live that has run out comes before the MTU (${preset})`, async () => {
    const { events } = await forward(captureOf([tcpFrame({ ttl: 1 }), tcpFrame({ ttl: 2 })]), preset, [
      "oversize=drop",
    ]);
    assertEquals(drops(events).toSorted(), ["0 ttl", "1 pmtu"]);
  });

  Deno.test(`oversize=drop: what is too large without DF leaves in outer fragments that make the packet again (${preset})`, async () => {
    const sizes = [INNER_MTU, INNER_MTU + 1, 1500, 1460];
    const frames = sizes.map((bytes, i) =>
      tcpFrame({ payloadBytes: bytes - 40, fragmentWord: 0, sourcePort: 40000 + i })
    );
    const testRun = await forward(captureOf(frames), preset, ["oversize=drop"]);
    assertEquals(drops(testRun.events), []);
    assertEquals(reassembledInner(testRun), frames.map(forwarded));
    assertEquals(testRun.sent.length, 1 + 2 + 2 + 2);
    const cut = testRun.events.of("copy").filter(({ reason }) => reason === "ip-fragment").map(({ packet }) => packet);
    assertEquals(cut, [1, 1, 2, 2, 3, 3]);
  });

  Deno.test(`oversize=drop: fragments carry multiples of 8 bytes, ids of their packet, and are copies (${preset})`, async () => {
    const frames = flowOf(3, {}, { fragmentWord: 0 });
    const { events, sent } = await forward(captureOf(frames), preset, ["oversize=drop"]);
    const fragments = sent.map(({ bytes }) => bytes.subarray(ETH_HLEN));
    const described = fragments.map((packet) => {
      const more = ipv4.moreFragments(packet, 0) ? "+" : "";
      return `${ipv4.id(packet, 0)}: ${ipv4.fragmentOffsetBytes(packet, 0)}, ${packet.length - 20}${more}`;
    });
    // ESP makes 1536 bytes of 1500; of the 1480 that fit behind an IP header, all are a multiple of 8.
    assertEquals(described, ["0: 0, 1480+", "0: 1480, 56", "1: 0, 1480+", "1: 1480, 56", "2: 0, 1480+", "2: 1480, 56"]);
    assertEquals(fragments.every((packet) => ipv4.headerChecksumOk(packet, 0) && !ipv4.dontFragment(packet, 0)), true);
    const copies = events.of("copy").filter(({ stage }) => stage === "ip-output");
    assertEquals(
      copies.map(({ reason, bytes }) => `${reason} ${bytes}`),
      Array(3).fill(["ip-fragment 1500", "ip-fragment 76"]).flat(),
    );
  });
}

/** Puts outer fragments, which follow each other, together and opens the packets. */
function reassembledInner({ run, sent }: TestRun): Uint8Array[] {
  const sa = run.sa!;
  const aead = sa.aead(ENGINES[run.engine!]);
  const inner: Uint8Array[] = [];
  const whole = new Uint8Array(2000);
  for (const { bytes } of sent) {
    const packet = bytes.subarray(ETH_HLEN);
    const at = ipv4.fragmentOffsetBytes(packet, 0);
    if (at === 0) whole.set(packet.subarray(0, 20));
    whole.set(packet.subarray(20), 20 + at);
    if (ipv4.moreFragments(packet, 0)) continue;
    set16(whole, ipv4.OFFSET_FRAGMENT, 0);
    ipv4.setTotalLength(whole, 0, at + packet.length);
    ipv4.writeHeaderChecksum(whole, 0);
    const result = openEspPacket(whole, sa, aead);
    if (!result.opened) throw new Error(`Cannot open a packet put together: ${result.reason}`);
    inner.push(result.inner);
  }
  return inner;
}

Deno.test("oversize=drop: fragments of a mtu that is no multiple of 8 carry less than fits", async () => {
  const frames = flowOf(2, {}, { fragmentWord: 0, payloadBytes: 951 });
  const testRun = await forward(captureOf(frames), "nocopy", ["oversize=drop", "mtu=1001"]);
  assertEquals(reassembledInner(testRun), frames.map(forwarded));
  assertEquals(testRun.sent.map(({ bytes }) => bytes.length - ETH_HLEN), [996, 72, 996, 72]);
});

Deno.test("oversize=drop: a GRO aggregate goes by the length of its segments, and all its packets are dropped with it", async () => {
  const fitting = flowOf(5, { 4: { payloadBytes: 3 } }, { payloadBytes: INNER_MTU - 40 });
  const passed = await forward(captureOf(fitting), "nocopy-gro", ["oversize=drop"]);
  assertEquals(deliveries(passed.events), ["0-4:short-segment"]);
  assertEquals(innerPackets(passed), fitting.map(forwarded));

  const above = flowOf(5, { 4: { payloadBytes: 3 } }, { payloadBytes: INNER_MTU - 39 });
  const { run, events, sent } = await forward(captureOf(above), "nocopy-gro", ["oversize=drop"]);
  assertEquals(deliveries(events), ["0-4:short-segment"]);
  assertEquals(drops(events), ["0 pmtu", "1 pmtu", "2 pmtu", "3 pmtu", "4 pmtu"]);
  assertEquals(events.of("drop").map(({ payloadBytes }) => payloadBytes), [1407, 1407, 1407, 1407, 3]);
  assertEquals(run.tally.sum({ event: "drop" }).payloadBytes, 4 * 1407 + 3);
  assertEquals(sent.length, 0);
});

Deno.test("oversize=grow passes what is larger than the MTU, whole, with one warning", async () => {
  const frames = flowOf(3);
  const testRun = await forward(captureOf(frames), "nocopy");
  assertEquals(innerPackets(testRun), frames.map(forwarded));
  assertEquals(testRun.run.warnings.filter((warning) => warning.includes("oversize")), [
    "ESP makes packets of up to 1556 bytes: the egress MTU of 1500 grew to fit (oversize=grow)",
  ]);
});
