/**
 * What arrives at NIC 0 because of one captured packet: rows of the ledger, and frames.
 *
 * A packet that is not for us does not arrive, one that the device cannot receive goes no further than its door, and all
 * others come as a frame of their own, as an aggregate (`wire/super_packets.ts`), or re-cut with their neighbours
 * (`recut.ts`).
 *
 * ```ts
 * arrivals.read(packet); // then, as time comes for them:
 * while (arrivals.isPending) ring.arrive(arrivals.next(nowNs)!, nowNs);
 * ```
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { wireBytes } from "../ledger/units.ts";
import type { RxFrame } from "../skb/dma.ts";
import type { Memory } from "../skb/memory.ts";
import type { InnerMtu } from "../stages/xfrm_output.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_HLEN } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { isWholeTcp, SuperPackets } from "../wire/super_packets.ts";
import type { IsLocal } from "./locality.ts";
import { Oddities } from "./oddities.ts";
import { PassShift } from "./pass_shift.ts";
import { Recutter } from "./recut.ts";
import { RxFrames } from "./rx_frames.ts";

/** How packets arrive. */
export interface ArrivalOptions {
  /** Tells our packets from those of others. */
  readonly isLocal: IsLocal;
  /** MTU of the receiving device. */
  readonly mtu: number;
  /** The NIC verifies checksums, and somebody wants to know. */
  readonly verifyChecksums: boolean;
  /** What TCP payload is re-cut to; null when it is not. */
  readonly recutMtu: InnerMtu | null;
  /** The pass that is read, from 0; null when there is but one. */
  readonly pass: (() => number) | null;
}

/** What the packet at hand is: not ours, not for ESP, or for the tunnel. */
const KIND = { ignored: 0, bypass: 1, ip: 2 } as const;

/** Turns packets into arrivals, one after the other. */
export class Arrivals {
  /** IP packets that arrived, damaged ones included. */
  packets = 0;
  readonly oddities: Oddities = new Oddities();

  readonly #facts = new FrameFacts();
  readonly #flows = new FlowTable();
  readonly #shift: PassShift | null;
  readonly #superPackets: SuperPackets;
  readonly #rxFrames: RxFrames;
  readonly #recutter: Recutter | null;
  /** Frames to come; the packet itself arrives together with that at `#packetAt`, or behind all of them. */
  readonly #frames: RxFrame[] = [];
  #next = 0;
  #packetAt = NONE;
  /** The packet at hand: its number, flow, length and payload as it arrives, and what it is. */
  #index = 0;
  #flow = NONE;
  #bytes = 0;
  #payloadBytes = 0;
  #kind: number = KIND.ignored;
  /** The device cannot receive it. */
  #isRefused = false;

  constructor(readonly ledger: Ledger, memory: Memory, readonly options: ArrivalOptions) {
    this.#shift = options.pass === null ? null : new PassShift(this.#flows);
    this.#superPackets = new SuperPackets(options.mtu);
    this.#rxFrames = new RxFrames(memory, options.verifyChecksums, this.oddities);
    this.#recutter = options.recutMtu === null ? null : new Recutter(options.recutMtu, this.#rxFrames, this.oddities);
  }

  /** Something of the packet that was read last is still to arrive. */
  get isPending(): boolean {
    return this.#next < this.#frames.length || this.#packetAt !== NONE;
  }

  /** The packet that was read last is not for ESP. */
  get isBypass(): boolean {
    return this.#kind === KIND.bypass;
  }

  /** Receive hash of the frame that arrives next; 0 when none does. */
  get nextHash(): number {
    return this.#frames[this.#next]?.hash ?? 0;
  }

  /** What the next arrival takes on the wire; 0 when it brings no frame. */
  get wireBytes(): number {
    const frame = this.#frames[this.#next];
    if (frame !== undefined) return wireBytesOf(frame);
    return this.#packetAt !== NONE && this.#isRefused ? wireBytes(this.#bytes) : 0;
  }

  /** Takes a packet; nothing of the one before is pending. Its bytes may be changed. */
  read(packet: CapturePacket): void {
    const facts = this.#facts;
    const packetBytes = Math.max(packet.capturedBytes, packet.originalBytes);
    facts.read(packet.bytes, packet.offset, packet.capturedBytes, packetBytes, packet.linkType);
    this.#frames.length = 0;
    this.#next = 0;
    this.#packetAt = 0;
    this.#index = packet.index;
    this.#isRefused = false;
    this.#kind = this.#kindOf(packet);
    this.#flow = facts.isIp ? this.#flowOf(packet) : NONE;
    this.#bytes = isLinkTypeFollowed(packet.linkType) ? facts.frameBytes : packetBytes;
    this.#payloadBytes = this.#kind === KIND.ip ? facts.payloadBytes : 0;
    if (this.#kind === KIND.ip) this.#receiveIp(packet);
    else if (this.#kind === KIND.bypass) this.#receiveOther(packet);
  }

  /** The capture is over: frames of what waited to be re-cut are pending now, if there are any. */
  finish(): void {
    this.#frames.length = 0;
    this.#next = 0;
    this.#packetAt = NONE;
    this.#kind = KIND.ip;
    this.#recutter?.finish(this.#frames);
  }

  /** The next arrival, at `nowNs`: a frame, or undefined where a packet arrives that brings none. */
  next(nowNs: number): RxFrame | undefined {
    if (this.#next === this.#packetAt) {
      this.#packetAt = NONE;
      this.#writeArrival(nowNs);
    }
    const frame = this.#frames[this.#next];
    if (frame !== undefined) this.#next += 1;
    return frame;
  }

  #flowOf(packet: CapturePacket): number {
    const { ipAt, ipVersion, sourcePort, destinationPort, protocol } = this.#facts;
    return this.#flows.findAt(packet.bytes, ipAt, ipVersion, sourcePort, destinationPort, protocol);
  }

  #kindOf(packet: CapturePacket): number {
    const facts = this.#facts;
    if (!isLinkTypeFollowed(packet.linkType)) {
      this.oddities.otherLink += 1;
      return KIND.ignored;
    }
    if (facts.etherType !== ETHERTYPE_IPV4 && facts.etherType !== ETHERTYPE_IPV6) return KIND.bypass;
    if (this.options.isLocal(packet.bytes, facts)) return KIND.ip;
    this.oddities.ignored += 1;
    return KIND.ignored;
  }

