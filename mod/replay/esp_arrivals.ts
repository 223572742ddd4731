/**
 * What arrives at a receiver because of one captured packet (`path=receive`): rows of the ledger, and frames with ESP in them.
 *
 * A capture of ESP packets is played as it is; what else is in it does not arrive. Any other is sealed first, packet by
 * packet, as a peer would have done: everything that is addressed to us becomes ESP of the test SA, a super-packet one frame
 * for each segment. What ESP makes larger than the MTU arrives all the same: the link of the model takes it.
 *
 * ```ts
 * arrivals.read(packet); // then, as time comes for them:
 * while (arrivals.isPending) ring.arrive(arrivals.next(nowNs)!, nowNs);
 * ```
 *
 * @module
 */

import type { EspTest } from "../capture/host_census.ts";
import type { CapturePacket } from "../capture/mod.ts";
import type { Aead } from "../crypto/aead.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import type { SaDirectory } from "../esp/sa_directory.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { wireBytes } from "../ledger/units.ts";
import type { RxFrame } from "../skb/dma.ts";
import type { Memory } from "../skb/memory.ts";
import { segmentFlags } from "../stages/gso.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_HLEN } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Scratch } from "../wire/scratch.ts";
import { SuperPackets } from "../wire/super_packets.ts";
import * as tcp from "../wire/tcp.ts";
import { CapturedEsp, openerOf, openersOf } from "./captured_esp.ts";
import { UnplayableError } from "./errors.ts";
import type { IsLocal } from "./locality.ts";
import { Oddities } from "./oddities.ts";
import { PassShift } from "./pass_shift.ts";
import { FrameBuilder } from "./recut_frame.ts";
import { espTestOf, espTestOfFile } from "./receiver_survey.ts";
import { RxFrames, takeApart } from "./rx_frames.ts";
import { SealedFrames } from "./sealed_frames.ts";
import type { SaStatistics } from "./sa_statistics.ts";

/** How packets arrive. */
export interface EspArrivalOptions {
  /** Tells packets to us from those to others. */
  readonly isLocal: IsLocal;
  /** MTU of the peer's network: what is larger was gathered by the captured host. */
  readonly mtu: number;
  /** The SA of all packets. */
  readonly sa: SecurityAssociation;
  /** Seals clear packets. */
  readonly sealer: Aead;
  /** `sealer` does not encrypt. */
  readonly leavesClear: boolean;
  /** The associations of a file, which captured packets are of; absent: all are of `sa`. */
  readonly directory?: SaDirectory | undefined;
  /** Told of every captured ESP packet, when it is read; absent: nobody is. */
  readonly statistics?: SaStatistics | undefined;
  /** Opens what was captured as ESP; null where nothing may be decrypted (`engine=skip`). */
  readonly opener: Aead | null;
  /** The capture holds ESP packets. */
  readonly hasEsp: boolean;
  /** The NIC hashes what is inside: it takes ESP off (`offload=packet`). */
  readonly hashesInner: boolean;
  /** The pass that is read, from 0; null when there is but one. */
  readonly pass: (() => number) | null;
  /** What the user called the capture, for messages. */
  readonly captureName: string;
}

const LAST_SEQUENCE = 0xffffffff;

/** Turns packets into arrivals, one after the other. */
export class EspArrivals {
  /** IP packets to us. */
  packets = 0;
  readonly oddities: Oddities = new Oddities();

  readonly #facts = new FrameFacts();
  readonly #flows = new FlowTable();
  readonly #shift: PassShift | null;
  readonly #superPackets: SuperPackets;
  readonly #rxFrames: RxFrames;
  readonly #sealed: SealedFrames;
  readonly #capturedEsp: CapturedEsp | null;
  readonly #isEsp: EspTest;
  readonly #builder = new FrameBuilder();
  readonly #scratch = new Scratch();
  /** Frames to come; the packet itself arrives together with the first. */
  readonly #frames: RxFrame[] = [];
  #next = 0;
  #hasArrival = false;
  /** The packet at hand: its number, flow, length and payload as it arrives, and why it counts as it does. */
  #index = 0;
  #flow = NONE;
  #bytes = 0;
  #payloadBytes = 0;
  #reason: number = REASON.none;

