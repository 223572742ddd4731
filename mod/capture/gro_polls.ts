/**
 * The packets of a capture in NAPI polls, and what GRO would make of them: one way of cutting a capture into polls.
 *
 * A poll begins with its first packet and takes all packets that arrive within a window after it, {@link POLL_PACKETS} at
 * most; what is left is the next poll's. Aggregates are built by the rules of Linux 6.1 (`wire/merge_rules.ts`) and end with
 * their poll, as they do where HZ is below 1000. So no more than {@link POLL_PACKETS} are held at any time, and nothing is
 * kept of a packet but the headers of the first of each.
 *
 * Departures: each flow has its place, while Linux has 8 buckets of hashes with 8 buffers in each and sends up the oldest
 * where there are more.
 *
 * @example
 * ```ts
 * import { GroPolls } from "./gro_polls.ts";
 * const polls = new GroPolls(50_000, 1000);
 * polls.arrive(packet.timeNs); // Of every packet, and of those of TCP then:
 * polls.offer(candidate);
 * polls.figures(); // { aggregates: 1, mergedPackets: 0, ... }
 * ```
 *
 * @module
 */

import {
  AGGREGATE_BYTES_MAX,
  idStep,
  isSameFlow,
  type MergeRules,
  type MergeTarget,
  staysAtomic,
  whyLastTcp,
  whyNotMergedTcp,
} from "../wire/merge_rules.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { onlyTimestampsDiffer } from "../wire/tcp_timestamps.ts";
import { AGGREGATE_END, AGGREGATE_END_NAMES } from "./aggregate_end.ts";
import { FlowCounts } from "./flow_counts.ts";
import type { MergeCandidate } from "./merge_candidate.ts";

/** Packets that a poll takes at most (NAPI_POLL_WEIGHT). */
export const POLL_PACKETS = 64;

/** How many aggregates ended for one reason. */
export interface AggregateEndCount {
  /** A name of `AGGREGATE_END_NAMES`. */
  readonly reason: string;
  /** Aggregates, those of one packet included. */
  readonly aggregates: number;
}

/** What GRO would make of the TCP packets with payload. */
export interface AggregationFigures {
  /** Buffers that go up the stack: packets that have joined count with what they have joined, all others are one each. */
  readonly aggregates: number;
  /** Packets that have joined one before them: packets less aggregates. */
  readonly mergedPackets: number;
  /** Of these, how many Linux 4.4 would not join: the IP id does not count on, or it is about super-packets. */
  readonly mergedPacketsNotIn44: number;
  /** Why aggregates ended, the most frequent reason first. The sum is `aggregates`. */
  readonly ends: readonly AggregateEndCount[];
}

/** The longest headers without extension headers: 40 and 60 bytes. */
const START_HEADER_BYTES = 100;

const RULES: MergeRules = { linux44: false, bytesMax: AGGREGATE_BYTES_MAX };

/** Columns behind those of the reasons. */
const MERGED: number = AGGREGATE_END_NAMES.length;
const MERGED_NOT_IN_44: number = MERGED + 1;
const COLUMNS: number = MERGED + 2;

/** Cuts a capture into polls and counts. */
export class GroPolls {
  readonly #counts: FlowCounts;
  /** Aggregates being built: the first `#heldCount`; the objects are used again. */
  readonly #held: HeldHeaders[] = [];
  #heldCount = 0;
  #polledPackets = 0;
  #pollStartNs = 0;

  /**
   * Nothing has arrived.
   *
   * @param windowNs How long after its first packet a poll takes packets; Infinity for polls that are always full.
   * @param followedFlows Flows of a number below this are counted one by one, too.
   */
  constructor(readonly windowNs: number, followedFlows: number) {
    this.#counts = new FlowCounts(COLUMNS, followedFlows);
  }

