/** Two hosts: what one of them sealed is captured and received by the other, and is what went in. */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { buildPcap } from "../capture/testing.ts";
import { forwarded, innerPackets } from "../stages/testing.ts";
import { datagramsOf, overIpv6 } from "../stages/testing_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as tcp from "../wire/tcp.ts";
import type { CaptureInput } from "./run.ts";
import { inputOf, runOf, type SentFrame, tcpFrame } from "./testing.ts";
import { receiveCapture } from "./testing_receiver.ts";
import { segmentsOf, streamOf, streamOfFrames } from "./testing_streams.ts";

const PSH_ACK = tcp.FLAG_PSH | tcp.FLAG_ACK;
const PRESETS = ["baseline", "nocopy", "nocopy-gro-gso", "linux-4.4", "linux-4.14", "linux-6.1", "linux-6.1-module"];
const LAYOUTS = [
  ...["page-frag", "build-skb", "virtio", "netdev-linear", "kmalloc", "napi-linear"],
  ...["frags:1", "frags:3", "hdrsplit:2"],
];

/** What both hosts have to agree on. */
const ASSOCIATION = fc.record({
  mode: fc.constantFrom("tunnel", "transport"),
  ip: fc.constantFrom("4", "6"),
  cipher: fc.constantFrom("aes-gcm-128", "aes-gcm-256", "null", "null-sha256"),
});

/** How the receiver takes what comes: in which buffers, how many at a time. */
const RECEIVER = fc.record({
  rx_layout: fc.constantFrom(...LAYOUTS),
  rx_ring: fc.constantFrom("1", "2", "7", "128"),
  napi_weight: fc.constantFrom("1", "3", "64"),
  tap: fc.constantFrom("none", "mmap", "packet-socket"),
  hz: fc.constantFrom("100", "1000"),
});

const setsOf = (values: Readonly<Record<string, string>>): string[] => {
  return Object.entries(values).map(([key, value]) => `${key}=${value}`);
};

/** Gaps between frames in us: alone, or many together. */
const GAPS = fc.array(fc.constantFrom(...Array<number>(12).fill(0), 1, 30, 4000), { minLength: 1, maxLength: 20 });

/** The capture of frames, `gapsUs[i]` in front of each in turn. */
function capturedWith(frames: readonly Uint8Array[], gapsUs: readonly number[]): CaptureInput {
  let us = 0;
  const records = frames.map((bytes, i) => {
    us += gapsUs[i % gapsUs.length]!;
    return { seconds: 1 + Math.floor(us / 1e6), fraction: us % 1e6, bytes };
  });
  return inputOf(buildPcap({}, records));
}

const bytesOf = (sent: readonly SentFrame[]): Uint8Array[] => sent.map(({ bytes }) => bytes);

/** Whose address the outer header has, or the packet in transport mode. */
const everyone = (isIpv6: boolean): string => `local=${isIpv6 ? "::/0" : "0.0.0.0/0"}`;

const FRAME = fc.record({
  flow: fc.nat(1),
  isUdp: fc.constantFrom(false, false, false, false, true),
  payloadBytes: fc.oneof({ weight: 4, arbitrary: fc.constant(1400) }, fc.nat(1400)),
  flags: fc.constantFrom(...Array<number>(6).fill(tcp.FLAG_ACK), PSH_ACK, tcp.FLAG_ACK | tcp.FLAG_FIN),
  /** Lost before it was captured, or sent again. */
  step: fc.constantFrom(...Array<number>(8).fill(0), 300, -100),
  acknowledgmentStep: fc.constantFrom(...Array<number>(8).fill(0), 1),
  window: fc.constantFrom(...Array<number>(8).fill(512), 511),
  tos: fc.constantFrom(...Array<number>(8).fill(0), 0xb8),
});

/** Flows of TCP, mostly in order, and datagrams. */
const FRAMES = fc.array(FRAME, { minLength: 1, maxLength: 40 }).map((all) => {
  const next = [1000, 0xfffff000].map((sequence) => ({ sequence, acknowledgment: 1, id: 1 }));
  return all.map(({ flow, isUdp, payloadBytes, step, acknowledgmentStep, ...changes }, i) => {
    const numbers = next[flow]!;
    const { flags: _, ...headers } = {
      ...changes,
      sourcePort: 40000 + flow,
      id: numbers.id++,
      pattern: i,
      payloadBytes,
    };
    if (isUdp) return datagramsOf(1, { 0: headers })[0]!;
    const sequence = (numbers.sequence + step) >>> 0;
    numbers.sequence = (sequence + payloadBytes) >>> 0;
    numbers.acknowledgment += acknowledgmentStep;
    return tcpFrame({ ...headers, ...numbers, id: headers.id, flags: changes.flags, sequence });
  });
});