  constructor(readonly ledger: Ledger, readonly memory: Memory, readonly options: EspArrivalOptions) {
    const { mtu, sa, sealer, leavesClear, opener, pass, directory } = options;
    this.#shift = pass === null ? null : new PassShift(this.#flows);
    this.#superPackets = new SuperPackets(mtu);
    this.#rxFrames = new RxFrames(memory, false, this.oddities);
    this.#sealed = new SealedFrames(memory, sa, sealer, leavesClear);
    this.#isEsp = directory === undefined ? espTestOf(sa.encapsulation) : espTestOfFile(directory.entries);
    const openers = opener === null ? null : directory === undefined ? openerOf(sa, opener) : openersOf(directory);
    this.#capturedEsp = openers === null ? null : new CapturedEsp(openers, this.#flows, this.#shift);
  }

  /** Something of the packet that was read last is still to arrive. */
  get isPending(): boolean {
    return this.#hasArrival || this.#next < this.#frames.length;
  }

  /** The packet that was read last is not IP. */
  get isBypass(): boolean {
    return this.#reason === REASON.bypass;
  }

  /** Receive hash of the frame that arrives next; 0 when none does. */
  get nextHash(): number {
    return this.#frames[this.#next]?.hash ?? 0;
  }

  /** What the next arrival takes on the wire; 0 when it brings no frame. */
  get wireBytes(): number {
    const frame = this.#frames[this.#next];
    return frame === undefined ? 0 : wireBytes(frame.bytes);
  }

  /** Takes a packet; nothing of the one before is pending. Its bytes may be changed. */
  read(packet: CapturePacket): void {
    const facts = this.#facts;
    const packetBytes = Math.max(packet.capturedBytes, packet.originalBytes);
    facts.read(packet.bytes, packet.offset, packet.capturedBytes, packetBytes, packet.linkType);
    this.#frames.length = 0;
    this.#next = 0;
    this.#hasArrival = true;
    this.#index = packet.index;
    this.#flow = NONE;
    this.#bytes = isLinkTypeFollowed(packet.linkType) ? facts.frameBytes : packetBytes;
    this.#payloadBytes = 0;
    this.#reason = this.#reasonOf(packet);
    if (this.#reason === REASON.bypass) this.#receiveOther(packet);
    else if (this.#reason === REASON.none) this.#receiveIp(packet);
    else if (facts.isIp) this.#flow = this.#flowOf(packet);
  }

  /** Nothing waits for the end of the capture. */
  finish(): void {}

  /** The next arrival, at `nowNs`: a frame, or undefined where a packet arrives that brings none. */
  next(nowNs: number): RxFrame | undefined {
    const frame = this.#frames[this.#next];
    this.#writeArrival(nowNs, frame?.bytes ?? this.#bytes);
    if (frame !== undefined) this.#next += 1;
    return frame;
  }

  /** The packet arrives with its first frame; the others count none. */
  #writeArrival(nowNs: number, bytes: number): void {
    const isFirst = this.#hasArrival;
    this.#hasArrival = false;
    if (this.#reason !== REASON.aboveMtu) {
      this.#note(nowNs, EVENT.arrive, this.#reason, bytes, isFirst);
      if (this.isBypass && this.#frames.length === 0) this.#note(nowNs, EVENT.deliver, REASON.bypass, bytes, isFirst);
      return;
    }
    this.#note(nowNs, EVENT.arrive, REASON.none, bytes, true);
    this.#note(nowNs, EVENT.drop, REASON.aboveMtu, bytes, true);
  }

  /** REASON.none for a packet that is to arrive as ESP. */
  #reasonOf(packet: CapturePacket): number {
    const facts = this.#facts;
    const { isLocal, hasEsp } = this.options;
    if (!isLinkTypeFollowed(packet.linkType)) {
      this.oddities.otherLink += 1;
      return REASON.ignored;
    }
    if (facts.etherType !== ETHERTYPE_IPV4 && facts.etherType !== ETHERTYPE_IPV6) return REASON.bypass;
    if (facts.isIp && this.#isEsp(packet.bytes, facts) === hasEsp && isLocal(packet.bytes, facts)) return REASON.none;
    this.oddities.ignored += 1;
    return REASON.ignored;
  }

  #flowOf({ bytes }: CapturePacket): number {
    const { ipAt, ipVersion, sourcePort, destinationPort, protocol } = this.#facts;
    return this.#flows.findAt(bytes, ipAt, ipVersion, sourcePort, destinationPort, protocol);
  }

  get #pass(): number {
    return this.options.pass?.() ?? 0;
  }

