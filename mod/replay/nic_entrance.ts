/**
 * NIC 0 as the traffic sees it: frames go to its ring, or are lost where that is full.
 *
 * Under `pace=max` there is room while the ring has a slot and the gate is open, so nothing is lost.
 *
 * @module
 */

import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { releaseFrame, type RxFrame } from "../skb/dma.ts";
import { packetAt, packetsIn, payloadAt } from "../skb/members.ts";
import type { Memory } from "../skb/memory.ts";
import type { IngressGate } from "../stages/ingress_gate.ts";
import type { RxRing } from "../stages/rx_ring.ts";
import type { Entrance } from "./traffic.ts";

/** What is behind the entrance. */
export interface NicPorts {
  readonly ledger: Ledger;
  readonly memory: Memory;
  readonly ring: RxRing;
  readonly gate: IngressGate;
}

/** Says what arrives. */
export interface FrameKinds {
  /** The packet that was read last is not for ESP. */
  readonly isBypass: boolean;
}

/** Puts frames on the ring. */
export class NicEntrance implements Entrance<RxFrame> {
  constructor(readonly ports: NicPorts, readonly arrivals: FrameKinds) {}

  get hasRoom(): boolean {
    return this.ports.gate.isOpen && this.ports.ring.hasRoom;
  }

  set onRoom(onRoom: (nowNs: number) => void) {
    const { ring, gate, ledger } = this.ports;
    ring.onRoom = onRoom;
    gate.onOpen = () => onRoom(ledger.nowNs);
  }

  put(frame: RxFrame, nowNs: number): void {
    const { gate, ring } = this.ports;
    if (!ring.hasRoom) return this.#miss(frame, nowNs);
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
    { bytes, flow }: RxFrame,
    nowNs: number,
    packet: number,
    count: number,
    payloadBytes: number,
  ): void {
    const { ledger } = this.ports;
    const stage = STAGE["rx-ring"];
    ledger.writeDevice(nowNs, stage, event, REASON.rxRingFull, packet, NONE, bytes, count, payloadBytes, flow);
  }
}
