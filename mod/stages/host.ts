/**
 * What the stages of one host share.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import type { Cpu, Door } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { type BufferShape, shapeOf } from "../skb/shape.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import type { IngressGate } from "./ingress_gate.ts";

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

/** Captured packets that `skb` carries: none for all but the last fragment of a packet. */
export function packetsIn(skb: Skb): number {
  if (skb.members !== null) return skb.members.length;
  return skb.packet === NONE ? 0 : 1;
}

/** Drops `skb`: one `drop` event per captured packet, each with its payload, and the bytes go back. */
export function drop(host: Host, skb: Skb, reason: number): void {
  host.gate.leave(packetsIn(skb));
  if (skb.members === null) {
    host.ledger.write(EVENT.drop, reason, skb.packet, skb.id, NONE, skb.len, packetsIn(skb), skb.payloadBytes);
  } else {
    dropMembers(host, skb, skb.members, reason);
  }
  host.skbs.free(skb, REASON.dropped);
}

/** All packets of an aggregate but the last carry gsoSize payload bytes (tcp_gro_receive). */
function dropMembers(host: Host, skb: Skb, packets: readonly number[], reason: number): void {
  let left = skb.payloadBytes;
  packets.forEach((packet, index) => {
    const payload = index === packets.length - 1 ? left : skb.head.gsoSize;
    left -= payload;
    host.ledger.write(EVENT.drop, reason, packet, skb.id, NONE, payload, 1, payload);
  });
}
