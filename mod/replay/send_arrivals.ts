/**
 * What the process of our host gets to send because of one captured packet (`path=send`): rows of the ledger, and packets.
 *
 * Packets from our host are what it is to send. Packets to our host do not arrive, but what they acknowledge is known to the
 * sockets, and how large the segments may be that their sender takes. Fragments are put together to the datagram that they
 * were.
 *
 * ```ts
 * arrivals.read(packet); // then, as time comes for it:
 * while (arrivals.isPending) sender.put(arrivals.next(nowNs)!, nowNs);
 * ```
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { wireBytes } from "../ledger/units.ts";
import type { Memory } from "../skb/memory.ts";
import type { OutgoingPacket } from "../stages/outgoing.ts";
import type { Sender } from "../stages/sender.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { isWholeTcp } from "../wire/super_packets.ts";
import * as tcp from "../wire/tcp.ts";
import { maximumSegmentSize } from "../wire/tcp_options.ts";
import { FlowPairs } from "./flow_pairs.ts";
import type { IsLocal } from "./locality.ts";
import { Oddities } from "./oddities.ts";
import { OutgoingPackets } from "./outgoing_packets.ts";
import { PassShift } from "./pass_shift.ts";
import { isReassembled, Reassembly } from "./reassembly.ts";

/** How packets are sent. */
export interface SendArrivalOptions {
  /** Tells our packets from those of others. */
  readonly isLocal: IsLocal;
  /** MTU of the device. */
  readonly mtu: number;
  /** The process sends files. */
  readonly sendfile: boolean;
  /**
   * The captured other side counts, since nobody else answers: what it acknowledges, and how large the segments may be that it takes.
   * Another host of the run takes what the MTU lets through.
   */
  readonly acknowledges: boolean;
  /** The pass that is read, from 0; null when there is but one. */
  readonly pass: (() => number) | null;
}

/** Turns packets into what is to be sent, one after the other. */
export class SendArrivals {
  /** IP packets of our host. */
  packets = 0;

  readonly #oddities = new Oddities();
  readonly #facts = new FrameFacts();
  readonly #flows = new FlowTable();
  readonly #flowPairs = new FlowPairs(this.#flows);
  /** Numbers for pairs of addresses: fragments but the first have no ports. */
  readonly #addressPairs = new FlowTable();
  readonly #reassembly = new Reassembly();
  readonly #shift: PassShift | null;
  readonly #outgoing: OutgoingPackets;
  /** What is to be sent now; several when the capture is over. */
  readonly #ready: OutgoingPacket[] = [];
  #hasArrival = false;
  /** The packet at hand: its number, flow, length and payload, and why it counts as it does. */
  #index = 0;
  #flow = NONE;
  #bytes = 0;
  #payloadBytes = 0;
  #reason: number = REASON.none;
  /** What it acknowledges, of which flow; NONE where it does not. */
  #acknowledgedFlow = NONE;
  #acknowledgment = 0;
  /** Largest segments that the senders of flows to our host take, where our socket does not know yet. */
  readonly #announced: (number | undefined)[] = [];

  constructor(
    readonly ledger: Ledger,
    memory: Memory,
    readonly sender: Sender,
    readonly options: SendArrivalOptions,
  ) {
    this.#shift = options.pass === null ? null : new PassShift(this.#flows);
    this.#outgoing = new OutgoingPackets(memory, options.mtu, options.sendfile, this.#oddities);
  }

  /** What was odd about the packets so far. */
  get oddities(): Readonly<Oddities> {
    this.#oddities.gaps = this.sender.gaps;
    return this.#oddities;
  }

  /** Something of the packet that was read last is still to arrive. */
  get isPending(): boolean {
    return this.#hasArrival || this.#ready.length > 0;
  }

  /** What the packet takes on the wire; 0 for one that our host does not send. */
  get wireBytes(): number {
    return this.#hasArrival && this.#reason === REASON.none ? wireBytes(this.#bytes) : 0;
  }

  /** Gives back what is held here. */
  release(): void {
    this.#outgoing.release();
  }

