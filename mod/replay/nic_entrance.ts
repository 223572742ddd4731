/**
 * NIC 0 as the traffic sees it: frames go to the ring of their flow, or are lost where that is full.
 *
 * Under `pace=max` there is room while that ring has a slot and the gate is open, so nothing is lost. The link keeps its order:
 * a frame whose ring is full holds up those behind it, whatever ring they are for, as pause frames do.
 *
 * @module
 */

import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { releaseFrame, type RxFrame } from "../skb/dma.ts";
import { packetAt, packetsIn, payloadAt } from "../skb/members.ts";
import type { Memory } from "../skb/memory.ts";
import type { IngressGate } from "../stages/ingress_gate.ts";
import type { RxRings } from "../stages/rx_rings.ts";
import type { Entrance } from "./traffic.ts";

/** What is behind the entrance. */
export interface NicPorts {
  readonly ledger: Ledger;
  readonly memory: Memory;
  readonly rings: RxRings;
  readonly gate: IngressGate;
  /** Number of the CPU of the first ring. */
  readonly firstCpu: number;
}

/** Says what arrives. */
export interface FrameKinds {
  /** The packet that was read last is not for ESP. */
  readonly isBypass: boolean;
  /** Receive hash of the frame that arrives next. */
  readonly nextHash: number;
}

/** Puts frames on the ring. */
export class NicEntrance implements Entrance<RxFrame> {
  constructor(readonly ports: NicPorts, readonly arrivals: FrameKinds) {}

  get hasRoom(): boolean {
    const { gate, rings } = this.ports;
    return gate.isOpen && rings.ringOf(this.arrivals.nextHash).hasRoom;
  }

  set onRoom(onRoom: (nowNs: number) => void) {
    const { rings, gate, ledger } = this.ports;
    for (const ring of rings.all) ring.onRoom = onRoom;
    gate.onOpen = () => onRoom(ledger.nowNs);
  }

  put(frame: RxFrame, nowNs: number): void {
    const { gate, rings } = this.ports;
    const ring = rings.ringOf(frame.hash);
    if (!ring.hasRoom) return this.#miss(frame, nowNs);
    if (rings.esp?.receive(frame, nowNs) === false) return;
    gate.enter(Math.max(1, frame.gsoSegs));
    ring.arrive(frame, nowNs);
  }

  /** A NIC does not know when traffic is over. */
  end(): void {}

  /**
   * The frame meets a full ring: it is lost, with the packets that end in it. One that is not for ESP ends its way here like
   * others of its kind, and is no drop of ours.
   */
  #miss(frame: RxFrame, nowNs: number): void {
    const packets = packetsIn(frame);
    const event = this.arrivals.isBypass ? EVENT.deliver : EVENT.drop;
    for (let i = 0; i < packets; i++) this.#lose(event, frame, nowNs, packetAt(frame, i), 1, payloadAt(frame, i));
    if (packets === 0) this.#lose(event, frame, nowNs, frame.packet, 0, 0);
    releaseFrame(this.ports.memory, frame);
  }

  #lose(
    event: number,
    { bytes, flow, hash }: RxFrame,
    nowNs: number,
    packet: number,
    count: number,
    payloadBytes: number,
  ): void {
    const { ledger, rings, firstCpu } = this.ports;
    const stage = STAGE["rx-ring"];
    const reason = REASON.rxRingFull;
    const cpu = firstCpu + rings.queueOf(hash);
    ledger.writeDevice(nowNs, stage, event, reason, packet, NONE, bytes, count, payloadBytes, flow, cpu);
  }
}
