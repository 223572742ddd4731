/**
 * Counts what the Ethernet frames hold that a NIC would receive of a capture: protocols, IP flows, the state of their
 * checksums, the SAs of ESP (`esp_census.ts`), and how well TCP would aggregate (`aggregation.ts`).
 *
 * Packets are judged as the replay judges them (`FrameFacts`): tags, PPPoE, MPLS and the headers of other link types are
 * looked through. Memory grows with the number of flows, not of packets.
 *
 * @example
 * ```ts
 * import { EthernetCensus } from "./ethernet_census.ts";
 * import { CapturePacket } from "./packet.ts";
 * const census = new EthernetCensus();
 * census.add(new CapturePacket()); // In truth, every packet that a reader fills in.
 * census.contents().network.other; // 1
 * ```
 *
 * @module
 */

import { ETHERTYPE_ARP, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_ESP, PROTOCOL_ICMP, PROTOCOL_ICMPV6, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { HEADER_BYTES as TCP_HEADER_BYTES } from "../wire/tcp.ts";
import { holdsOnlyPseudoHeaderSum, transportChecksumOk } from "../wire/transport_checksum.ts";
import * as udp from "../wire/udp.ts";
import { type Aggregation, AggregationCensus, type CaptureAggregation } from "./aggregation.ts";
import { EspCensus, type EspContents } from "./esp_census.ts";
import { HostCensus, type Hosts } from "./host_census.ts";
import type { CapturePacket } from "./packet.ts";

/** Frames by what they say they carry. The sum is the number of frames. */
export interface NetworkCounts {
  /** Frames of EtherType IPv4 behind any tags, those with a damaged header included. */
  readonly ipv4: number;
  /** Frames of EtherType IPv6, as above. */
  readonly ipv6: number;
  /** Frames of EtherType ARP. */
  readonly arp: number;
  /** All others: IEEE 802.3 lengths, PPP without IP in it, packets too short for a type. */
  readonly other: number;
}

/**
 * Frames of IPv4 and IPv6 by their protocol, which in IPv6 may stand behind extension headers. The sum is the number of
 * frames of both.
 */
export interface TransportCounts {
  /** TCP packets and fragments. */
  readonly tcp: number;
  /** UDP packets and fragments. */
  readonly udp: number;
  /** ICMP packets and fragments. */
  readonly icmp: number;
  /** ICMPv6 packets and fragments. */
  readonly icmpv6: number;
  /** ESP packets and fragments, not those inside UDP. */
  readonly esp: number;
  /** All other protocols, and frames whose IP header cannot be read. */
  readonly other: number;
}

/** Frames of IPv4 and IPv6 by what their TCP or UDP checksum is worth. The sum is the number of frames of both. */
export interface ChecksumCounts {
  /** Complete and right. */
  readonly complete: number;
  /** Only the pseudo-header's sum is there: the rest was left to a NIC, so this was captured on the sender. */
  readonly pseudoHeaderOnly: number;
  /** Neither; over IPv6 also UDP without a checksum. */
  readonly wrong: number;
  /**
   * Nothing to check: bytes are missing, a fragment, neither TCP nor UDP, UDP over IPv4 without a checksum, or IPv6 with
   * segments left in a routing header.
   */
  readonly unchecked: number;
}

/** One direction of one five-tuple. */
export interface FlowSummary {
  /** Source address: of IPv4 dotted, of IPv6 as RFC 5952 has it. */
  readonly source: string;
  /** Destination address, as above. */
  readonly destination: string;
  /** Source port; null where there is none, as in fragments but the first, or where it is 0. */
  readonly sourcePort: number | null;
  /** Destination port; null as above. */
  readonly destinationPort: number | null;
  /** A key of {@link TransportCounts}, or `protocol-N` where that says `other`. */
  readonly protocol: string;
  /** Packets, a super-packet counted as one. */
  readonly packets: number;
  /** Bytes behind the TCP or UDP header; of other protocols, bytes behind the IP header and extension headers. */
  readonly payloadBytes: number;
  /** TCP segments whose IP packet has at least 1500 bytes, which is what GRO merges best; null where it is not TCP. */
  readonly fullSizeSegments: number | null;
  /** How it would aggregate; null without TCP payload, and where too many flows came before it. */
  readonly aggregation: Aggregation | null;
}

/** What the frames of a capture hold. */
export interface EthernetContents {
  /** Frames that were captured with tags or another link layer than plain Ethernet, of any network protocol. */
  readonly reframed: number;
  /** Frames by network protocol. */
  readonly network: NetworkCounts;
  /** IP frames by transport protocol. */
  readonly transport: TransportCounts;
  /** IP fragments, first ones included. */
  readonly fragments: number;
  /** TCP and UDP payload over IP in bytes. */
  readonly payloadBytes: number;
  /** IP flows. */
  readonly flows: number;
  /** The {@link TOP_FLOWS} flows with the most payload, in that order; the one that began earlier comes first among equals. */
  readonly topFlows: readonly FlowSummary[];
  /** IP frames by their checksums. */
  readonly checksums: ChecksumCounts;
  /** Who sends and who receives. */
  readonly hosts: Hosts;
  /** SAs of ESP. */
  readonly esp: EspContents;
  /** How the TCP packets would aggregate. */
  readonly aggregation: CaptureAggregation;
}

/** How many flows are listed one by one. */
export const TOP_FLOWS = 10;

/** An IP packet of this size fills an Ethernet frame. */
const FULL_SIZE_BYTES = 1500;

/** Counts frames, one after the other. */
export class EthernetCensus {
  readonly #facts = new FrameFacts();
  readonly #network = { ipv4: 0, ipv6: 0, arp: 0, other: 0 };
  readonly #transport = { tcp: 0, udp: 0, icmp: 0, icmpv6: 0, esp: 0, other: 0 };
  readonly #checksums = { complete: 0, pseudoHeaderOnly: 0, wrong: 0, unchecked: 0 };
  #reframed = 0;
  #fragments = 0;
  #payloadBytes = 0;
  readonly #hosts = new HostCensus();
  readonly #esp = new EspCensus();
  readonly #aggregation = new AggregationCensus();
  readonly #flows = new FlowTable();
  /** The columns of the flow table; the row is the number of the flow. */
  readonly #flowPackets: number[] = [];
  readonly #flowPayloadBytes: number[] = [];
  readonly #flowFullSizeSegments: number[] = [];

  /** Counts one packet of a link type that `link_layer.ts` follows. Its bytes are only read, and not kept. */
  add(packet: CapturePacket): void {
    const facts = this.#facts;
    const packetBytes = Math.max(packet.capturedBytes, packet.originalBytes);
    facts.read(packet.bytes, packet.offset, packet.capturedBytes, packetBytes, packet.linkType);
    if (facts.isReframed) this.#reframed++;
    const network = networkOf(facts.etherType);
    this.#network[network]++;
    const isIp = network === "ipv4" || network === "ipv6";
    const checksum = isIp ? judgeChecksum(facts, packet) : "unchecked";
    const flow = facts.isIp ? this.#addToFlow(facts, packet) : -1;
    this.#aggregation.add(facts, packet, flow, checksum === "wrong");
    if (!isIp) return;
    const transport = transportOf(facts.protocol);
    this.#transport[transport]++;
    this.#checksums[checksum]++;
    if (!facts.isIp) return;
    this.#hosts.add(packet.bytes, facts);
    if (facts.isFragment) this.#fragments++;
    if (transport === "tcp" || transport === "udp") this.#payloadBytes += facts.payloadBytes;
    this.#esp.add(facts, packet);
  }

  /** What has been counted so far. A snapshot, made when it is asked for. `hasStamps` says whether packets have stamps. */
  contents(hasStamps: boolean = true): EthernetContents {
    return {
      reframed: this.#reframed,
      network: { ...this.#network },
      transport: { ...this.#transport },
      fragments: this.#fragments,
      payloadBytes: this.#payloadBytes,
      flows: this.#flows.size,
      topFlows: this.#findTopFlows().map((flow) => this.#summarize(flow, hasStamps)),
      checksums: { ...this.#checksums },
      hosts: this.#hosts.contents(),
      esp: this.#esp.contents(),
      aggregation: this.#aggregation.contents(hasStamps),
    };
  }

  /** Counts an IP packet for its flow, the number of which is returned. */
  #addToFlow(facts: FrameFacts, packet: CapturePacket): number {
    const { ipAt, ipVersion, sourcePort, destinationPort, protocol } = facts;
    const flow = this.#flows.findAt(packet.bytes, ipAt, ipVersion, sourcePort, destinationPort, protocol);
    if (flow === this.#flowPackets.length) {
      this.#flowPackets.push(0);
      this.#flowPayloadBytes.push(0);
      this.#flowFullSizeSegments.push(0);
    }
    this.#flowPackets[flow]! += 1;
    this.#flowPayloadBytes[flow]! += facts.payloadBytes;
    if (!facts.isFragment && facts.ipBytes >= FULL_SIZE_BYTES) this.#flowFullSizeSegments[flow]! += 1;
    return flow;
  }

  /** One pass with a short list: sorting a million flows for the sake of ten would take longer than reading them. */
  #findTopFlows(): number[] {
    const payloadBytes = this.#flowPayloadBytes;
    const top: number[] = [];
    for (let flow = 0; flow < payloadBytes.length; flow++) {
      let rank = top.length;
      while (rank > 0 && payloadBytes[flow]! > payloadBytes[top[rank - 1]!]!) rank--;
      top.splice(rank, 0, flow);
      if (top.length > TOP_FLOWS) top.pop();
    }
    return top;
  }

  #summarize(flow: number, hasStamps: boolean): FlowSummary {
    const flows = this.#flows;
    const protocol = flows.protocol(flow);
    const transport = transportOf(protocol);
    return {
      source: flows.sourceText(flow),
      destination: flows.destinationText(flow),
      sourcePort: flows.sourcePort(flow) || null,
      destinationPort: flows.destinationPort(flow) || null,
      protocol: transport === "other" ? `protocol-${protocol}` : transport,
      packets: this.#flowPackets[flow]!,
      payloadBytes: this.#flowPayloadBytes[flow]!,
      fullSizeSegments: transport === "tcp" ? this.#flowFullSizeSegments[flow]! : null,
      aggregation: this.#aggregation.contentsOf(flow, hasStamps),
    };
  }
}

function networkOf(etherType: number): keyof NetworkCounts {
  if (etherType === ETHERTYPE_IPV4) return "ipv4";
  if (etherType === ETHERTYPE_IPV6) return "ipv6";
  return etherType === ETHERTYPE_ARP ? "arp" : "other";
}

function transportOf(protocol: number): keyof TransportCounts {
  if (protocol === PROTOCOL_TCP) return "tcp";
  if (protocol === PROTOCOL_UDP) return "udp";
  if (protocol === PROTOCOL_ICMP) return "icmp";
  if (protocol === PROTOCOL_ICMPV6) return "icmpv6";
  return protocol === PROTOCOL_ESP ? "esp" : "other";
}

function judgeChecksum(facts: FrameFacts, packet: CapturePacket): keyof ChecksumCounts {
  const { ipAt, transportAt, transportBytes } = facts;
  const { bytes } = packet;
  const isUdp = facts.protocol === PROTOCOL_UDP;
  if (facts.isFragment || facts.hasSegmentsLeft || !(isUdp || facts.protocol === PROTOCOL_TCP)) return "unchecked";
  if (ipAt + facts.ipBytes > packet.offset + packet.capturedBytes) return "unchecked";
  // UDP sums as many bytes as its own header says, and an IP packet may hold more (RFC 768; Linux __udp4_lib_rcv, 6.1).
  const coveredBytes = isUdp ? udp.length(bytes, transportAt) : transportBytes;
  if (coveredBytes < (isUdp ? udp.HEADER_BYTES : TCP_HEADER_BYTES) || coveredBytes > transportBytes) return "unchecked";
  if (isUdp && facts.isIpv4 && udp.checksum(bytes, transportAt) === 0) return "unchecked";
  if (transportChecksumOk(bytes, ipAt, facts.protocol, transportAt, coveredBytes)) return "complete";
  return holdsOnlyPseudoHeaderSum(bytes, ipAt, facts.protocol, transportAt, coveredBytes)
    ? "pseudoHeaderOnly"
    : "wrong";
}