  get #isAboveMtu(): boolean {
    return this.#facts.frameBytes > this.options.mtu + ETH_HLEN + VLAN_HLEN;
  }

  #receiveOther(packet: CapturePacket): void {
    const { frameBytes } = this.#facts;
    if (frameBytes < ETH_HLEN || this.#isAboveMtu) this.#refuse();
    else this.#frames.push(this.#rxFrames.whole(packet, this.#facts, NONE, 0));
  }

  #receiveIp(packet: CapturePacket): void {
    const facts = this.#facts;
    const flow = this.#flow;
    const { hash } = this.#flows;
    this.packets += 1;
    if (facts.isReframed) this.oddities.reframed += 1;
    const gsoSize = this.#isAboveMtu && facts.isIp ? this.#superPackets.gsoSize(flow, packet.bytes, facts) : 0;
    if (facts.isIp) this.#moveOn(packet, gsoSize);
    if (this.#recutter !== null && this.#isCuttable(packet)) {
      this.#packetAt = this.#recutter.take(packet, facts, flow, hash, this.#frames);
    } else if (gsoSize > 0) {
      this.#receiveSuperPacket(packet, hash, gsoSize);
    } else if (this.#isAboveMtu) {
      this.#refuse();
    } else {
      if (facts.isIp) this.#superPackets.learn(flow, packet.bytes, facts);
      this.#frames.push(this.#rxFrames.whole(packet, facts, flow, hash));
    }
  }

  #receiveSuperPacket(packet: CapturePacket, hash: number, gsoSize: number): void {
    const frame = this.#rxFrames.superPacket(packet, this.#facts, this.#flow, hash, gsoSize);
    this.oddities.superPackets += 1;
    this.oddities.superSegments += frame.gsoSegs;
    this.#frames.push(frame);
  }

  #refuse(): void {
    this.#isRefused = true;
    if (this.#facts.frameBytes > this.options.mtu) this.oddities.aboveMtu += 1;
  }

  /** Numbers go on where the pass before ended. */
  #moveOn(packet: CapturePacket, gsoSize: number): void {
    const { pass } = this.options;
    if (pass === null || this.#shift === null) return;
    const segments = gsoSize > 0 ? Math.ceil(this.#facts.payloadBytes / gsoSize) : 1;
    if (pass() === 0) this.#shift.learn(packet, this.#facts, this.#flow, segments);
    else this.#shift.move(packet, this.#facts, this.#flow, pass());
  }

  /** A TCP packet whose length can be believed. */
  #isCuttable({ bytes }: CapturePacket): boolean {
    const facts = this.#facts;
    if (!facts.isIp || (this.#isAboveMtu && facts.ipBytes + ETH_HLEN !== facts.frameBytes)) return false;
    return isWholeTcp(bytes, facts);
  }

  #writeArrival(nowNs: number): void {
    switch (this.#kind) {
      case KIND.ignored:
        return this.#note(nowNs, EVENT.arrive, REASON.ignored);
      case KIND.bypass:
        this.#note(nowNs, EVENT.arrive, REASON.bypass);
        if (this.#isRefused) this.#note(nowNs, EVENT.deliver, REASON.bypass);
        return;
      case KIND.ip:
        this.#note(nowNs, EVENT.arrive, REASON.none);
        if (this.#isRefused) this.#note(nowNs, EVENT.drop, REASON.aboveMtu);
    }
  }

  #note(nowNs: number, event: number, reason: number): void {
    const stage = STAGE["rx-ring"];
    this.ledger.writeDevice(
      nowNs,
      stage,
      event,
      reason,
      this.#index,
      NONE,
      this.#bytes,
      1,
      this.#payloadBytes,
      this.#flow,
    );
  }
}

/** What a frame takes on the wire: a super-packet as much as its segments. */
function wireBytesOf({ bytes, payloadBytes, gsoSize, gsoSegs }: RxFrame): number {
  if (gsoSegs === 0) return wireBytes(bytes);
  const headerBytes = bytes - payloadBytes;
  const lastBytes = payloadBytes - (gsoSegs - 1) * gsoSize;
  return (gsoSegs - 1) * wireBytes(headerBytes + gsoSize) + wireBytes(headerBytes + lastBytes);
}
