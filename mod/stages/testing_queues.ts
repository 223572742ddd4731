/**
 * What tests of the queue in front of a driver share: packets that CPUs send at given times, with a price for each event. Not part
 * of the library.
 *
 * ```ts
 * const fixture = new QueueFixture(["qdisc=fq_codel", "link_gbps=1"]);
 * fixture.send({ atNs: 0, packet: 0, bytes: 1500, flow: 1 });
 * fixture.run();
 * fixture.sent; // [0]
 * ```
 *
 * @module
 */

import { resolveConfig } from "../config/resolve.ts";
import { Ledger, type Price } from "../ledger/ledger.ts";
import { Recorder, tcpFrame } from "../replay/testing.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import { Engine } from "../sim/engine.ts";
import { put, reserve } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { egressQueue } from "./egress.ts";
import { Host } from "./host.ts";
import { IngressGate } from "./ingress_gate.ts";
import { NetTxOfHost } from "./net_tx.ts";
import type { EgressQueue } from "./qdisc.ts";
import { FINISH, type TransmitValidator } from "./transmit_list.ts";
import { TxNic } from "./tx_nic.ts";

/** Nothing is needed between queue and driver. */
export const AS_IT_IS: TransmitValidator = { segments: () => [], refuses: () => false, finish: () => FINISH.ready };

/** Headroom in front of the IP header, for the Ethernet header. */
const HEADROOM = 64;
/** The shortest IP packet with a TCP header. */
const HEADERS_BYTES = 40;
const ETH_HLEN = 14;

/** A packet that a CPU sends. */
export interface SentPacket {
  /** When; packets of one CPU that are due wait for each other. */
  readonly atNs: number;
  readonly packet: number;
  /** Of the frame, 54 at least. */
  readonly bytes?: number;
  /** Its receive hash. */
  readonly flow?: number;
  readonly priority?: number;
  /** Type of service of its IP header. */
  readonly tos?: number;
  readonly cpu?: number;
}

/** Packets that a CPU is to send. */
class Inbox implements Task {
  readonly #due: Skb[] = [];

  constructor(readonly queue: EgressQueue) {}

  put(skb: Skb): void {
    this.#due.push(skb);
  }

  step(): boolean {
    const skb = this.#due.shift();
    if (skb === undefined) return false;
    this.queue.process(skb);
    return true;
  }
}

/** A host that has nothing but a way out. */
export class QueueFixture {
  readonly events: Recorder = new Recorder();
  readonly engine: Engine = new Engine();
  readonly host: Host;
  readonly nic: TxNic;
  readonly queue: EgressQueue;
  /** Bytes of what was sent, from the Ethernet header on, by packet. */
  readonly frames: Map<number, Uint8Array> = new Map();
  readonly #ledger: Ledger;
  readonly #inboxes: readonly Inbox[];

  /** `sets` are `key=value` settings on top of preset nocopy; nothing costs anything unless `price` says so. */
  constructor(sets: readonly string[] = [], price: Price = () => 0, validate: TransmitValidator = AS_IT_IS) {
    this.#ledger = new Ledger(price, [this.events]);
    const { config } = resolveConfig({ preset: "nocopy", sets });
    const { engine } = this;
    this.host = new Host({ config, engine, ledger: this.#ledger, gate: new IngressGate(Infinity), poison: true });
    this.nic = new TxNic(this.host, new NetTxOfHost(this.host), (skb) => {
      const { u8 } = this.host.skbs.memory;
      this.frames.set(skb.packet, u8.slice(skb.dataAt, skb.dataAt + skb.headlen));
    });
    this.queue = egressQueue(this.host, this.nic, validate);
    this.#inboxes = this.host.cpus.all.map((cpu) => {
      const inbox = new Inbox(this.queue);
      cpu.onSoftirq(SOFTIRQ.netRx, inbox);
      return inbox;
    });
  }

  /** Has a CPU send a packet. */
  send({ atNs, packet, bytes = 1514, flow = 0, priority = 0, tos = 0, cpu = 0 }: SentPacket): void {
    const { skbs } = this.host;
    const frame = tcpFrame({ payloadBytes: bytes - ETH_HLEN - HEADERS_BYTES, tos });
    const skb = skbs.allocSkb(HEADROOM + bytes);
    reserve(skb, HEADROOM);
    put(skb, bytes);
    skbs.memory.u8.set(frame, skb.dataAt);
    skb.networkHeader = skb.data + ETH_HLEN;
    skb.packet = packet;
    skb.hash = flow;
    skb.priority = priority;
    this.engine.schedule(atNs, {
      wake: (nowNs) => {
        this.#inboxes[cpu]!.put(skb);
        this.host.cpus.all[cpu]!.raise(SOFTIRQ.netRx, nowNs);
      },
    });
  }

  /** Runs to the end, until the last frame has left. */
  run(): void {
    this.engine.run();
    this.nic.advance(Infinity);
    this.#ledger.finish();
  }

  /** Packets of all rows of an event, in order. */
  packets(event: string, reason?: string): number[] {
    return this.events.of(event).filter((row) => reason === undefined || row.reason === reason).map(({ packet }) =>
      packet
    );
  }

  /** Packets in the order in which they left. */
  get sent(): number[] {
    return this.packets("send");
  }
}
