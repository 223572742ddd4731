/**
 * What the stages of one host share.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import type { Cpu, Door } from "../sim/cpu.ts";
import { Cpus } from "../sim/cpus.ts";
import type { Engine } from "../sim/engine.ts";
import { packetAt, packetsIn, payloadAt, payloadLength } from "../skb/members.ts";
import { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { type BufferShape, shapeOf } from "../skb/shape.ts";
import { SkbMemory, SkbNumbers } from "../skb/skb_memory.ts";
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

/** What a host is made of. */
export interface HostParts {
  readonly config: Config;
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly gate: IngressGate;
  readonly probe?: BufferProbe | null | undefined;
  /** Poison freed memory (tests). */
  readonly poison?: boolean;
  /** How many CPUs, those for networking first, and the number of the first; if absent, those of the configuration from 0 on. */
  readonly cpus?: { readonly count: number; readonly first: number };
  /** Where its buffers get their numbers; if absent, a count of its own. */
  readonly numbers?: SkbNumbers;
  /** Why its NIC sends, where frames go on to another host of the run and no captured packet ends with them. */
  readonly sendReason?: number;
}

/** One machine of the model. */
export class Host {
  readonly config: Config;
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly cpus: Cpus<Skb>;
  readonly skbs: SkbMemory;
  /** Counts what is inside the host, for traffic that waits until there is room. */
  readonly gate: IngressGate;
  /** Looks at buffers as they enter stages, and where a stage has changed one; null when nobody does. */
  readonly probe: BufferProbe | null;
  /** Reason of the `send` rows of its NIC, and whether captured packets end with them. */
  readonly sendReason: number;
  readonly isLastHost: boolean;
  /** For each CPU, whether a packet of its call chain has been refused (`refusal.ts`). */
  readonly refusals: Uint8Array;

  constructor({ config, engine, ledger, gate, probe = null, poison = false, cpus, numbers, sendReason }: HostParts) {
    this.config = config;
    this.engine = engine;
    this.ledger = ledger;
    this.cpus = new Cpus<Skb>(cpus?.count ?? config.net_cpus + config.crypto_cpus, engine, ledger, cpus?.first);
    this.skbs = skbMemoryFor(config, new Memory({ poison }), ledger, numbers ?? new SkbNumbers());
    this.sendReason = sendReason ?? REASON.none;
    this.isLastHost = sendReason === undefined;
    this.gate = gate;
    this.probe = probe;
    this.refusals = new Uint8Array(this.cpus.all.length);
  }

  /** The CPU that runs (smp_processor_id). */
  get cpu(): Cpu<Skb> {
    return this.cpus.current;
  }

  /** Which of the CPUs of this host runs, from 0: where what belongs to one CPU is found (this_cpu_ptr). */
  get cpuSlot(): number {
    return this.cpus.current.index - this.cpus.all[0]!.index;
  }

  /** The CPUs that run the network stack. */
  get netCpus(): readonly Cpu<Skb>[] {
    return this.cpus.all.filter((_, slot) => slot < this.config.net_cpus);
  }

  /** The same machine under another configuration. */
  withConfig(config: Config): Host {
    return Object.assign(Object.create(Host.prototype) as Host, this, { config });
  }
}

/** The allocator of a host's buffers, over `memory`: their sizes and limits follow from `config`. */
function skbMemoryFor(config: Config, memory: Memory, ledger: Ledger, numbers: SkbNumbers): SkbMemory {
  return new SkbMemory(memory, ledger, {
    era: config.era,
    maxSkbFrags: config.max_skb_frags,
    buildFrags: config.build_frags,
    pageOrder: config.page_order,
    numbers,
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
 * bytes go back. Whoever called learns that it was refused (`refusal.ts`).
 */
export function drop(host: Host, skb: Skb, reason: number): void {
  host.refusals[host.cpuSlot] = 1;
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
 * device has cut, the `index`-th event has the bytes of the `index`-th frame. None ends where another host of the run gets it.
 */
export function writeSend(host: Host, skb: Skb, tNs: number): void {
  if (skb.isGso) return writeSegments(host, skb, tNs);
  const { ledger, sendReason, isLastHost } = host;
  const { id, flow } = skb;
  const len = frameBytesAt(host.skbs, skb, 0);
  const packets = isLastHost ? packetsIn(skb) : 0;
  if (packets === 0) {
    const payload = isLastHost ? skb.payloadBytes : 0;
    ledger.writeDevice(tNs, STAGE.nic, EVENT.send, sendReason, skb.packet, id, len, 0, payload, flow);
  }
  for (let i = 0; i < packets; i++) {
    const packet = packetAt(skb, i);
    const bytes = i === 0 ? len : 0;
    ledger.writeDevice(tNs, STAGE.nic, EVENT.send, sendReason, packet, id, bytes, 1, payloadAt(skb, i), flow);
  }
}

function writeSegments({ ledger, skbs, sendReason, isLastHost }: Host, skb: Skb, tNs: number): void {
  const { id, flow } = skb;
  const packets = isLastHost ? packetsIn(skb) : 0;
  const frames = framesOnWire(skb);
  for (let i = 0; i < Math.max(frames, packets); i++) {
    const bytes = i < frames ? frameBytesAt(skbs, skb, i) : 0;
    const isPacket = i < packets;
    const packet = isPacket ? packetAt(skb, i) : NONE;
    const payload = isPacket ? payloadAt(skb, i) : 0;
    ledger.writeDevice(tNs, STAGE.nic, EVENT.send, sendReason, packet, id, bytes, Number(isPacket), payload, flow);
  }
}