  /** Takes a packet; nothing of the one before is pending. Its bytes may be changed. */
  read(packet: CapturePacket): void {
    const facts = this.#facts;
    const packetBytes = Math.max(packet.capturedBytes, packet.originalBytes);
    facts.read(packet.bytes, packet.offset, packet.capturedBytes, packetBytes, packet.linkType);
    this.#hasArrival = true;
    this.#index = packet.index;
    this.#bytes = isLinkTypeFollowed(packet.linkType) ? facts.frameBytes : packetBytes;
    this.#payloadBytes = 0;
    this.#acknowledgedFlow = NONE;
    this.#reason = this.#reasonOf(packet);
    this.#flow = facts.isIp ? this.#flowOf(packet) : NONE;
    if (facts.isIp) this.#moveOn(packet);
    if (this.#reason === REASON.none) this.#readOurs(packet);
    else if (facts.isIp) this.#readTheirs(packet);
  }

  /** The capture is over: datagrams that are not complete are pending now. */
  finish(): void {
    this.#hasArrival = false;
    for (let datagram = this.#reassembly.takeOldest(); datagram !== undefined;) {
      this.#ready.push(this.#outgoing.datagram(datagram));
      datagram = this.#reassembly.takeOldest();
    }
    this.#oddities.incomplete = this.#reassembly.incomplete;
  }

  /** The next arrival, at `nowNs`: what is to be sent, or undefined where a packet brings nothing. */
  next(nowNs: number): OutgoingPacket | undefined {
    if (this.#hasArrival) {
      this.#hasArrival = false;
      this.#writeArrival(nowNs);
    }
    return this.#ready.shift();
  }

  #reasonOf(packet: CapturePacket): number {
    const facts = this.#facts;
    if (!isLinkTypeFollowed(packet.linkType)) {
      this.#oddities.otherLink += 1;
      return REASON.ignored;
    }
    if (facts.etherType !== ETHERTYPE_IPV4 && facts.etherType !== ETHERTYPE_IPV6) return REASON.bypass;
    if (facts.isIp && this.options.isLocal(packet.bytes, facts)) return REASON.none;
    this.#oddities.ignored += 1;
    return REASON.ignored;
  }

  #flowOf(packet: CapturePacket): number {
    const { ipAt, ipVersion, sourcePort, destinationPort, protocol } = this.#facts;
    return this.#flows.findAt(packet.bytes, ipAt, ipVersion, sourcePort, destinationPort, protocol);
  }

  #readOurs(packet: CapturePacket): void {
    const facts = this.#facts;
    const { hash } = this.#flows;
    this.packets += 1;
    if (facts.isReframed) this.#oddities.reframed += 1;
    this.#tellMss(this.#flow, this.#flowPairs.reverse(this.#flow));
    if (isReassembled(packet.bytes, facts)) {
      this.#payloadBytes = facts.payloadBytes;
      const pair = this.#addressPairs.findAt(packet.bytes, facts.ipAt, facts.ipVersion, 0, 0, facts.protocol);
      const datagram = this.#reassembly.take(packet, facts, pair, this.#flow, hash);
      if (datagram !== undefined) this.#ready.push(this.#outgoing.datagram(datagram));
      return;
    }
    if (!this.#outgoing.canSend(packet, facts)) {
      this.#oddities.tooLong += 1;
      this.#reason = REASON.messageSize;
      return;
    }
    const outgoing = this.#outgoing.whole(packet, facts, this.#flow, hash);
    this.#payloadBytes = outgoing.payloadBytes;
    this.#ready.push(outgoing);
  }

  /** What a packet to our host says about one of its streams. */
  #readTheirs({ bytes }: CapturePacket): void {
    const facts = this.#facts;
    if (!isWholeTcp(bytes, facts)) return;
    const ours = this.#flowPairs.reverse(this.#flow);
    const flags = tcp.flags(bytes, facts.transportAt);
    if (!this.options.acknowledges) return;
    if ((flags & tcp.FLAG_SYN) !== 0) {
      const mss = maximumSegmentSize(bytes, facts.transportAt, tcp.dataOffsetBytes(bytes, facts.transportAt));
      if (mss !== undefined) this.#announced[this.#flow] = mss;
      this.#tellMss(ours, this.#flow);
    }
    if ((flags & tcp.FLAG_ACK) === 0) return;
    this.#acknowledgedFlow = ours;
    this.#acknowledgment = tcp.acknowledgment(bytes, facts.transportAt);
  }

  /** What was announced in flow `theirs` is known to the socket of flow `ours`, once both have been seen. */
  #tellMss(ours: number, theirs: number): void {
    const mss = this.#announced[theirs];
    if (mss === undefined || ours === NONE) return;
    this.sender.limitMss(ours, mss);
    this.#announced[theirs] = undefined;
  }

  /** Numbers go on where the pass before ended. */
  #moveOn(packet: CapturePacket): void {
    const { pass } = this.options;
    if (pass === null || this.#shift === null) return;
    if (pass() === 0) this.#shift.learn(packet, this.#facts, this.#flow, 1);
    else this.#shift.move(packet, this.#facts, this.#flow, pass());
  }

  #writeArrival(nowNs: number): void {
    const isRefused = this.#reason === REASON.messageSize;
    this.#note(nowNs, EVENT.arrive, isRefused ? REASON.none : this.#reason);
    if (isRefused) this.#note(nowNs, EVENT.drop, REASON.messageSize);
    if (this.#reason === REASON.bypass) this.#note(nowNs, EVENT.deliver, REASON.bypass);
    if (this.#acknowledgedFlow !== NONE) this.sender.acknowledge(this.#acknowledgedFlow, this.#acknowledgment);
  }

  #note(nowNs: number, event: number, reason: number): void {
    this.ledger.writeDevice(
      nowNs,
      STAGE.socket,
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
