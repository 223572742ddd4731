/**
 * Traffic: captured packets become frames that arrive at NIC 0 (`pace=max`).
 *
 * A frame is offered as soon as the ring has a slot and the gate is open, so nothing is lost and the CPU or the link sets
 * the pace. The capture is read a window at a time: when a window is used up the engine pauses, and the arrivals that were
 * due happen, at the time they were due, once more has been read.
 *
 * What the capture lacks is made up here, and counted for the warnings: bytes cut off by the snap length are filled in,
 * and a checksum that covers them, or that was left to a NIC (only the pseudo-header's sum is there), is completed. What was
 * captured with another link layer than plain Ethernet arrives re-framed (`reframe.ts`).
 *
 * @module
 */

import { CapturePacket, type CaptureReader } from "../capture/mod.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import type { Engine } from "../sim/engine.ts";
import { RX_BUFFER_BYTES, RxFrame, writeFrame } from "../skb/dma.ts";
import type { Memory } from "../skb/memory.ts";
import type { IngressGate } from "../stages/ingress_gate.ts";
import type { RxRing } from "../stages/rx_ring.ts";
import { get16, set16 } from "../wire/bytes.ts";
import { combine, finish, partialSum, pseudoHeaderSumIpv4 } from "../wire/checksum.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_HLEN } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { OFFSET_CHECKSUM as TCP_OFFSET_CHECKSUM } from "../wire/tcp.ts";
import { holdsOnlyPseudoHeaderSum } from "../wire/transport_checksum.ts";
import { OFFSET_CHECKSUM as UDP_OFFSET_CHECKSUM } from "../wire/udp.ts";
import type { IsLocal } from "./locality.ts";
import { Reframer } from "./reframe.ts";

/** Counts of what was odd about the capture. */
export interface Oddities {
  /** Packets with bytes missing. */
  cut: number;
  /** Packets whose checksum had been left to a NIC. */
  checksumLeft: number;
  /** Packets above what the device can receive. */
  aboveMtu: number;
  /** IPv6 packets, which no path plays yet. */
  ipv6: number;
  /** Packets of link types that are not understood. */
  otherLink: number;
  /** IPv4 packets that were captured with another link layer than plain Ethernet. */
  reframed: number;
  /** Packets that do not come from our host. */
  ignored: number;
}

/** Where the frames go. */
export interface TrafficPorts {
  readonly engine: Engine;
  readonly ledger: Ledger;
  readonly memory: Memory;
  readonly ring: RxRing;
  readonly gate: IngressGate;
}

/** What to do with them. */
export interface TrafficOptions {
  readonly isLocal: IsLocal;
  /** MTU of the receiving device. */
  readonly mtu: number;
  /** The NIC verifies checksums, and somebody wants to know. */
  readonly verifyChecksums: boolean;
}

/** Offers the packets of one capture. */
export class Traffic {
  /** IPv4 packets offered, damaged ones included. */
  packets = 0;
  readonly oddities: Oddities = {
    cut: 0,
    checksumLeft: 0,
    aboveMtu: 0,
    ipv6: 0,
    otherLink: 0,
    reframed: 0,
    ignored: 0,
  };

  readonly #packet = new CapturePacket();
  readonly #facts = new FrameFacts();
  readonly #flows = new FlowTable();
  readonly #reframer = new Reframer();
  /** Flow of the packet at hand, NONE when it has none. */
  #flow = NONE;
  #loaded = false;
  #ended = false;
  #offering = false;
  #dueNs = 0;

  constructor(readonly reader: CaptureReader, readonly ports: TrafficPorts, readonly options: TrafficOptions) {
    ports.ring.onRoom = (nowNs) => this.offer(nowNs);
    ports.gate.onOpen = () => this.offer(ports.ledger.nowNs);
  }

