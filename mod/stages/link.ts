/**
 * One direction of the link between two hosts: what a NIC has sent arrives at the other after `link_delay_us`.
 *
 * Frames keep their order and none is lost: the link has flow control, as the traffic of the other paths has under `pace=max`. A
 * frame for which the receiving NIC has no room waits at its door, and those behind it; when many wait there, the sending host
 * is told to pause, until half of them are through (IEEE 802.3x). Who is paused sends nothing new, and again what was lost.
 *
 * Departures: what is on its way when the pause comes still arrives, and waits, as in a switch with the memory for it. A
 * receiving NIC hashes the outer addresses alone, without IPsec addresses and ports. It takes the checksums of clear streams for good
 * without a look, since nothing damages them here.
 *
 * ```ts
 * const link = new Link({ from, to, rings, delayNs: 10_000, leavesClear, tap: null, watchesGate: true });
 * nic.wire = link;
 * ```
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import { PS_PER_NS, wireBytes } from "../ledger/units.ts";
import type { Actor } from "../sim/engine.ts";
import { readRxFrame, RxFrame, writeFrame } from "../skb/dma.ts";
import { inheritMembers, MemberShare, packetsIn, payloadLength } from "../skb/members.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_ESP, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { LINKTYPE_ETHERNET } from "../wire/link_types.ts";
import { Scratch } from "../wire/scratch.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import type { Host } from "./host.ts";
import type { RxRings } from "./rx_rings.ts";
import { wireBytesOf } from "./tso.ts";
import { WireFrames } from "./wire_frames.ts";

/** Frames that wait at a door before the other side is told to pause. */
const PAUSE_FRAMES = 256;
const COMPACT_AT = 1024;

/** Sees a frame that has left its NIC at `tNs`; `bytes` holds it from 0 to `length` and is used again. */
export type WireTap = (bytes: Uint8Array, length: number, tNs: number) => void;

/** What a link connects. */
export interface LinkParts {
  readonly from: Host;
  readonly to: Host;
  /** The rings of the NIC that receives. */
  readonly rings: RxRings;
  readonly delayNs: number;
  /** ESP was left in the clear, because nobody looks. */
  readonly leavesClear: boolean;
  /** Sees each frame, in the order of time over both directions; null when nobody does. */
  readonly tap: WireTap | null;
  /** Frames also wait until the gate of `to` is open; who may be paused in turn must not wait for that. */
  readonly watchesGate: boolean;
}

/** One direction. */
export class Link implements Actor {
  /** Frames on their way, in order, and when each has arrived; those in front of `#seen` have. */
  readonly #frames: RxFrame[] = [];
  readonly #arrivalsNs: number[] = [];
  #first = 0;
  #seen = 0;
  #nextNs = Infinity;
  readonly #flows = new FlowTable();
  readonly #facts = new FrameFacts();
  readonly #wire = new WireFrames();
  /** The receiving NIC knows the ports, and verifies the checksums of clear packets. */
  readonly #seesPorts: boolean;
  readonly #verifiesClear: boolean;
  readonly #scratch = new Scratch();

  constructor(readonly parts: LinkParts) {
    const { rings, to, watchesGate } = parts;
    const { mode, offload, nic_rx_csum } = to.config;
    this.#seesPorts = mode === "none" || offload === "packet";
    this.#verifiesClear = mode === "none" && nic_rx_csum === "on";
    const goOn = (nowNs: number): void => {
      if (this.#first < this.#seen) this.#arm(nowNs);
    };
    for (const ring of rings.all) ring.onRoom = goOn;
    if (watchesGate) to.gate.onOpen = () => goOn(to.ledger.nowNs);
  }

  /** Captured packets that end in the frames on their way. */
  get heldPackets(): number {
    let packets = 0;
    for (let i = this.#first; i < this.#frames.length; i++) packets += packetsIn(this.#frames[i]!);
    return packets;
  }

  /**
   * The last bit of `skb`, whose data is a frame, or several that the NIC cuts, leaves at `endNs`: not before that of the frame
   * before. Each byte takes `psPerByte` ps.
   */
  carry(skb: Skb, endNs: number, psPerByte: number): void {
    const { from: { skbs } } = this.parts;
    const share = skb.isGso ? new MemberShare(skb, payloadLength(skb)) : null;
    const hash = this.#seesPorts ? this.#hashInside(skb) : NONE;
    let offset = 0;
    let bytesLeft = wireBytesOf(skbs, skb);
    this.#wire.each(skbs, skb, (bytes, length) => {
      const frame = new RxFrame();
      if (share === null) inheritMembers(frame, skb);
      else share.give(frame, offset, Math.min(skb.head.gsoSize, share.bytes - offset), false);
      offset += skb.head.gsoSize;
      bytesLeft -= wireBytes(length);
      frame.hash = hash === NONE ? this.#hashOutside(bytes) : hash;
      frame.checksumGood = this.#verifiesClear && (skb.isKept || this.#isSumGood(bytes, length));
      this.#carry(frame, bytes, length, skb.flow, endNs - Math.floor(bytesLeft * psPerByte / PS_PER_NS));
    });
  }

