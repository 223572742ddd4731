/**
 * What `inspect` prints: an inspection as JSON for programs, or as a page of text for people.
 *
 * Unknown is null in JSON and the word "unknown" on the page. Names from outside are printed with their control characters
 * made visible (`visible_text.ts`).
 *
 * @example
 * ```ts
 * import { inspectCapture } from "../capture/inspection.ts";
 * import { inspectionJson, renderInspection } from "./inspection.ts";
 * using file = await Deno.open("trace.pcap");
 * const inspection = await inspectCapture(file, "trace.pcap");
 * JSON.parse(inspectionJson(inspection)).packets; // 4770
 * renderInspection(inspection).split("\n")[0]; // "Capture        trace.pcap (pcap)"
 * ```
 *
 * @module
 */

import { type EspSaSummary, FOLLOWED_SAS } from "../capture/esp_census.ts";
import type { ChecksumCounts, EthernetContents, FlowSummary, TransportCounts } from "../capture/ethernet_census.ts";
import { type Inspection, LONGEST_MTU_FRAME_BYTES } from "../capture/inspection.ts";
import { type CaptureInterface, linkTypeName } from "../capture/mod.ts";
import {
  aggregationJson,
  aggregationLines,
  captureAggregationJson,
  mostFrequentEnd,
  segmentsInBursts,
  segmentsTogether,
} from "./aggregation.ts";
import { type Column, formatNumber, renderTable } from "./columns.ts";
import { visibleJson, visibleText } from "./visible_text.ts";
import { NS_PER_MS } from "../ledger/units.ts";

const NS_PER_SECOND = 1_000_000_000n;
/** The first second that has no date of four-digit year: 10000-01-01. */
const DATE_END_SECONDS = 253_402_300_800n;
/** How many interfaces the page names. */
const INTERFACES_SHOWN = 8;
/** How many SAs of ESP the page lists. */
const SAS_SHOWN = 10;
/** Where the values of the page begin. */
const LABEL_COLUMNS = 15;

/**
 * One JSON object with keys in a fixed order, indented by 2 spaces, with a line feed at the end. Keys are only ever added.
 *
 * Where there are packets, but all of link types that are not understood, everything that has not been looked into is null.
 */
export function inspectionJson(inspection: Inspection): string {
  const { ethernet, durationNs } = inspection;
  const document = {
    name: inspection.name,
    format: inspection.format,
    packets: inspection.packets,
    bytes: inspection.bytes,
    captured_bytes: inspection.capturedBytes,
    t0_epoch_ns: inspection.t0EpochNs === null ? null : String(inspection.t0EpochNs),
    duration_ms: durationNs === null ? null : Number(formatNumber(durationNs / NS_PER_MS, 6)),
    link_types: inspection.linkTypes.map(({ linkType, packets }) => {
      return { link_type: linkType, name: linkTypeName(linkType), packets };
    }),
    network: ethernet?.network ?? null,
    transport: ethernet?.transport ?? null,
    fragments: ethernet?.fragments ?? null,
    longest_frame_bytes: inspection.longestFrameBytes,
    frames_above_mtu: inspection.framesAboveMtu,
    cut_packets: inspection.cutPackets,
    payload_bytes: ethernet?.payloadBytes ?? null,
    flows: ethernet?.flows ?? null,
    top_flows: ethernet?.topFlows.map(flowJson) ?? null,
    checksums: ethernet === null ? null : checksumsJson(ethernet.checksums),
    paths: inspection.paths,
    warnings: inspection.warnings,
    interfaces: inspection.interfaces.map(({ linkType, name, snaplenBytes }) => {
      return { link_type: linkType, name: name === "" ? null : name, snaplen_bytes: snaplenBytes };
    }),
    reframed: ethernet?.reframed ?? null,
    esp_sas: ethernet?.esp.sas.map(saJson) ?? null,
    esp_packets_of_other_sas: ethernet?.esp.packetsOfOtherSas ?? null,
    aggregation: ethernet === null ? null : captureAggregationJson(ethernet.aggregation),
  };
  return visibleJson(JSON.stringify(document, null, 2)) + "\n";
}

function flowJson(flow: FlowSummary): Record<string, unknown> {
  return {
    source: flow.source,
    destination: flow.destination,
    source_port: flow.sourcePort,
    destination_port: flow.destinationPort,
    protocol: flow.protocol,
    packets: flow.packets,
    payload_bytes: flow.payloadBytes,
    full_size_segments: flow.fullSizeSegments,
    aggregation: flow.aggregation === null ? null : aggregationJson(flow.aggregation),
  };
}

