/**
 * What the tests of the stages share: flows with single packets changed, who was merged with whom and in which order it went
 * up, and what a receiver finds in the frames that were sent. Not part of the library.
 *
 * ```ts
 * const { events } = await runOf(captureOf(flowOf(4, { 2: { window: 100 } })), "nocopy-gro");
 * deliveries(events); // ["0-1:window", "2:window", "3:poll-end"]
 * ```
 *
 * @module
 */

import { resolveConfig } from "../config/resolve.ts";
import { ENGINES } from "../crypto/engines.ts";
import { type OpenedPacket, openEspPacket } from "../esp/esp_packet.ts";
import { Ledger } from "../ledger/ledger.ts";
import { Recorder, type TcpFrame, tcpFrame, type TestRun } from "../replay/testing.ts";
import { Engine } from "../sim/engine.ts";
import { put, reserve } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { rangesOf } from "../validate/skb_row.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Host } from "./host.ts";
import { IngressGate } from "./ingress_gate.ts";

export { rangesOf } from "../validate/skb_row.ts";

/** `count` segments of one flow in order, `changes[i]` made to the i-th; sequence numbers count what was sent before. */
export function flowOf(
  count: number,
  changes: Readonly<Record<number, TcpFrame>> = {},
  common: TcpFrame = {},
): Uint8Array[] {
  let sequence = common.sequence ?? 1000;
  return Array.from({ length: count }, (_, i) => {
    const fields: TcpFrame = { ...common, sequence, id: ((common.id ?? 1) + i) & 0xffff, pattern: i, ...changes[i] };
    sequence = (sequence + (fields.payloadBytes ?? 1460)) >>> 0;
    return tcpFrame(fields);
  });
}

/** `count` segments of each of `flows` flows, in turn; the flows differ in their source ports, 40000 and up. */
export function interleaved(flows: number, count: number, common: TcpFrame = {}): Uint8Array[] {
  const perFlow = Array.from({ length: flows }, (_, i) => flowOf(count, {}, { ...common, sourcePort: 40000 + i }));
  return Array.from({ length: flows * count }, (_, i) => perFlow[i % flows]![Math.floor(i / flows)]!);
}

/** The buffers that the driver made, by skb, with the packets that GRO merged into each. */
export function mergedPackets(events: Recorder): Map<number, number[]> {
  const packets = new Map<number, number[]>();
  for (const { event, stage, skb, packet, into } of events.rows) {
    if (event === "visit" && stage === "driver-rx") packets.set(skb, [packet]);
    if (event === "merge") packets.get(into)!.push(packet);
  }
  return packets;
}

/** What went up to forwarding, in order: the packets of each buffer and why GRO let it go, nothing if it was never held. */
export function deliveries(events: Recorder): string[] {
  const packets = mergedPackets(events);
  const reasons = new Map(events.of("flush").map(({ skb, reason }) => [skb, `:${reason}`]));
  const up = events.of("visit").filter(({ stage }) => stage === "forward");
  return up.map(({ skb }) => rangesOf(packets.get(skb)!) + (reasons.get(skb) ?? ""));
}

/** Opens every ESP packet that was sent, in order. */
export function openSent({ run, sent }: TestRun): OpenedPacket[] {
  const sa = run.sa!;
  const aead = sa.aead(ENGINES[run.engine!]);
  return sent.map(({ bytes }) => openEspPacket(bytes.subarray(ETH_HLEN), sa, aead));
}

/** The packets inside of what was sent, in order; throws where one cannot be opened. */
export function innerPackets(testRun: TestRun): Uint8Array[] {
  if (testRun.run.sa === undefined) return testRun.sent.map(({ bytes }) => bytes.subarray(ETH_HLEN));
  return openSent(testRun).map((result) => {
    if (!result.opened) throw new Error(`Cannot open an ESP packet: ${result.reason}`);
    return result.inner;
  });
}

/** The IP packet of a frame as a router sends it on: without Ethernet padding, its time to live one less. */
export function forwarded(frame: Uint8Array): Uint8Array {
  const packet = frame.slice(ETH_HLEN, ETH_HLEN + ipv4.totalLength(frame, ETH_HLEN));
  packet[8] = packet[8]! - 1;
  ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}

/** A host for one stage alone: nothing costs anything, and its ledger is kept. */
export class StageFixture {
  readonly events: Recorder = new Recorder();
  readonly engine: Engine = new Engine();
  readonly host: Host;
  readonly #ledger: Ledger;

  /** `sets` are `key=value` settings on top of preset nocopy. */
  constructor(sets: readonly string[] = []) {
    this.#ledger = new Ledger(() => 0, [this.events]);
    const { config } = resolveConfig({ preset: "nocopy", sets });
    const { engine } = this;
    this.host = new Host({ config, engine, ledger: this.#ledger, gate: new IngressGate(Infinity), poison: true });
  }

  /** The IP packet of `frame` as captured packet number `packet`, linear, with exactly this much room behind it. */
  linear(packet: number, frame: Uint8Array, tailroom: number): Skb {
    const { skbs } = this.host;
    const skb = skbs.allocSkb(2000);
    const bytes = frame.length - ETH_HLEN;
    reserve(skb, skb.head.endOffset - bytes - tailroom);
    put(skb, bytes);
    skbs.memory.u8.set(frame.subarray(ETH_HLEN), skb.dataAt);
    skb.packet = packet;
    skb.payloadBytes = bytes - 40;
    return skb;
  }

  /** Ends the run: every row is in `events` from here on. */
  finish(): void {
    this.#ledger.finish();
  }
}