  get #isAboveMtu(): boolean {
    return this.#facts.frameBytes > this.options.mtu + ETH_HLEN + VLAN_HLEN;
  }

  #receiveOther(packet: CapturePacket): void {
    if (this.#facts.frameBytes < ETH_HLEN || this.#isAboveMtu) this.oddities.aboveMtu += 1;
    else this.#frames.push(this.#rxFrames.whole(packet, this.#facts, NONE, 0));
  }

  #receiveIp(packet: CapturePacket): void {
    if (this.#facts.isReframed) this.oddities.reframed += 1;
    if (this.options.hasEsp) this.#receiveEsp(packet);
    else this.#receiveClear(packet);
    if (this.#reason === REASON.none || this.#reason === REASON.aboveMtu) this.packets += 1;
  }

  /** The frame as it was captured, or in a later pass the same packet sealed anew. */
  #receiveEsp(packet: CapturePacket): void {
    const facts = this.#facts;
    const captured = this.#capturedEsp;
    if (captured === null) throw this.#mayNotDecrypt(packet);
    captured.read(packet, facts, this.#pass);
    this.options.statistics?.noteArrival(this.#index, packet.bytes, facts, captured);
    if (captured.inner === null && !captured.isPart) this.oddities.unopened += 1;
    if (facts.isFragment && this.#pass > 0) throw this.#mayNotRepeat("it holds fragments of ESP packets");
    if (this.options.directory !== undefined && this.#pass > 0) {
      throw this.#mayNotRepeat("its ESP packets are of many SAs");
    }
    this.#flow = captured.flow;
    this.#payloadBytes = captured.payloadBytes;
    const hash = this.#sealed.outerHash(packet.bytes, facts.ipAt, facts.ipVersion);
    const frame = this.#rxFrames.whole(packet, facts, this.#flow, hash);
    if (this.#pass === 0 || captured.inner === null) return this.#add(frame, false);
    const addresses = takeApart(this.memory, frame, this.#scratch).subarray(0, ETH_HLEN);
    this.#add(this.#sealed.frame(captured.inner, addresses, this.#checked(captured.sequence)), false);
  }

  #receiveClear(packet: CapturePacket): void {
    const facts = this.#facts;
    this.#flow = this.#flowOf(packet);
    this.#payloadBytes = facts.payloadBytes;
    const gsoSize = this.#isAboveMtu ? this.#superPackets.gsoSize(this.#flow, packet.bytes, facts) : 0;
    this.#moveOn(packet, gsoSize);
    if (gsoSize > 0) return this.#sealSegments(packet, gsoSize);
    if (this.#isAboveMtu) return this.#refuse();
    this.#superPackets.learn(this.#flow, packet.bytes, facts);
    const frame = takeApart(this.memory, this.#rxFrames.whole(packet, facts, this.#flow, 0), this.#scratch);
    this.#seal(frame.subarray(0, ETH_HLEN + Math.min(facts.ipBytes, frame.length - ETH_HLEN)), false);
  }

  /** The segments that the peer's NIC would have cut the super-packet into. */
  #sealSegments(packet: CapturePacket, gsoSize: number): void {
    const facts = this.#facts;
    const { bytes } = packet;
    const sequence = tcp.sequence(bytes, facts.transportAt);
    const flags = tcp.flags(bytes, facts.transportAt);
    const id = ip.isIpv6(bytes, facts.ipAt) ? 0 : ipv4.id(bytes, facts.ipAt);
    this.oddities.superPackets += 1;
    if (facts.capturedFrameBytes < facts.frameBytes) this.oddities.cut += 1;
    for (let offset = 0, index = 0; offset < facts.payloadBytes; offset += gsoSize, index++) {
      const isLast = offset + gsoSize >= facts.payloadBytes;
      this.#builder.begin(packet, facts);
      this.#builder.appendPayload(packet, facts, offset, Math.min(gsoSize, facts.payloadBytes - offset));
      this.#builder.finish((sequence + offset) >>> 0, (id + index) & 0xffff, segmentFlags(flags, index, isLast));
      this.#seal(this.#builder.bytes.subarray(0, this.#builder.length), !isLast);
      this.oddities.superSegments += 1;
    }
  }

  /** `clear` is a frame with an IP packet and nothing behind it. */
  #seal(clear: Uint8Array, isContinued: boolean): void {
    if (this.#reason !== REASON.none) return;
    const inner = clear.subarray(ETH_HLEN);
    if (!this.#sealed.canSeal(inner)) return this.#ignoreUnsealable();
    this.#add(this.#sealed.frame(inner, clear, this.#checked(this.options.sa.nextSequence())), isContinued);
  }

  #add(frame: RxFrame, isContinued: boolean): void {
    frame.packet = this.#index;
    frame.flow = this.#flow;
    if (this.options.hashesInner && this.#flow !== NONE) frame.hash = this.#flows.hash;
    frame.isContinued = isContinued;
    frame.payloadBytes = isContinued ? 0 : this.#payloadBytes;
    this.#frames.push(frame);
  }

  /** Numbers go on where the pass before ended. */
  #moveOn(packet: CapturePacket, gsoSize: number): void {
    if (this.#shift === null) return;
    const segments = gsoSize > 0 ? Math.ceil(this.#facts.payloadBytes / gsoSize) : 1;
    if (this.#pass === 0) this.#shift.learn(packet, this.#facts, this.#flow, segments);
    else this.#shift.move(packet, this.#facts, this.#flow, this.#pass);
  }

  #refuse(): void {
    this.#reason = REASON.aboveMtu;
    this.oddities.aboveMtu += 1;
  }

  #ignoreUnsealable(): void {
    this.#reason = REASON.ignored;
    this.#payloadBytes = 0;
    this.oddities.unsealable += 1;
  }

  #checked(sequence: number): number {
    if (sequence > 0 && sequence <= LAST_SEQUENCE) return sequence;
    throw new UnplayableError(
      `Cannot replay ${this.options.captureName}: the SA has used its last sequence number at packet ${
        this.#index + 1
      }`,
    );
  }

  #mayNotDecrypt(packet: CapturePacket): UnplayableError {
    return new UnplayableError(
      `Cannot replay ${this.options.captureName} with engine=skip: packet ${
        packet.index + 1
      } is ESP, and must be decrypted`,
    );
  }

  /** A fragment comes before what it is a fragment of is known, and that would have to be sealed anew. */
  #mayNotRepeat(why: string): UnplayableError {
    const { captureName } = this.options;
    return new UnplayableError(
      `Cannot replay ${captureName} more than once: ${why}, which would be replays`,
    );
  }

  #note(nowNs: number, event: number, reason: number, bytes: number, isPacket: boolean): void {
    const stage = STAGE["rx-ring"];
    const payload = isPacket ? this.#payloadBytes : 0;
    const count = Number(isPacket);
    this.ledger.writeDevice(nowNs, stage, event, reason, this.#index, NONE, bytes, count, payload, this.#flow);
  }
}
