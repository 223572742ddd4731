/** ESP output: what goes in comes out at the other end of the tunnel, and the trailer lies where Linux puts it. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { PRESETS } from "../config/presets.ts";
import { TEST_DESTINATIONS, TEST_SOURCES } from "../esp/sa.ts";
import { bulk, captureOf, runOf, tcpFrame, type TestRun } from "../replay/testing.ts";
import { Geometry } from "../skb/geometry.ts";
import { get16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { flowOf, forwarded, innerPackets, openSent } from "./testing.ts";

const ERAS = ["4.4", "6.1"] as const;
/** Ethernet, IP and TCP header of a frame without options. */
const HEADERS_BYTES = 54;

/** One packet of a random flow: what it changes. */
interface Step {
  readonly flow: number;
  readonly payloadBytes: number;
  readonly flags: number;
  readonly hasOptions: boolean;
  readonly idStep: number;
  readonly acknowledgmentStep: number;
  readonly tos: number;
  readonly fragmentWord: number;
}

/** Mostly bulk, so that GRO has something to merge. */
const STEP: fc.Arbitrary<Step> = fc.record({
  flow: fc.nat(3),
  payloadBytes: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(1448, 700) }, fc.nat(1448)),
  flags: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(0x10, 0x10, 0x10, 0x10, 0x18, 0x11, 0x90) }, fc.nat(255)),
  hasOptions: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean()),
  idStep: fc.constantFrom(1, 1, 1, 1, 1, 0, 7),
  acknowledgmentStep: fc.constantFrom(0, 0, 0, 0, 0, 1),
  tos: fc.constantFrom(0, 0, 0, 0, 0, 0, 3, 0xb8),
  fragmentWord: fc.constantFrom(0x4000, 0x4000, 0x4000, 0x4000, 0, 0x8000),
});
const STEPS = fc.tuple(fc.array(STEP, { minLength: 1, maxLength: 40 }), fc.boolean());

/** Frames of several flows; with `constantIds`, ids do not count. */
function framesOf([steps, constantIds]: [Step[], boolean]): Uint8Array[] {
  const flows = [0, 1, 2, 3].map((flow) => ({ sequence: 0xfffff000 + flow, id: 0xfff8 + flow, acknowledgment: 0 }));
  return steps.map((step, pattern) => {
    const flow = flows[step.flow]!;
    const options = step.hasOptions ? Uint8Array.of(1, 1, 1, 0) : new Uint8Array(0);
    flow.acknowledgment += step.acknowledgmentStep;
    flow.id = (flow.id + (constantIds ? 0 : step.idStep)) & 0xffff;
    const { payloadBytes, flags, tos, fragmentWord } = step;
    const frame = tcpFrame({
      ...flow,
      payloadBytes,
      flags,
      tos,
      fragmentWord,
      options,
      sourcePort: 40000 + step.flow,
      pattern,
    });
    flow.sequence = (flow.sequence + payloadBytes) >>> 0;
    return frame;
  });
}

/** Packets of each flow, by source port, in hexadecimal. */
function byFlow(packets: readonly Uint8Array[]): Record<number, string[]> {
  const flows: Record<number, string[]> = {};
  for (const packet of packets) (flows[get16(packet, 20)] ??= []).push(packet.toHex());
  return flows;
}

for (const preset of Object.keys(PRESETS)) {
  for (const era of ERAS) {
    const linearizes = PRESETS[preset]!.settings.tx_tail === "linearize";
    for (const destination of linearizes ? ["inplace"] : ["inplace", "new-page"]) {
      const sets = [`era=${era}`, `tx_dst=${destination}`, "oversize=grow"];
      Deno.test(`random flows come out of the tunnel as they went in (${preset} era=${era} tx_dst=${destination})`, async () => {
        const property = fc.asyncProperty(STEPS, async (steps) => {
          const frames = framesOf(steps);
          const testRun = await runOf(captureOf(frames), preset, sets);
          assertEquals(testRun.run.failures, []);
          assertEquals(byFlow(innerPackets(testRun)), byFlow(frames.map(forwarded)));
          assertEquals(sequences(testRun), frames.map((_, i) => i + 1));
        });
        await fc.assert(property, { numRuns: 6 });
      });
    }
  }

  Deno.test(`packets of every size from 40 to 1500 bytes come out as they went in (${preset})`, async () => {
    const frames = Array.from({ length: 1461 }, (_, i) => tcpFrame({ payloadBytes: i, sequence: i * 1000, id: i }));
    for (const era of [PRESETS[preset]!.settings.era]) {
      const sets = [`era=${era}`, "engine=skip", "oversize=grow", "cryptd_qlen=2000"];
      const testRun = await runOf(captureOf(frames), preset, sets);
      assertEquals(testRun.run.failures, []);
      assertEquals(byFlow(innerPackets(testRun)), byFlow(frames.map(forwarded)));
    }
  });
}

