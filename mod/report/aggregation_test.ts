import { assertEquals } from "@std/assert";
import { AGGREGATE_END_NAMES } from "../capture/aggregate_end.ts";
import { type AggregationFigures, type CaptureAggregation, FOLLOWED_FLOWS } from "../capture/aggregation.ts";
import {
  aggregationJson,
  aggregationLines,
  captureAggregationJson,
  END_WORDS,
  mostFrequentEnd,
  segmentsInBursts,
  segmentsTogether,
} from "./aggregation.ts";

function figures(mergedPackets: number, ...counts: readonly [string, number][]): AggregationFigures {
  const ends = counts.map(([reason, aggregates]) => ({ reason, aggregates }));
  return {
    aggregates: ends.reduce((sum, end) => sum + end.aggregates, 0),
    mergedPackets,
    mergedPacketsNotIn44: 0,
    ends,
  };
}

const AGGREGATION: CaptureAggregation = {
  packets: 300,
  segments: 300,
  superPackets: 0,
  inBursts: figures(100, ["poll-end", 150], ["push", 50]),
  polledTogether: figures(288, ["timestamps", 9], ["size-limit", 3]),
  packetsOfOtherFlows: 0,
};

Deno.test("END_WORDS has words for every reason, without a comma, and for nothing else", () => {
  // Datagrams are not looked at, and none is no reason.
  const names = AGGREGATE_END_NAMES.filter((name) => name !== "none" && name !== "datagram-count");
  assertEquals(Object.keys(END_WORDS).toSorted(), names.toSorted());
  assertEquals(new Set(Object.values(END_WORDS)).size, names.length);
  assertEquals(Object.values(END_WORDS).filter((words) => words.includes(",")), []);
});

Deno.test("aggregationLines() says how many segments merge at a time and what ends aggregates, both ways of polling", () => {
  assertEquals(aggregationLines(AGGREGATION), [
    ["GRO", "of Linux 6.1 would merge 300 TCP packets with payload:"],
    [
      "In bursts",
      "1.50 segments at a time, 33.33 % of packets join (a poll takes what arrives within 50 us, 64 packets at most)",
    ],
    ["", "what ends aggregates: end of poll 150, PSH or FIN 50"],
    [
      "Together",
      "25.00 segments at a time, 96.00 % of packets join (every poll takes 64 packets, whatever their stamps)",
    ],
    ["", "what ends aggregates: timestamps changed 9, 64 KiB full 3"],
  ]);
  assertEquals(aggregationLines({ ...AGGREGATION, packets: 0 }), []);
});

Deno.test("aggregationLines() says what is not known, held already, refused by Linux 4.4, and not listed by flow", () => {
  const polledTogether = { ...AGGREGATION.polledTogether, mergedPacketsNotIn44: 7 };
  const odd = { inBursts: null, segments: 1300, superPackets: 20, polledTogether, packetsOfOtherFlows: 5 };
  const lines = aggregationLines({ ...AGGREGATION, ...odd });
  assertEquals(lines[1], ["In bursts", "unknown: no time stamps"]);
  assertEquals(lines[2]![1].startsWith("108.33 segments at a time, 96.00 %"), true);
  assertEquals(lines.slice(4), [
    ["", "20 packets are super-packets, which hold several segments: 1300 segments in all"],
    ["", "Linux 4.4 would refuse 7 of the packets that join: IP ids that do not count on, or super-packets"],
    ["", `5 packets are of other flows than the first ${FOLLOWED_FLOWS}: in these sums only`],
  ]);
});

Deno.test("aggregationLines() names the six most frequent reasons and counts the others together", () => {
  const reasons = ["push", "window", "ip-id", "sequence", "other-ttl", "other-tos", "other-df", "gso-size"];
  const polledTogether = figures(200, ...reasons.map((reason, i) => [reason, 20 - i] as [string, number]));
  const words = aggregationLines({ ...AGGREGATION, polledTogether })[4]![1];
  assertEquals(
    words,
    "what ends aggregates: PSH or FIN 20, window changed 19, IP id out of step 18, sequence gap 17, TTL changed 16, " +
      "DSCP or ECN changed 15, other reasons 27",
  );
});

Deno.test("segmentsInBursts(), segmentsTogether() and mostFrequentEnd() know nothing of flows without figures", () => {
  assertEquals([segmentsInBursts(AGGREGATION), segmentsTogether(AGGREGATION)], [1.5, 25]);
  assertEquals(mostFrequentEnd(AGGREGATION), "timestamps changed 9");
  assertEquals([segmentsInBursts(null), segmentsTogether(null), mostFrequentEnd(null)], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(segmentsInBursts({ ...AGGREGATION, inBursts: null }), undefined);
});

Deno.test("captureAggregationJson() adds how polls were cut to the figures, which are null where they are unknown", () => {
  const json = captureAggregationJson(AGGREGATION);
  assertEquals(Object.keys(json), [
    "rules",
    "poll_packets_max",
    "burst_us",
    "flows_followed_max",
    ...Object.keys(aggregationJson(AGGREGATION)),
    "packets_of_other_flows",
  ]);
  assertEquals(json["polled_together"], {
    aggregates: 12,
    segments_per_aggregate: 25,
    merged_packets: 288,
    merged_percent: 96,
    merged_packets_not_in_linux_4_4: 0,
    ends: [{ reason: "timestamps", aggregates: 9 }, { reason: "size-limit", aggregates: 3 }],
  });
  const empty = { ...AGGREGATION, packets: 0, segments: 0, inBursts: null, polledTogether: figures(0) };
  assertEquals(aggregationJson(empty), {
    tcp_payload_packets: 0,
    segments: 0,
    super_packets: 0,
    in_bursts_as_captured: null,
    polled_together: {
      aggregates: 0,
      segments_per_aggregate: null,
      merged_packets: 0,
      merged_percent: null,
      merged_packets_not_in_linux_4_4: 0,
      ends: [],
    },
  });
});