function saJson(sa: EspSaSummary): Record<string, string | number> {
  return {
    source: sa.source,
    destination: sa.destination,
    spi: formatSpi(sa.spi),
    encapsulation: sa.encapsulation,
    packets: sa.packets,
    bytes: sa.bytes,
    first_sequence: sa.firstSequence,
    last_sequence: sa.lastSequence,
    gaps: sa.gaps,
    late: sa.late,
  };
}

function checksumsJson(checksums: ChecksumCounts): Record<string, number> {
  return {
    complete: checksums.complete,
    pseudo_header_only: checksums.pseudoHeaderOnly,
    wrong: checksums.wrong,
    unchecked: checksums.unchecked,
  };
}

/**
 * A page of text: labelled lines, the busiest flows and SAs as tables, how well TCP would aggregate, then the paths and
 * warnings. Ends with a line feed.
 */
export function renderInspection(inspection: Inspection): string {
  const { ethernet } = inspection;
  const records = recordLines(inspection);
  const contents = ethernet === null ? [line("Contents", "unknown: link type not understood")] : contentLines(ethernet);
  const flows = ethernet === null || ethernet.flows === 0 ? [] : ["\n", renderTable(FLOW_COLUMNS, ethernet.topFlows)];
  const aggregation = ethernet === null ? [] : blockOf(aggregationLines(ethernet.aggregation));
  const sas = ethernet === null ? [] : saLines(ethernet);
  const paths = inspection.paths.map(({ path, playable, why }) => {
    return line("Path", `${path} ${playable ? "can play it" : "cannot play it"}: ${why}`);
  });
  const warnings = inspection.warnings.map((warning) => line("Warning", warning));
  return [...records, "\n", ...contents, ...flows, ...aggregation, ...sas, "\n", ...paths, ...warnings].join("");
}

function line(label: string, value: string): string {
  return `${label.padEnd(LABEL_COLUMNS)}${visibleText(value)}\n`;
}

/** Lines with an empty one in front; nothing where there are none. */
function blockOf(lines: readonly [label: string, value: string][]): string[] {
  return lines.length === 0 ? [] : ["\n", ...lines.map(([label, value]) => line(label, value))];
}

function recordLines(inspection: Inspection): string[] {
  const { bytes, capturedBytes, t0EpochNs, durationNs, longestFrameBytes, framesAboveMtu, cutPackets } = inspection;
  const linkTypes = inspection.linkTypes.map(({ linkType, packets }) => `${linkTypeName(linkType)} ${packets}`);
  return [
    line("Capture", `${inspection.name} (${inspection.format})`),
    line("Packets", String(inspection.packets)),
    line("Bytes", `${bytes}, captured ${capturedBytes}`),
    line("First packet", t0EpochNs === null ? "unknown" : formatEpoch(t0EpochNs)),
    line("Duration", durationNs === null ? "unknown" : `${formatNumber(durationNs / NS_PER_MS, 6)} ms`),
    line("Link types", linkTypes.length === 0 ? "none" : linkTypes.join(", ")),
    ...interfaceLines(inspection.interfaces),
    line("Longest frame", longestFrameBytes === null ? "unknown" : `${longestFrameBytes} bytes`),
    line("Above MTU", `${framesAboveMtu} (frames of more than ${LONGEST_MTU_FRAME_BYTES} bytes)`),
    line("Cut", `${cutPackets} (packets that lack bytes)`),
  ];
}

/** No line where the format knows no interfaces. */
function interfaceLines(interfaces: readonly CaptureInterface[]): string[] {
  if (interfaces.length === 0) return [];
  const names = interfaces.map(({ name, linkType }) => `${name === "" ? "unnamed" : name} (${linkTypeName(linkType)})`);
  const more = names.length > INTERFACES_SHOWN ? ` and ${names.length - INTERFACES_SHOWN} more` : "";
  return [line("Interfaces", names.slice(0, INTERFACES_SHOWN).join(", ") + more)];
}