  /** What a NIC hashes that knows nothing of what is encrypted. */
  #hashOutside(bytes: Uint8Array): number {
    this.#flows.findAt(bytes, ETH_HLEN, ip.version(bytes, ETH_HLEN), 0, 0, PROTOCOL_ESP);
    return this.#flows.hash;
  }

  /** What the NIC says of a clear packet that is no part of a stream: whether its checksum is there, and right. */
  #isSumGood(bytes: Uint8Array, length: number): boolean {
    const facts = this.#facts;
    facts.read(bytes, 0, length, length, LINKTYPE_ETHERNET);
    if (facts.isFragment || facts.hasSegmentsLeft) return false;
    if (facts.protocol !== PROTOCOL_TCP && facts.protocol !== PROTOCOL_UDP) return false;
    return transportChecksumOk(bytes, facts.ipAt, facts.protocol, facts.transportAt, facts.transportBytes);
  }

  /** What a NIC hashes of a packet that is clear, or that it has taken ESP off: `skb` is still without it. */
  #hashInside(skb: Skb): number {
    const { u8 } = this.parts.from.skbs.memory;
    const facts = this.#facts;
    facts.read(u8, skb.dataAt, skb.headlen, skb.len, LINKTYPE_ETHERNET);
    this.#flows.findAt(u8, facts.ipAt, facts.ipVersion, facts.sourcePort, facts.destinationPort, facts.protocol);
    return this.#flows.hash;
  }

  #carry(frame: RxFrame, bytes: Uint8Array, length: number, flow: number, endNs: number): void {
    const { to, delayNs, leavesClear } = this.parts;
    frame.flow = flow;
    frame.leftClear = leavesClear;
    writeFrame(to.skbs.memory, frame, bytes, 0, length, length);
    this.#frames.push(frame);
    this.#arrivalsNs.push(endNs + delayNs);
    this.#arm(endNs + delayNs);
  }

  /** A frame has arrived, or there is room for those that wait. */
  wake(nowNs: number): void {
    if (nowNs >= this.#nextNs) this.#nextNs = Infinity;
    while (this.#seen < this.#frames.length && this.#arrivalsNs[this.#seen]! <= nowNs) this.#see(this.#seen++);
    while (this.#first < this.#seen && this.#hasRoom) this.#admit(nowNs);
    const waiting = this.#seen - this.#first;
    if (waiting >= PAUSE_FRAMES) this.parts.from.gate.pause();
    else if (waiting <= PAUSE_FRAMES / 2) this.parts.from.gate.resume();
    if (this.#first >= COMPACT_AT) this.#compact();
    if (this.#seen < this.#frames.length) this.#arm(this.#arrivalsNs[this.#seen]!);
  }

  get #hasRoom(): boolean {
    const { rings, to, watchesGate } = this.parts;
    return rings.ringOf(this.#frames[this.#first]!.hash).hasRoom && (!watchesGate || to.gate.isOpen);
  }

  #admit(nowNs: number): void {
    const { rings, to } = this.parts;
    const frame = this.#frames[this.#first]!;
    this.#first += 1;
    if (rings.esp?.receive(frame, nowNs) === false) return;
    to.gate.enter(frame.packet === NONE && frame.members === null ? 0 : 1);
    rings.ringOf(frame.hash).arrive(frame, nowNs);
  }

  #see(index: number): void {
    const { tap, to, delayNs } = this.parts;
    if (tap === null) return;
    const frame = this.#frames[index]!;
    const bytes = this.#scratch.room(frame.bytes);
    readRxFrame(to.skbs.memory, frame, bytes);
    tap(bytes, frame.bytes, this.#arrivalsNs[index]! - delayNs);
  }

  #compact(): void {
    this.#frames.splice(0, this.#first);
    this.#arrivalsNs.splice(0, this.#first);
    this.#seen -= this.#first;
    this.#first = 0;
  }

  #arm(tNs: number): void {
    if (tNs >= this.#nextNs) return;
    this.#nextNs = tNs;
    this.parts.to.engine.schedule(tNs, this);
  }
}