Deno.test("flags come out on the packets that had them: CWR on the first, ECE on all, PSH and FIN on the last", async () => {
  const ends = [{ 0: { flags: 0xd0 }, 1: { flags: 0x50 }, 2: { flags: 0x50 }, 3: { flags: 0x58 } }, {
    2: { flags: 0x11 },
  }];
  for (const era of ERAS) {
    for (const changes of ends) {
      const frames = flowOf(Math.max(...Object.keys(changes).map(Number)) + 1, changes);
      const testRun = await runOf(captureOf(frames), "nocopy-gro", [`era=${era}`]);
      assertEquals(testRun.events.of("merge").length, frames.length - 1);
      assertEquals(innerPackets(testRun), frames.map(forwarded));
    }
  }
});

function sequences(testRun: TestRun): number[] {
  return openSent(testRun).map((result) => result.opened ? result.sequence : -1);
}

/** Padding, pad length, next header and ICV of GCM: the payload and these two bytes fill words of 4 bytes. */
function trailerBytesOf(ipBytes: number): number {
  return Math.ceil((ipBytes + 2) / 4) * 4 - ipBytes + 16;
}

/** Where the trailers went: "in-place 20" by packet. */
function tailsOf({ events }: TestRun): Record<number, string> {
  return Object.fromEntries(events.of("tail").map(({ packet, reason, bytes }) => [packet, `${reason} ${bytes}`]));
}

for (const era of ERAS) {
  // A small frame is copied into a head of 256 bytes behind 64 of headroom; 6.1 takes a slice of 1 KiB for it.
  const endOffset = { "4.4": 320, "6.1": 704 }[era];

  Deno.test(`tx_tail=fragment of ${era}: the trailer of a received packet is in place where tailroom suffices`, async () => {
    const frames = Array.from({ length: 301 }, (_, i) => tcpFrame({ payloadBytes: i, padding: Math.max(0, 6 - i) }));
    const testRun = await runOf(captureOf(frames), "nocopy-tx", [`era=${era}`, "engine=skip"]);
    const expected = frames.map((frame, i) => {
      const ipBytes = 40 + i;
      const tailroom = frame.length <= 256 ? endOffset - 64 - ETH_HLEN - ipBytes : 0;
      const bytes = trailerBytesOf(ipBytes);
      return [i, `${tailroom >= bytes ? "in-place" : "fragment"} ${bytes}`];
    });
    assertEquals(tailsOf(testRun), Object.fromEntries(expected));
    assertEquals(
      Object.values(tailsOf(testRun)).filter((tail) => tail.startsWith("in-place")).length,
      era === "4.4" ? 183 : 203,
    );
  });

  Deno.test(`tx_tail=linearize of ${era}: what is linear and has tailroom is left alone, all else goes through skb_cow_data`, async () => {
    const frames = Array.from({ length: 301 }, (_, i) => tcpFrame({ payloadBytes: i }));
    const testRun = await runOf(captureOf(frames), "baseline", [`era=${era}`, "engine=skip"]);
    const expected = frames.map((frame, i) => {
      const tailroom = frame.length <= 256 ? endOffset - 64 - frame.length : 0;
      const bytes = trailerBytesOf(40 + i);
      return [i, `${tailroom >= bytes ? "in-place" : "cow-always"} ${bytes}`];
    });
    assertEquals(tailsOf(testRun), Object.fromEntries(expected));
  });

  Deno.test(`tx_tail=fragment of ${era}: the trailer of a segment is in place where its size class leaves room`, async () => {
    const sizes = Array.from({ length: 1400 }, (_, i) => i + 1);
    const frames = sizes.flatMap((payloadBytes, i) => flowOf(2, {}, { payloadBytes, sourcePort: 1000 + i }));
    const testRun = await runOf(captureOf(frames), "nocopy-gro", [`era=${era}`, "engine=skip", "napi_weight=8"]);
    const expected = frames.map((_, packet) => {
      const payloadBytes = sizes[packet >> 1]!;
      // Of the aggregate's head the segment takes over the headroom: 64 bytes and the Ethernet header that was pulled.
      const linear = 64 + HEADERS_BYTES + payloadBytes;
      const bytes = trailerBytesOf(40 + payloadBytes);
      return [
        packet,
        `${new Geometry().kmallocEndOffset(linear) - linear >= bytes ? "in-place" : "fragment"} ${bytes}`,
      ];
    });
    assertEquals(tailsOf(testRun), Object.fromEntries(expected));
    const fragments = Object.values(tailsOf(testRun)).filter((tail) => tail.startsWith("fragment")).length;
    assertEquals(fragments > 0 && fragments < 200, true);
  });
}