function contentLines(ethernet: EthernetContents): string[] {
  const { reframed, network, transport, checksums, flows, topFlows } = ethernet;
  const { complete, pseudoHeaderOnly, wrong, unchecked } = checksums;
  return [
    line("Network", `IPv4 ${network.ipv4}, IPv6 ${network.ipv6}, ARP ${network.arp}, other ${network.other}`),
    line("Re-framed", `${reframed} (tags or another link layer than plain Ethernet)`),
    line("Transport", transportText(transport)),
    line("Fragments", String(ethernet.fragments)),
    line(
      "Checksums",
      `complete ${complete}, pseudo-header only ${pseudoHeaderOnly}, wrong ${wrong}, unchecked ${unchecked}`,
    ),
    line("Payload", `${ethernet.payloadBytes} bytes of TCP and UDP`),
    line("Flows", flows > topFlows.length ? `${flows}, the ${topFlows.length} with the most payload:` : String(flows)),
  ];
}

function transportText({ tcp, udp, icmp, icmpv6, esp, other }: TransportCounts): string {
  return `TCP ${tcp}, UDP ${udp}, ICMP ${icmp}, ICMPv6 ${icmpv6}, ESP ${esp}, other ${other}`;
}

/** Nothing where there is no ESP. */
function saLines({ esp }: EthernetContents): string[] {
  const { sas, packetsOfOtherSas } = esp;
  if (sas.length === 0) return [];
  const all = packetsOfOtherSas === 0
    ? String(sas.length)
    : `more than ${FOLLOWED_SAS}, and ${packetsOfOtherSas} packets are of others than the first ${FOLLOWED_SAS}`;
  const shown = sas.length > SAS_SHOWN ? `, the ${SAS_SHOWN} with the most bytes:` : "";
  const top = sas.toSorted((a, b) => b.bytes - a.bytes).slice(0, SAS_SHOWN);
  return ["\n", line("ESP SAs", all + shown), "\n", renderTable(SA_COLUMNS, top)];
}

/** As `ip xfrm state` writes it. */
function formatSpi(spi: number): string {
  return `0x${spi.toString(16).padStart(8, "0")}`;
}

/** Addresses, ports and protocols are words here: they stand to the left, and nobody adds them up. */
const FLOW_COLUMNS: readonly Column<FlowSummary>[] = [
  { name: "source", value: (flow) => endpoint(flow.source, flow.sourcePort) },
  { name: "destination", value: (flow) => endpoint(flow.destination, flow.destinationPort) },
  { name: "protocol", value: (flow) => flow.protocol },
  { name: "packets", decimals: 0, value: (flow) => flow.packets },
  { name: "payload_bytes", decimals: 0, value: (flow) => flow.payloadBytes },
  { name: "full_size_segments", decimals: 0, value: (flow) => flow.fullSizeSegments ?? undefined },
  { name: "segments_in_bursts", decimals: 2, value: (flow) => segmentsInBursts(flow.aggregation) },
  { name: "segments_together", decimals: 2, value: (flow) => segmentsTogether(flow.aggregation) },
  { name: "ended_mostly_by", value: (flow) => mostFrequentEnd(flow.aggregation) },
];

/** Addresses, SPI and encapsulation are words, too. */
const SA_COLUMNS: readonly Column<EspSaSummary>[] = [
  { name: "source", value: (sa) => sa.source },
  { name: "destination", value: (sa) => sa.destination },
  { name: "spi", value: (sa) => formatSpi(sa.spi) },
  { name: "over", value: (sa) => sa.encapsulation },
  { name: "packets", decimals: 0, value: (sa) => sa.packets },
  { name: "bytes", decimals: 0, value: (sa) => sa.bytes },
  { name: "first_sequence", decimals: 0, value: (sa) => sa.firstSequence },
  { name: "last_sequence", decimals: 0, value: (sa) => sa.lastSequence },
  { name: "gaps", decimals: 0, value: (sa) => sa.gaps },
  { name: "late", decimals: 0, value: (sa) => sa.late },
];

/** An IPv6 address stands in brackets before a port (RFC 5952, section 6). */
function endpoint(address: string, port: number | null): string {
  if (port === null) return address;
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A stamp as date and time in UTC with all its nanoseconds; as a plain number where there is no such date. */
function formatEpoch(epochNs: bigint): string {
  const seconds = epochNs / NS_PER_SECOND;
  if (epochNs < 0n || seconds >= DATE_END_SECONDS) return `${epochNs} ns after 1970-01-01`;
  const fraction = String(epochNs % NS_PER_SECOND).padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}
