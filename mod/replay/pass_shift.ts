/**
 * Moves the numbers of a capture on from pass to pass, so that a capture played again reads like one that goes on
 * (`repeat`).
 *
 * The first pass tells how far each flow gets: from its first sequence number to the end of its last byte, SYN and FIN
 * included; every further pass begins where the one before ended. Acknowledgments and SACK blocks move with the other
 * direction; where that was not captured, with how far they got themselves. IPv4 ids move on by as many as the flow used, a
 * super-packet one for each segment, so that GRO sees no seam; ids of one value stay, and so do those of 0, which are none.
 * Fragments go by their addresses, since only the first of a packet has ports. UDP has nothing to move.
 *
 * Departure: TCP timestamps stay, so they step back at the start of a pass.
 *
 * @module
 */

import type { CapturePacket } from "../capture/mod.ts";
import { NONE } from "../ledger/schema.ts";
import { FlowTable } from "../wire/flow_table.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { isWholeTcp } from "../wire/super_packets.ts";
import * as tcp from "../wire/tcp.ts";
import { holdsOnlyPseudoHeaderSum } from "../wire/transport_checksum.ts";
import { FlowPairs } from "./flow_pairs.ts";
import { isNoId, moveId, moveNumbers } from "./moved_headers.ts";

const SEQUENCE_NUMBERS = 2 ** 32;
const IDS = 2 ** 16;

/** Numbers that go up, and by how much they went: sequence or acknowledgment numbers of flows. */
class Advances {
  readonly #first: number[] = [];
  readonly #end: number[] = [];

  /** Notes that the numbers from `first` to below `end` were used. */
  see(flow: number, first: number, end: number): void {
    this.#first[flow] ??= first;
    const ahead = (end - (this.#end[flow] ?? first)) | 0;
    if (this.#end[flow] === undefined || ahead > 0) this.#end[flow] = end >>> 0;
  }

  /** How far the numbers of `flow` got in one pass, modulo 2^32; undefined when none was seen. */
  of(flow: number): number | undefined {
    const first = this.#first[flow];
    return first === undefined ? undefined : (this.#end[flow]! - first) >>> 0;
  }
}

/** IPv4 ids of flows. */
class Ids {
  readonly #first: number[] = [];
  readonly #next: number[] = [];
  readonly #differ: boolean[] = [];
  /** Id of the packet that was seen or moved last. */
  readonly #before: number[] = [];

  /** Notes a packet that used `count` ids from `id` on. */
  see(flow: number, id: number, count: number): void {
    const isNone = isNoId(id, this.#before[flow] ?? 0);
    this.#before[flow] = id;
    if (isNone) return;
    const first = this.#first[flow] ??= id;
    if (id !== first) this.#differ[flow] = true;
    else this.#differ[flow] ??= false;
    this.#next[flow] = id + count;
  }

  /** The id of a packet in pass `pass`, counted from 0. */
  moved(flow: number, id: number, pass: number): number {
    const first = this.#first[flow];
    const isNone = isNoId(id, this.#before[flow] ?? 0);
    this.#before[flow] = id;
    if (isNone || first === undefined || !this.#differ[flow]) return id;
    return (id + pass * ((this.#next[flow]! - first + IDS) % IDS)) % IDS;
  }
}

/** Learns in the first pass, and moves the packets of the others. */
export class PassShift {
  readonly #sequences = new Advances();
  readonly #acknowledgments = new Advances();
  readonly #ids = new Ids();
  readonly #fragmentIds = new Ids();
  readonly #fragmentFlows = new FlowTable();
  readonly #pairs: FlowPairs;

  /** `flows` is the table that the numbers of flows come from. */
  constructor(flows: FlowTable) {
    this.#pairs = new FlowPairs(flows);
  }

  /** A packet of the first pass. */
  learn({ bytes }: CapturePacket, facts: FrameFacts, flow: number, segments: number): void {
    this.#pairs.reverse(flow);
    if (facts.isIpv4) {
      const id = ipv4.id(bytes, facts.ipAt);
      if (facts.isFragment) this.#fragmentIds.see(this.#fragmentFlow(bytes, facts), id, 1);
      else this.#ids.see(flow, id, segments);
    }
    if (!isWholeTcp(bytes, facts)) return;
    const flags = tcp.flags(bytes, facts.transportAt);
    // The numbers of a reset may be anything.
    if ((flags & tcp.FLAG_RST) !== 0) return;
    const sequence = tcp.sequence(bytes, facts.transportAt);
    const marks = ((flags & tcp.FLAG_SYN) !== 0 ? 1 : 0) + ((flags & tcp.FLAG_FIN) !== 0 ? 1 : 0);
    this.#sequences.see(flow, sequence, sequence + facts.payloadBytes + marks);
    if ((flags & tcp.FLAG_ACK) === 0) return;
    const acknowledgment = tcp.acknowledgment(bytes, facts.transportAt);
    this.#acknowledgments.see(flow, acknowledgment, acknowledgment);
  }

  /** Moves the numbers in the bytes of a packet of pass `pass`, counted from 0. */
  move(packet: CapturePacket, facts: FrameFacts, flow: number, pass: number): void {
    const { bytes } = packet;
    if (facts.isIpv4) this.#moveId(bytes, facts, flow, pass);
    if (!isWholeTcp(bytes, facts)) return;
    const { ipAt, transportAt, protocol, transportBytes } = facts;
    const left = holdsOnlyPseudoHeaderSum(bytes, ipAt, protocol, transportAt, transportBytes);
    const sequenceStep = this.#advanceOf(flow) * pass % SEQUENCE_NUMBERS;
    const acknowledgmentStep = this.#oppositeAdvanceOf(flow) * pass % SEQUENCE_NUMBERS;
    const headerBytes = tcp.dataOffsetBytes(bytes, transportAt);
    moveNumbers(bytes, transportAt, headerBytes, sequenceStep, acknowledgmentStep, !left);
  }

  #moveId(u8: Uint8Array, facts: FrameFacts, flow: number, pass: number): void {
    const id = ipv4.id(u8, facts.ipAt);
    const moved = facts.isFragment
      ? this.#fragmentIds.moved(this.#fragmentFlow(u8, facts), id, pass)
      : this.#ids.moved(flow, id, pass);
    moveId(u8, facts.ipAt, moved);
  }

  #fragmentFlow(u8: Uint8Array, facts: FrameFacts): number {
    return this.#fragmentFlows.findAt(u8, facts.ipAt, facts.ipVersion, 0, 0, facts.protocol);
  }

  #advanceOf(flow: number): number {
    return this.#sequences.of(flow) ?? 0;
  }

  #oppositeAdvanceOf(flow: number): number {
    const reverse = this.#pairs.reverse(flow);
    return (reverse === NONE ? undefined : this.#sequences.of(reverse)) ?? this.#acknowledgments.of(flow) ?? 0;
  }
}
