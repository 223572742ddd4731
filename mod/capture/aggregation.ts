/**
 * How well a capture would aggregate: what GRO of Linux 6.1 would make of its TCP packets, and why it would not merge more.
 *
 * Two answers, each by cutting the packets of the capture into polls of at most 64 (`gro_polls.ts`):
 *
 * - **in bursts as captured**: a poll takes what arrives within {@link BURST_NS} of its first packet. That is a NIC with
 *   `rx-usecs 50` of `ethtool -C`, which waits so long with its interrupt. Drivers for 10 to 100 Gbit/s start with 3 to 84 us
 *   and most adapt it to the traffic: 50 us in i40e and ice (ITR_20K), 10, 50 or 84 in ixgbe, 3 or 16 in mlx5. How fast the
 *   CPU is plays no part. Stamps that software has given are as good as its clock and its own polls.
 * - **polled together**: every poll takes 64 packets, whatever their stamps say. That is a receiver that never runs dry, and
 *   how `pace=max` replays a capture.
 *
 * Packets of both directions, and of all interfaces, count as arriving at one NIC, as on path `forward`. Packets of all kinds
 * count for the 64. TCP packets above the MTU of Ethernet count as the super-packets that they are in a capture taken on a
 * host with offloads (`wire/super_packets.ts`): as many segments as they hold, and merged further if all fit.
 *
 * Memory is bounded: the flows that come first are counted one by one, up to {@link FOLLOWED_FLOWS}, and the packets of all
 * others only in the sums. What the MSS of a flow is, is kept for every flow.
 *
 * @example
 * ```ts
 * import { AggregationCensus } from "./aggregation.ts";
 * const census = new AggregationCensus();
 * census.add(facts, packet, flow, false); // Of every packet, after facts.read().
 * census.contents(true).polledTogether.mergedPackets; // 2552
 * ```
 *
 * @module
 */

import { type FrameFacts, LONGEST_MTU_FRAME_BYTES } from "../wire/frame_facts.ts";
import { ETH_HLEN, VLAN_HLEN } from "../wire/ethernet.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import { SuperPackets } from "../wire/super_packets.ts";
import { AGGREGATE_END } from "./aggregate_end.ts";
import { FlowCounts } from "./flow_counts.ts";
import { type AggregationFigures, GroPolls } from "./gro_polls.ts";
import { MergeCandidate } from "./merge_candidate.ts";
import type { CapturePacket } from "./packet.ts";

export { type AggregateEndCount, type AggregationFigures, POLL_PACKETS } from "./gro_polls.ts";

/** How long after its first packet a burst takes packets, in ns. */
export const BURST_NS = 50_000;
/** How many flows are counted one by one. */
export const FOLLOWED_FLOWS = 16384;

/** How a capture, or one of its flows, would aggregate. All counts are of TCP packets with payload. */
export interface Aggregation {
  /** Packets, a super-packet counted as one; fragments included. */
  readonly packets: number;
  /** Segments: of a super-packet those that it holds, of others one. */
  readonly segments: number;
  /** Packets that hold several segments already. */
  readonly superPackets: number;
  /** Figures for bursts as captured; null without stamps. */
  readonly inBursts: AggregationFigures | null;
  /** Figures for polls of 64 packets. */
  readonly polledTogether: AggregationFigures;
}

/** How a capture would aggregate. */
export interface CaptureAggregation extends Aggregation {
  /** Packets of flows that are not counted one by one. */
  readonly packetsOfOtherFlows: number;
}

/** Columns of what does not depend on polls. */
const COLUMN = { packets: 0, superPackets: 1, superSegments: 2 } as const;
const COLUMNS: number = Object.keys(COLUMN).length;
const MTU: number = LONGEST_MTU_FRAME_BYTES - ETH_HLEN - VLAN_HLEN;

/** Looks at the packets of a capture, one after the other. */
export class AggregationCensus {
  readonly #candidate = new MergeCandidate();
  readonly #superPackets = new SuperPackets(MTU);
  readonly #counts: FlowCounts;
  readonly #inBursts: GroPolls;
  readonly #polledTogether: GroPolls;