Deno.test("the trailer of a full-size frame: 1500 bytes take 20, 1446 take 18", async () => {
  const frames = [tcpFrame(), tcpFrame({ payloadBytes: 1406 }), tcpFrame({ payloadBytes: 44 })];
  assertEquals(tailsOf(await runOf(captureOf(frames), "nocopy")), {
    0: "fragment 20",
    1: "fragment 18",
    2: "in-place 20",
  });
});

/** Outer headers of what was sent. */
function outerHeaders({ sent }: TestRun): Uint8Array[] {
  return sent.map(({ bytes }) => bytes.subarray(ETH_HLEN, ETH_HLEN + 20));
}

Deno.test("outer header: DSCP and ECN are those inside, but CE becomes ECT(0)", async () => {
  const frames = Array.from({ length: 256 }, (_, tos) => tcpFrame({ payloadBytes: 0, tos }));
  const outer = outerHeaders(await runOf(captureOf(frames), "nocopy", ["engine=skip"]));
  assertEquals(outer.map((packet) => ipv4.tos(packet, 0)), frames.map((_, tos) => (tos & 3) === 3 ? tos - 1 : tos));
});

Deno.test("outer header: DF is copied; ids are 0 with it and count without it", async () => {
  const words = [0, 0x4000, 0, 0x4000, 0x4000, 0, 0x2000, 185, 0x8000];
  const frames = words.map((fragmentWord, i) => tcpFrame({ payloadBytes: 100, fragmentWord, id: 7 * i }));
  const outer = outerHeaders(await runOf(captureOf(frames), "nocopy"));
  assertEquals(outer.map((packet) => ipv4.fragmentWord(packet, 0)), words.map((word) => word & 0x4000));
  assertEquals(outer.map((packet) => ipv4.id(packet, 0)), [0, 0, 1, 0, 0, 2, 3, 4, 5]);
});

Deno.test("outer header: addresses of the tunnel, time to live 64, right length and checksum", async () => {
  for (const preset of Object.keys(PRESETS)) {
    const testRun = await runOf(captureOf(bulk(10, { ttl: 9, payloadBytes: 333 })), preset);
    for (const { bytes } of testRun.sent) {
      const packet = bytes.subarray(ETH_HLEN);
      assertEquals([ipv4.version(packet, 0), ipv4.ihlBytes(packet, 0), ipv4.ttl(packet, 0), ipv4.protocol(packet, 0)], [
        4,
        20,
        64,
        50,
      ]);
      assertEquals([packet.subarray(12, 16), packet.subarray(16, 20)], [TEST_SOURCES[4], TEST_DESTINATIONS[4]]);
      assertEquals(ipv4.totalLength(packet, 0), packet.length);
      assertEquals(ipv4.headerChecksumOk(packet, 0), true);
      assertEquals(bytes.subarray(0, ETH_HLEN).toHex(), "0200000001020200000001010800");
    }
  }
});
