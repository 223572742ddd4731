/**
 * What `inspect` says about aggregation: how many segments GRO would merge at a time, and what ends aggregates.
 *
 * ```ts
 * aggregationLines(aggregation)[0]; // ["GRO", "of Linux 6.1 would merge 3100 TCP packets with payload:"]
 * aggregationJson(aggregation); // { tcp_payload_packets: 3100, segments: 3100, ... }
 * ```
 *
 * @module
 */

import {
  type AggregateEndCount,
  type Aggregation,
  type AggregationFigures,
  BURST_NS,
  type CaptureAggregation,
  FOLLOWED_FLOWS,
  POLL_PACKETS,
} from "../capture/aggregation.ts";
import { NS_PER_US } from "../ledger/units.ts";
import { formatNumber } from "./columns.ts";

/** What a reason is called on the page; by its name in JSON. */
export const END_WORDS: Readonly<Record<string, string>> = {
  "short-segment": "short segment",
  "push": "PSH or FIN",
  "ip-refused": "padding or fragment",
  "no-payload": "packet without payload",
  "sequence": "sequence gap",
  "tcp-flags": "TCP flags changed",
  "window": "window changed",
  "acknowledgment": "acknowledgment changed",
  "tcp-options": "TCP options changed",
  "timestamps": "timestamps changed",
  "other-ttl": "TTL changed",
  "other-tos": "DSCP or ECN changed",
  "other-df": "DF changed",
  "ip-id": "IP id out of step",
  "longer-segment": "longer segment",
  "gso-size": "super-packet of another segment size",
  "size-limit": "64 KiB full",
  "poll-end": "end of poll",
  "budget": `${POLL_PACKETS} packets polled`,
  "ip-options": "IP options",
  "ip-checksum": "IP checksum wrong or left to the NIC",
  "tcp-checksum": "TCP checksum wrong",
  "tcp-header": "TCP header damaged or cut off",
};

/** How many reasons the page names. */
const ENDS_SHOWN = 6;

/** Labels and values of the lines for a page of text; none without TCP payload. An empty label goes on with the one above. */
export function aggregationLines(aggregation: CaptureAggregation): [label: string, value: string][] {
  const { packets, inBursts, polledTogether } = aggregation;
  if (packets === 0) return [];
  const burst = `a poll takes what arrives within ${BURST_NS / NS_PER_US} us, ${POLL_PACKETS} packets at most`;
  const together = `every poll takes ${POLL_PACKETS} packets, whatever their stamps`;
  return [
    ["GRO", `of Linux 6.1 would merge ${packets} TCP packets with payload:`],
    ...inBursts === null
      ? [["In bursts", "unknown: no time stamps"] as [string, string]]
      : figuresLines("In bursts", aggregation, inBursts, burst),
    ...figuresLines("Together", aggregation, polledTogether, together),
    ...noteLines(aggregation),
  ];
}

function figuresLines(
  label: string,
  { packets, segments }: Aggregation,
  { aggregates, mergedPackets, ends }: AggregationFigures,
  polls: string,
): [label: string, value: string][] {
  const mean = formatNumber(segments / aggregates, 2);
  const merged = formatNumber(100 * mergedPackets / packets, 2);
  const words = ends.slice(0, ENDS_SHOWN).map(endText);
  const others = ends.slice(ENDS_SHOWN).reduce((sum, end) => sum + end.aggregates, 0);
  if (others > 0) words.push(`other reasons ${others}`);
  return [
    [label, `${mean} segments at a time, ${merged} % of packets join (${polls})`],
    ["", `what ends aggregates: ${words.join(", ")}`],
  ];
}

/** What does not go without saying. */
function noteLines(aggregation: CaptureAggregation): [label: string, value: string][] {
  const { segments, superPackets, polledTogether, packetsOfOtherFlows } = aggregation;
  const notes: string[] = [];
  if (superPackets > 0) {
    notes.push(`${superPackets} packets are super-packets, which hold several segments: ${segments} segments in all`);
  }
  if (polledTogether.mergedPacketsNotIn44 > 0) {
    const why = "IP ids that do not count on, or super-packets";
    notes.push(`Linux 4.4 would refuse ${polledTogether.mergedPacketsNotIn44} of the packets that join: ${why}`);
  }
  if (packetsOfOtherFlows > 0) {
    notes.push(
      `${packetsOfOtherFlows} packets are of other flows than the first ${FOLLOWED_FLOWS}: in these sums only`,
    );
  }
  return notes.map((note) => ["", note]);
}

function endText({ reason, aggregates }: AggregateEndCount): string {
  return `${END_WORDS[reason]!} ${aggregates}`;
}

/** Segments at a time in bursts as captured; undefined where it is not known. */
export function segmentsInBursts(aggregation: Aggregation | null): number | undefined {
  if (aggregation === null || aggregation.inBursts === null) return undefined;
  return aggregation.segments / aggregation.inBursts.aggregates;
}

/** Segments at a time where all polls are full; undefined where it is not known. */
export function segmentsTogether(aggregation: Aggregation | null): number | undefined {
  return aggregation === null ? undefined : aggregation.segments / aggregation.polledTogether.aggregates;
}

/** What ends most aggregates where all polls are full; undefined where it is not known. */
export function mostFrequentEnd(aggregation: Aggregation | null): string | undefined {
  return aggregation === null ? undefined : endText(aggregation.polledTogether.ends[0]!);
}

/** The same for programs: how polls were cut, and the figures of all flows. */
export function captureAggregationJson(aggregation: CaptureAggregation): Record<string, unknown> {
  return {
    rules: "linux-6.1",
    poll_packets_max: POLL_PACKETS,
    burst_us: BURST_NS / NS_PER_US,
    flows_followed_max: FOLLOWED_FLOWS,
    ...aggregationJson(aggregation),
    packets_of_other_flows: aggregation.packetsOfOtherFlows,
  };
}

/** The figures of one flow, or of all, for programs. */
export function aggregationJson(aggregation: Aggregation): Record<string, unknown> {
  const { packets, segments, superPackets, inBursts, polledTogether } = aggregation;
  return {
    tcp_payload_packets: packets,
    segments,
    super_packets: superPackets,
    in_bursts_as_captured: inBursts === null ? null : figuresJson(aggregation, inBursts),
    polled_together: figuresJson(aggregation, polledTogether),
  };
}

function figuresJson({ packets, segments }: Aggregation, figures: AggregationFigures): Record<string, unknown> {
  const { aggregates, mergedPackets, mergedPacketsNotIn44, ends } = figures;
  return {
    aggregates,
    segments_per_aggregate: aggregates === 0 ? null : Number(formatNumber(segments / aggregates, 4)),
    merged_packets: mergedPackets,
    merged_percent: packets === 0 ? null : Number(formatNumber(100 * mergedPackets / packets, 4)),
    merged_packets_not_in_linux_4_4: mergedPacketsNotIn44,
    ends,
  };
}
