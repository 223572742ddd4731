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

import type { ChecksumCounts, EthernetContents, FlowSummary } from "../capture/ethernet_census.ts";
import { type Inspection, LONGEST_MTU_FRAME_BYTES } from "../capture/inspection.ts";
import { type CaptureInterface, linkTypeName } from "../capture/mod.ts";
import { type Column, formatNumber, renderTable } from "./columns.ts";
import { visibleJson, visibleText } from "./visible_text.ts";
import { NS_PER_MS } from "../ledger/units.ts";

const NS_PER_SECOND = 1_000_000_000n;
/** The first second that has no date of four-digit year: 10000-01-01. */
const DATE_END_SECONDS = 253_402_300_800n;
/** How many interfaces the page names. */
const INTERFACES_SHOWN = 8;
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
  };
  return visibleJson(JSON.stringify(document, null, 2)) + "\n";
}

function flowJson(flow: FlowSummary): Record<string, string | number | null> {
  return {
    source: flow.source,
    destination: flow.destination,
    source_port: flow.sourcePort,
    destination_port: flow.destinationPort,
    protocol: flow.protocol,
    packets: flow.packets,
    payload_bytes: flow.payloadBytes,
    full_size_segments: flow.fullSizeSegments,
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

/** A page of text: labelled lines, the busiest flows as a table, then the paths and warnings. Ends with a line feed. */
export function renderInspection(inspection: Inspection): string {
  const { ethernet } = inspection;
  const records = recordLines(inspection);
  const contents = ethernet === null ? [line("Contents", "unknown: link type not understood")] : contentLines(ethernet);
  const flows = ethernet === null || ethernet.flows === 0 ? [] : ["\n", renderTable(FLOW_COLUMNS, ethernet.topFlows)];
  const paths = inspection.paths.map(({ path, playable, why }) => {
    return line("Path", `${path} ${playable ? "can play it" : "cannot play it"}: ${why}`);
  });
  const warnings = inspection.warnings.map((warning) => line("Warning", warning));
  return [...records, "\n", ...contents, ...flows, "\n", ...paths, ...warnings].join("");
}

function line(label: string, value: string): string {
  return `${label.padEnd(LABEL_COLUMNS)}${visibleText(value)}\n`;
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
    line(
      "IPv4",
      `TCP ${transport.tcp}, UDP ${transport.udp}, ICMP ${transport.icmp}, ESP ${transport.esp}, other ${transport.other}`,
    ),
    line("Fragments", String(ethernet.fragments)),
    line(
      "Checksums",
      `complete ${complete}, pseudo-header only ${pseudoHeaderOnly}, wrong ${wrong}, unchecked ${unchecked}`,
    ),
    line("Payload", `${ethernet.payloadBytes} bytes of TCP and UDP`),
    line("Flows", flows > topFlows.length ? `${flows}, the ${topFlows.length} with the most payload:` : String(flows)),
  ];
}

/** Addresses, ports and protocols are words here: they stand to the left, and nobody adds them up. */
const FLOW_COLUMNS: readonly Column<FlowSummary>[] = [
  { name: "source", value: (flow) => endpoint(flow.source, flow.sourcePort) },
  { name: "destination", value: (flow) => endpoint(flow.destination, flow.destinationPort) },
  { name: "protocol", value: (flow) => flow.protocol },
  { name: "packets", decimals: 0, value: (flow) => flow.packets },
  { name: "payload_bytes", decimals: 0, value: (flow) => flow.payloadBytes },
  { name: "full_size_segments", decimals: 0, value: (flow) => flow.fullSizeSegments ?? undefined },
];

function endpoint(address: string, port: number | null): string {
  return port === null ? address : `${address}:${port}`;
}

/** A stamp as date and time in UTC with all its nanoseconds; as a plain number where there is no such date. */
function formatEpoch(epochNs: bigint): string {
  const seconds = epochNs / NS_PER_SECOND;
  if (epochNs < 0n || seconds >= DATE_END_SECONDS) return `${epochNs} ns after 1970-01-01`;
  const fraction = String(epochNs % NS_PER_SECOND).padStart(9, "0");
  return `${new Date(Number(seconds) * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}
