/**
 * What the stages of one host share.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import type { Cpu, Door } from "../sim/cpu.ts";
import { packetAt, packetsIn, payloadAt, payloadLength } from "../skb/members.ts";
import type { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { type BufferShape, shapeOf } from "../skb/shape.ts";
import { SkbMemory } from "../skb/skb_memory.ts";
import type { IngressGate } from "./ingress_gate.ts";
import { frameBytesAt, framesOnWire } from "./tso.ts";

export { packetsIn } from "../skb/members.ts";

/** A stage of the data path: takes an skb over and owns it from then on. */
export type Stage = Door<Skb>;

/** Looks at the buffer that carries one packet, wherever that is. It changes nothing. */
export interface BufferProbe {
  /** The captured packet, from 0. */
  readonly packet: number;
  /** Takes the shape of the buffer now; `rowNumber` is that of the ledger row that comes next. */
  see(shape: BufferShape, rowNumber: number): void;
}

/** One machine of the model. */
export interface Host {
  readonly config: Config;
  readonly cpu: Cpu<Skb>;
  readonly skbs: SkbMemory;
  readonly ledger: Ledger;
  /** Counts what is inside the host, for traffic that waits until there is room. */
  readonly gate: IngressGate;
  /** Looks at buffers as they enter stages, and where a stage has changed one; null when nobody does. */
  readonly probe: BufferProbe | null;
}

/** The allocator of a host's buffers, over `memory`: their sizes and limits follow from `config`. */
export function skbMemoryFor(config: Config, memory: Memory, ledger: Ledger): SkbMemory {
  return new SkbMemory(memory, ledger, {
    era: config.era,
    maxSkbFrags: config.max_skb_frags,
    buildFrags: config.build_frags,
    pageOrder: config.page_order,
  });
}

/** Enters `stage` with `skb`: its fixed work is priced, and the events that follow belong to the stage. */
export function visit(host: Host, stage: keyof typeof STAGE, skb: Skb): void {
  observe(host, skb);
  host.ledger.visit(STAGE[stage], skb.packet, skb.id, skb.len, packetsIn(skb));
}

/** Shows `skb` to the probe, when there is one and it looks for a packet that the skb carries. */
export function observe({ probe, ledger }: Host, skb: Skb): void {
  if (probe === null) return;
  if (skb.packet === probe.packet || skb.members?.includes(probe.packet) === true) {
    probe.see(shapeOf(skb), ledger.rowCount);
  }
}

/** Frames that `skb` leaves the host as, as the gate counts them: a fragment counts when it is the last of its packet. */
export function framesIn(skb: Skb): number {
  if (skb.packet === NONE && skb.members === null) return 0;
  return Math.max(1, skb.head.gsoSegs);
}

/** Length of the IP packets that an aggregate will be cut into (skb_gso_network_seglen), else its own; at layer 3. */
export function networkBytes(skb: Skb): number {
  return skb.isGso ? skb.len - payloadLength(skb) + skb.head.gsoSize : skb.len;
}

/**
 * Drops `skb`: one `drop` event per captured packet that ends in it, each with its payload, or one that counts none; and the
 * bytes go back.
 */
export function drop(host: Host, skb: Skb, reason: number): void {
  host.gate.leave(framesIn(skb));
  const packets = packetsIn(skb);
  if (packets === 0 || skb.members === null) {
    host.ledger.write(EVENT.drop, reason, skb.packet, skb.id, NONE, skb.len, packets, skb.payloadBytes);
  } else {
    for (let i = 0; i < packets; i++) {
      const payload = payloadAt(skb, i);
      host.ledger.write(EVENT.drop, reason, packetAt(skb, i), skb.id, NONE, payload, 1, payload);
    }
  }
  host.skbs.free(skb, REASON.dropped);
}

/**
 * A device has sent the frame of `skb`, its last bit at `tNs`: one `send` event per captured packet that ends in it, the first
 * with the bytes of the frame, the others with none; and one that counts no packet where none ends. Of a buffer that the
 * device has cut, the `index`-th event has the bytes of the `index`-th frame.
 */
export function writeSend(host: Host, skb: Skb, tNs: number): void {
  if (skb.isGso) return writeSegments(host, skb, tNs);
  const { ledger } = host;
  const { id, len, flow } = skb;
  const packets = packetsIn(skb);
  if (packets === 0) {
    ledger.writeDevice(tNs, STAGE.nic, EVENT.send, REASON.none, skb.packet, id, len, 0, skb.payloadBytes, flow);
  }
  for (let i = 0; i < packets; i++) {
    const packet = packetAt(skb, i);
    const bytes = i === 0 ? len : 0;
    ledger.writeDevice(tNs, STAGE.nic, EVENT.send, REASON.none, packet, id, bytes, 1, payloadAt(skb, i), flow);
  }
}

function writeSegments({ ledger, skbs }: Host, skb: Skb, tNs: number): void {
  const { id, flow } = skb;
  const packets = packetsIn(skb);
  const frames = framesOnWire(skb);
  for (let i = 0; i < Math.max(frames, packets); i++) {
    const bytes = i < frames ? frameBytesAt(skbs, skb, i) : 0;
    const isPacket = i < packets;
    const packet = isPacket ? packetAt(skb, i) : NONE;
    const payload = isPacket ? payloadAt(skb, i) : 0;
    ledger.writeDevice(tNs, STAGE.nic, EVENT.send, REASON.none, packet, id, bytes, Number(isPacket), payload, flow);
  }
}