/** The IP packet of a frame as a router sends it on, of either version. */
function routed(frame: Uint8Array): string {
  if (frame[ETH_HLEN]! >> 4 === 4) return forwarded(frame).toHex();
  const packet = frame.slice(ETH_HLEN);
  packet[7]! -= 1;
  return packet.toHex();
}

Deno.test("seal, open, deliver: two gateways hand on every packet of any capture, whatever layout, batches, era and version", async () => {
  const property = fc.asyncProperty(
    FRAMES,
    fc.boolean(),
    ASSOCIATION,
    RECEIVER,
    GAPS,
    fc.constantFrom(...PRESETS),
    fc.constantFrom(...PRESETS),
    async (ipv4Frames, isIpv6, association, receiver, gaps, near, far) => {
      const frames = isIpv6 ? ipv4Frames.map((frame) => overIpv6(frame)) : ipv4Frames;
      const sa = setsOf({ ...association, mode: "tunnel" });
      const first = await runOf(capturedWith(frames, gaps), near, [...sa, "pace=capture", "oversize=grow"]);
      assertEquals(first.run.failures, []);
      const esp = capturedWith(bytesOf(first.sent), gaps);
      const sets = [...sa, ...setsOf(receiver), "path=receive", "then=forward", everyone(association.ip === "6")];
      // Under pace=capture a ring that is too short would lose frames.
      const second = await runOf(esp, far, [...sets, `pace=${receiver.rx_ring === "128" ? "capture" : "max"}`]);
      assertEquals([second.run.failures, second.events.of("drop")], [[], []]);
      const once = innerPackets(first).map((packet) => packet.toHex());
      assertEquals(once.toSorted(), frames.map(routed).toSorted());
      const twice = bytesOf(second.sent).map((bytes) => bytes.subarray(ETH_HLEN).toHex());
      const again = innerPackets(first).map((packet) => routed(Uint8Array.of(...new Uint8Array(ETH_HLEN), ...packet)));
      assertEquals(twice.toSorted(), again.toSorted());
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

const SIZES = fc.array(fc.tuple(fc.integer({ min: 1, max: 4000 }), fc.boolean()), { minLength: 1, maxLength: 30 });

Deno.test("gather, seal, open, deliver: a receiver's socket gets the stream that the sender's process wrote", async () => {
  const property = fc.asyncProperty(
    SIZES,
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.boolean(),
    ASSOCIATION,
    RECEIVER,
    fc.constantFrom(...PRESETS),
    fc.constantFrom(...PRESETS),
    fc.record({ sendfile: fc.constantFrom("on", "off"), write_bytes: fc.constantFrom("auto", "777", "5000") }),
    async (sizes, start, isIpv6, association, receiver, near, far, process) => {
      let sequence = start;
      const ipv4Frames = sizes.map(([payloadBytes, pushes], i) => {
        const flags = pushes ? PSH_ACK : tcp.FLAG_ACK;
        const frame = tcpFrame({ payloadBytes, sequence, flags, pattern: i, id: i + 1 });
        sequence = (sequence + payloadBytes) >>> 0;
        return frame;
      });
      const total = sizes.reduce((sum, [bytes]) => sum + bytes, 0);
      const frames = isIpv6 ? ipv4Frames.map((frame) => overIpv6(frame)) : ipv4Frames;
      const sa = setsOf(association);
      const sender = await runOf(capturedWith(frames, [1]), near, [...sa, ...setsOf(process), "path=send"]);
      assertEquals(sender.run.failures, []);
      const segments = segmentsOf(sender);
      const expected = streamOfFrames(ipv4Frames, start, total);
      assertEquals(streamOf(segments, start, total), expected);

      const outerIsIpv6 = association.mode === "tunnel" ? association.ip === "6" : isIpv6;
      const sets = [...sa, ...setsOf(receiver), everyone(outerIsIpv6)];
      const { payloads } = await receiveCapture(capturedWith(bytesOf(sender.sent), [1]), far, sets);
      const received = segments.map((segment, i) => ({ ...segment, payload: Uint8Array.fromHex(payloads.get(i)!) }));
      assertEquals(received.reduce((sum, { payload }) => sum + payload.length, 0), total);
      assertEquals(streamOf(received, start, total), expected);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});