  /** A packet of any kind arrives: it may end the poll before it. Stamps that go back a little do no harm. */
  arrive(timeNs: number): void {
    if (this.#isPollFull || Math.abs(timeNs - this.#pollStartNs) > this.windowNs) this.#endPoll();
    if (this.#polledPackets === 0) this.#pollStartNs = timeNs;
    this.#polledPackets++;
  }

  /** Whether an aggregate with these addresses and ports is being built. */
  holds(flow: number): boolean {
    for (let i = 0; i < this.#heldCount; i++) if (this.#held[i]!.flow === flow) return true;
    return false;
  }

  /** A packet of TCP that GRO does not pass by, with or without payload. Of its bytes only headers are kept. */
  offer(packet: MergeCandidate): void {
    const index = this.#find(packet);
    if (index >= 0) {
      const why = this.#whyNotMerged(packet, this.#held[index]!);
      if (why === AGGREGATE_END.none) return this.#merge(packet, index);
      this.#end(index, why);
    }
    if (packet.payloadBytes === 0) return;
    const why = packet.isWhole ? whyLast(packet, 1) : AGGREGATE_END.ipRefused;
    if (why === AGGREGATE_END.none) this.#hold(packet);
    else this.#counts.add(packet.flow, why, 1);
  }

  /** A packet of TCP with payload that GRO passes by, with the reason: an aggregate of one. */
  passBy(flow: number, refusal: number): void {
    this.#counts.add(flow, refusal, 1);
  }

  /** The figures so far of all flows, or of one that is followed; what is being built counts as ended by the poll. */
  figures(flow: number | null = null): AggregationFigures {
    const ofColumn = (column: number): number => {
      return flow === null ? this.#counts.ofAll(column) : this.#counts.ofFlow(flow, column);
    };
    const counts = AGGREGATE_END_NAMES.map((_, end) => ofColumn(end));
    for (const held of this.#held.slice(0, this.#heldCount)) {
      if (flow === null || held.flow === flow) counts[this.#pollEndReason]! += 1;
    }
    const ends = counts.map((aggregates, end) => ({ reason: AGGREGATE_END_NAMES[end]!, aggregates }));
    return {
      aggregates: counts.reduce((sum, count) => sum + count, 0),
      mergedPackets: ofColumn(MERGED),
      mergedPacketsNotIn44: ofColumn(MERGED_NOT_IN_44),
      ends: ends.filter(({ aggregates }) => aggregates > 0).sort((a, b) => b.aggregates - a.aggregates),
    };
  }

  get #isPollFull(): boolean {
    return this.#polledPackets >= POLL_PACKETS;
  }

  get #pollEndReason(): number {
    return this.#isPollFull ? AGGREGATE_END.budget : AGGREGATE_END.pollEnd;
  }

  #endPoll(): void {
    const reason = this.#pollEndReason;
    for (let i = 0; i < this.#heldCount; i++) this.#counts.add(this.#held[i]!.flow, reason, 1);
    this.#heldCount = 0;
    this.#polledPackets = 0;
  }

  /** Where the aggregate of the packet's flow is held; -1 without one. */
  #find(packet: MergeCandidate): number {
    for (let i = this.#heldCount - 1; i >= 0; i--) {
      const held = this.#held[i]!;
      if (held.flow === packet.flow && held.isOfFlow(packet)) return i;
    }
    return -1;
  }

  #whyNotMerged(packet: MergeCandidate, held: HeldHeaders): number {
    if (!packet.isWhole) return AGGREGATE_END.ipRefused;
    const why = whyNotMergedTcp(packet.u8, packet, packet.gsoSize, held.u8, held, RULES);
    if (why !== AGGREGATE_END.options) return why;
    const tcpAt = packet.at + packet.networkBytes;
    const heldTcpAt = held.at + held.networkBytes;
    return onlyTimestampsDiffer(packet.u8, tcpAt, held.u8, heldTcpAt) ? AGGREGATE_END.timestamps : why;
  }