  /** Lets frames arrive at `nowNs` as long as there is room for them. */
  offer(nowNs: number): void {
    if (this.#offering) return;
    this.#offering = true;
    const { gate, ring } = this.ports;
    while (gate.isOpen && ring.hasRoom && this.#load(nowNs)) {
      this.#loaded = false;
      this.#arrive(nowNs);
    }
    this.#offering = false;
  }

  /** Goes on after more of the capture has been read, or none was left. */
  resume(more: boolean): void {
    this.#ended = !more;
    this.ports.engine.paused = false;
    this.offer(this.#dueNs);
  }

  /** Makes sure a packet is loaded; pauses the engine when the window is used up. */
  #load(nowNs: number): boolean {
    if (this.#loaded) return true;
    if (this.#ended || this.ports.engine.paused) return false;
    this.#loaded = this.reader.next(this.#packet);
    if (this.#loaded) return true;
    this.ports.engine.paused = true;
    this.#dueNs = nowNs;
    return false;
  }

  #arrive(nowNs: number): void {
    const packet = this.#packet;
    const facts = this.#facts;
    const packetBytes = Math.max(packet.capturedBytes, packet.originalBytes);
    facts.read(packet.bytes, packet.offset, packet.capturedBytes, packetBytes, packet.linkType);
    this.#flow = facts.isIpv4 ? this.#flowOf(facts) : NONE;
    if (!isLinkTypeFollowed(packet.linkType)) {
      this.oddities.otherLink += 1;
      return this.#note(nowNs, EVENT.arrive, REASON.ignored, packetBytes);
    }
    const { frameBytes } = facts;
    const isIpv4 = facts.etherType === ETHERTYPE_IPV4;
    if (isIpv4 && !this.options.isLocal(facts.source)) {
      this.oddities.ignored += 1;
      return this.#note(nowNs, EVENT.arrive, REASON.ignored, frameBytes);
    }
    if (isIpv4) this.packets += 1;
    if (isIpv4 && facts.isReframed) this.oddities.reframed += 1;
    if (facts.etherType === ETHERTYPE_IPV6) this.oddities.ipv6 += 1;
    this.#note(nowNs, EVENT.arrive, isIpv4 ? REASON.none : REASON.bypass, frameBytes);
    if (frameBytes < ETH_HLEN || frameBytes > this.options.mtu + ETH_HLEN + VLAN_HLEN) {
      return this.#refuse(nowNs, isIpv4, frameBytes);
    }
    this.ports.gate.enter();
    this.ports.ring.arrive(this.#makeFrame(frameBytes), nowNs);
  }

  /** The device cannot receive it: it goes no further than where it arrived. */
  #refuse(nowNs: number, isIpv4: boolean, frameBytes: number): void {
    if (frameBytes > this.options.mtu) this.oddities.aboveMtu += 1;
    if (isIpv4) this.#note(nowNs, EVENT.drop, REASON.aboveMtu, frameBytes);
    else this.#note(nowNs, EVENT.deliver, REASON.bypass, frameBytes);
  }

  #note(nowNs: number, event: number, reason: number, bytes: number): void {
    const { index } = this.#packet;
    const payload = reason === REASON.ignored ? 0 : this.#facts.payloadBytes;
    this.ports.ledger.writeDevice(nowNs, STAGE["rx-ring"], event, reason, index, NONE, bytes, 1, payload, this.#flow);
  }

  #flowOf(facts: FrameFacts): number {
    return this.#flows.find(facts.source, facts.destination, facts.sourcePort, facts.destinationPort, facts.protocol);
  }

  #makeFrame(frameBytes: number): RxFrame {
    const { memory } = this.ports;
    const packet = this.#packet;
    const facts = this.#facts;
    const frame = new RxFrame();
    frame.packet = packet.index;
    if (facts.isReframed) {
      this.#reframer.write(packet, facts);
      writeFrame(memory, frame, this.#reframer.bytes, 0, facts.capturedFrameBytes, frameBytes);
    } else {
      writeFrame(memory, frame, packet.bytes, packet.offset, packet.capturedBytes, frameBytes);
    }
    if (!facts.isIpv4) return frame;
    frame.payloadBytes = facts.payloadBytes;
    frame.flow = this.#flow;
    frame.hash = this.#flows.hash;
    this.#judgeChecksum(frame, frameBytes);
    return frame;
  }

  /** Completes a checksum that the capture cannot have right, and verifies the others where the NIC does. */
  #judgeChecksum(frame: RxFrame, frameBytes: number): void {
    const { u8 } = this.ports.memory;
    const facts = this.#facts;
    const cut = facts.capturedFrameBytes < frameBytes;
    if (cut) this.oddities.cut += 1;
    const field = checksumField(facts);
    if (field < 0) return;
    const ipAt = frame.buffers[0]!.at + facts.ipAt - facts.frameAt;
    const left = !cut && holdsOnlyPseudoHeaderSum(u8, ipAt, facts.transportBytes);
    if (left) this.oddities.checksumLeft += 1;
    const transportOffset = facts.transportAt - facts.frameAt;
    const fieldAt = frame.buffers[0]!.at + transportOffset + field;
    if (cut || left) {
      set16(u8, fieldAt, 0);
      const checksum = finish(transportSum(u8, frame, facts, transportOffset));
      // A UDP checksum of 0 would say that there is none (RFC 768).
      set16(u8, fieldAt, checksum === 0 && facts.protocol === PROTOCOL_UDP ? 0xffff : checksum);
    }
    if (!this.options.verifyChecksums) return;
    const none = facts.protocol === PROTOCOL_UDP && get16(u8, fieldAt) === 0;
    frame.checksumGood = none || transportSum(u8, frame, facts, transportOffset) === 0xffff;
  }
}

/** Offset of the checksum of an unfragmented TCP or UDP packet behind its IP header; NONE where there is none. */
function checksumField(facts: FrameFacts): number {
  if (facts.isFragment) return NONE;
  if (facts.protocol === PROTOCOL_TCP && facts.transportBytes >= TCP_OFFSET_CHECKSUM + 2) return TCP_OFFSET_CHECKSUM;
  if (facts.protocol === PROTOCOL_UDP && facts.transportBytes >= UDP_OFFSET_CHECKSUM + 2) return UDP_OFFSET_CHECKSUM;
  return NONE;
}

/** Sum over pseudo-header and transport bytes, which begin at `offset` in the frame and go on from buffer to buffer. */
function transportSum(u8: Uint8Array, frame: RxFrame, facts: FrameFacts, offset: number): number {
  const { source, destination, protocol, transportBytes } = facts;
  let sum = pseudoHeaderSumIpv4(source, destination, protocol, transportBytes);
  for (let done = 0; done < transportBytes;) {
    const at = offset + done;
    const inBuffer = at % RX_BUFFER_BYTES;
    const bytes = Math.min(RX_BUFFER_BYTES - inBuffer, transportBytes - done);
    const buffer = frame.buffers[(at - inBuffer) / RX_BUFFER_BYTES]!;
    sum = combine(sum, partialSum(u8, buffer.at + inBuffer, bytes), done);
    done += bytes;
  }
  return sum;
}