  /** `followedFlows` says up to which number flows are counted one by one. */
  constructor(readonly followedFlows: number = FOLLOWED_FLOWS) {
    this.#counts = new FlowCounts(COLUMNS, followedFlows);
    this.#inBursts = new GroPolls(BURST_NS, followedFlows);
    this.#polledTogether = new GroPolls(Infinity, followedFlows);
  }

  /**
   * Looks at a packet, which `facts` have just been read from. Its bytes are only read, and no more than its headers kept.
   *
   * @param flow Number of its flow, from 0 in order of first appearance; -1 where it is no IP packet that can be read.
   * @param isChecksumWrong Its TCP checksum is complete and wrong.
   */
  add(facts: FrameFacts, packet: CapturePacket, flow: number, isChecksumWrong: boolean): void {
    this.#inBursts.arrive(packet.timeNs);
    this.#polledTogether.arrive(packet.timeNs);
    if (!facts.isIp || facts.protocol !== PROTOCOL_TCP) return;
    // Most packets without payload are acknowledgments that meet nothing of their flow.
    if (facts.payloadBytes === 0 && !this.#inBursts.holds(flow) && !this.#polledTogether.holds(flow)) return;
    const candidate = this.#candidate;
    candidate.read(facts, packet, flow, this.#gsoSize(facts, packet, flow), isChecksumWrong);
    if (facts.payloadBytes > 0) this.#count(flow, candidate);
    if (candidate.refusal === AGGREGATE_END.none) {
      this.#inBursts.offer(candidate);
      this.#polledTogether.offer(candidate);
    } else if (facts.payloadBytes > 0) {
      this.#inBursts.passBy(flow, candidate.refusal);
      this.#polledTogether.passBy(flow, candidate.refusal);
    }
  }

  /** What has been seen so far. A snapshot, made when it is asked for. `hasStamps` says whether packets have stamps. */
  contents(hasStamps: boolean): CaptureAggregation {
    const packets = this.#counts.ofAll(COLUMN.packets);
    const superPackets = this.#counts.ofAll(COLUMN.superPackets);
    return {
      packets,
      segments: packets - superPackets + this.#counts.ofAll(COLUMN.superSegments),
      superPackets,
      inBursts: hasStamps ? this.#inBursts.figures() : null,
      polledTogether: this.#polledTogether.figures(),
      packetsOfOtherFlows: this.#counts.ofOthers(COLUMN.packets),
    };
  }

  /** The same for one flow; null where it has no TCP payload, or is not counted one by one. */
  contentsOf(flow: number, hasStamps: boolean): Aggregation | null {
    const packets = flow < this.followedFlows ? this.#counts.ofFlow(flow, COLUMN.packets) : 0;
    if (packets === 0) return null;
    const superPackets = this.#counts.ofFlow(flow, COLUMN.superPackets);
    return {
      packets,
      segments: packets - superPackets + this.#counts.ofFlow(flow, COLUMN.superSegments),
      superPackets,
      inBursts: hasStamps ? this.#inBursts.figures(flow) : null,
      polledTogether: this.#polledTogether.figures(flow),
    };
  }

  /** As the replay decides it, for a device of the MTU of Ethernet. */
  #gsoSize(facts: FrameFacts, { bytes }: CapturePacket, flow: number): number {
    if (facts.frameBytes > LONGEST_MTU_FRAME_BYTES) return this.#superPackets.gsoSize(flow, bytes, facts);
    this.#superPackets.learn(flow, bytes, facts);
    return 0;
  }

  #count(flow: number, { gsoSize, segments }: MergeCandidate): void {
    this.#counts.add(flow, COLUMN.packets, 1);
    if (gsoSize === 0) return;
    this.#counts.add(flow, COLUMN.superPackets, 1);
    this.#counts.add(flow, COLUMN.superSegments, segments);
  }
}