  #merge(packet: MergeCandidate, index: number): void {
    const held = this.#held[index]!;
    this.#counts.add(packet.flow, MERGED, 1);
    if (!held.join(packet)) this.#counts.add(packet.flow, MERGED_NOT_IN_44, 1);
    const why = whyLast(packet, held.mss);
    if (why !== AGGREGATE_END.none) this.#end(index, why);
  }

  #hold(packet: MergeCandidate): void {
    if (this.#heldCount === this.#held.length) this.#held.push(new HeldHeaders());
    this.#held[this.#heldCount++]!.begin(packet);
  }

  #end(index: number, reason: number): void {
    const held = this.#held[index]!;
    this.#counts.add(held.flow, reason, 1);
    this.#heldCount--;
    this.#held[index] = this.#held[this.#heldCount]!;
    this.#held[this.#heldCount] = held;
  }
}

/** Why the packet is the last of its aggregate; `mss` is 1 of one that has joined none. */
function whyLast({ flags, payloadBytes, gsoSize, segments }: MergeCandidate, mss: number): number {
  return whyLastTcp(flags, payloadBytes, gsoSize === 0 ? mss : gsoSize * segments);
}

/** An aggregate being built: a copy of the headers of its first packet, and how much has joined. */
class HeldHeaders implements MergeTarget {
  /** Number of its flow. */
  flow = -1;
  /** The headers, from the IP header on. */
  u8: Uint8Array = new Uint8Array(START_HEADER_BYTES);
  readonly at: number = 0;
  isIpv6 = false;
  networkBytes = 0;
  headerBytes = 0;
  payloadBytes = 0;
  mss = 0;
  count = 0;
  isAtomic = false;
  /** Ethernet addresses, as in the candidate. */
  #addresses0 = 0;
  #addresses1 = 0;
  #addresses2 = 0;
  /** A super-packet is in it. */
  #isSuper = false;

  /** Begins again, with one packet. */
  begin(packet: MergeCandidate): void {
    const { u8, at, headerBytes } = packet;
    if (this.u8.length < headerBytes) this.u8 = new Uint8Array(2 * headerBytes);
    // A byte loop: faster than `set()` for so few bytes, and no view is made.
    for (let i = 0; i < headerBytes; i++) this.u8[i] = u8[at + i]!;
    this.#addresses0 = packet.addresses0;
    this.#addresses1 = packet.addresses1;
    this.#addresses2 = packet.addresses2;
    this.flow = packet.flow;
    this.isIpv6 = packet.isIpv6;
    this.networkBytes = packet.networkBytes;
    this.headerBytes = headerBytes;
    this.payloadBytes = packet.payloadBytes;
    this.mss = packet.gsoSize === 0 ? packet.payloadBytes : packet.gsoSize;
    this.count = packet.segments;
    this.isAtomic = packet.isIpv6 || ipv4.dontFragment(packet.u8, packet.at);
    this.#isSuper = packet.gsoSize > 0;
  }

  /** Whether a packet with the same IP addresses and ports is of the same flow to GRO. */
  isOfFlow(packet: MergeCandidate): boolean {
    if (packet.addresses0 !== this.#addresses0 || packet.addresses1 !== this.#addresses1) return false;
    if (packet.addresses2 !== this.#addresses2) return false;
    // In IPv4, without options, nothing else makes a flow.
    return !this.isIpv6 || isSameFlow(packet.u8, packet, this.u8, this, RULES);
  }

  /** Takes a packet that may join; false where Linux 4.4 would not have taken it. */
  join(packet: MergeCandidate): boolean {
    let isIn44 = packet.gsoSize === 0 && !this.#isSuper;
    if (!this.isIpv6) {
      const step = idStep(packet.u8, packet.at, this.u8, this.at);
      if (step !== (this.count & 0xffff)) isIn44 = false;
      this.isAtomic = staysAtomic(step, this);
    }
    this.count += packet.segments;
    this.payloadBytes += packet.payloadBytes;
    if (packet.gsoSize > 0) this.#isSuper = true;
    return isIn44;
  }
}
