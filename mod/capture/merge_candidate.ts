/**
 * A captured packet of TCP as GRO would see it: where its headers are, what it holds, and whether GRO looks at it at all.
 *
 * linux-datapath 5.3 to 5.5 (inet_gro_receive, ipv6_gro_receive, tcp_gro_receive of 6.1), for a NIC that verifies checksums.
 * A checksum that was left to a NIC, or that covers bytes the capture lacks, counts as right. Of options that were cut off,
 * the missing bytes count as zeros.
 *
 * Departure, the same as in the replay: of the link layer only the Ethernet addresses are compared, since tags are taken off
 * before a packet arrives.
 *
 * @example
 * ```ts
 * import { MergeCandidate } from "./merge_candidate.ts";
 * import { AGGREGATE_END } from "./aggregate_end.ts";
 * const candidate = new MergeCandidate();
 * candidate.read(facts, packet, 0, 0, false); // After facts.read(), of a packet of TCP.
 * candidate.refusal === AGGREGATE_END.none; // GRO looks for a buffer of its flow.
 * ```
 *
 * @module
 */

import { get32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import * as protocols from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { LINKTYPE_ETHERNET } from "../wire/link_types.ts";
import { isWholeIpv4, isWholeIpv6, type MergePacket } from "../wire/merge_rules.ts";
import * as tcp from "../wire/tcp.ts";
import { AGGREGATE_END } from "./aggregate_end.ts";
import type { CapturePacket } from "./packet.ts";

/** Version 4, header of 20 bytes. */
const IPV4_WITHOUT_OPTIONS = 0x45;
/** Bytes of the longest TCP header. */
const LONGEST_TCP_BYTES = 60;
/** Extension headers count in units of 8 bytes, the first not counted. */
const EXTENSION_UNIT = 8;
const NO_BYTES = new Uint8Array(0);

/** Reads one packet at a time; its fields are about the packet that was read last, and point into its bytes. */
export class MergeCandidate implements MergePacket {
  /** Why GRO passes the packet by, whatever it holds: a number of `AGGREGATE_END`; none where it does not. */
  refusal: number = AGGREGATE_END.none;
  /** The IP packet is whole: nothing follows it. The fields below are only set where GRO does not pass it by. */
  isWhole = false;
  /** Number of its flow in the table of flows. */
  flow: number = -1;
  /** TCP flags. */
  flags = 0;
  /** Payload bytes of the segments of a super-packet; 0 when it is none. */
  gsoSize = 0;
  /** Segments that it holds: 1, or those of a super-packet. */
  segments = 1;
  /** Holds the headers from `at` on: the packet itself, or a copy with the missing bytes. */
  u8: Uint8Array = NO_BYTES;
  at = 0;
  /** The first of three words of Ethernet addresses; zeros with another link layer, as such packets get always the same. */
  addresses0 = 0;
  /** The second. */
  addresses1 = 0;
  /** The third. */
  addresses2 = 0;
  isIpv6 = false;
  networkBytes = 0;
  headerBytes = 0;
  payloadBytes = 0;

  /** Headers of which the capture lacks bytes. */
  #completed: Uint8Array = new Uint8Array(ipv4.HEADER_BYTES + LONGEST_TCP_BYTES);

  /**
   * Reads a packet of TCP, which `facts` have just been read from.
   *
   * @param flow Number of its flow.
   * @param gsoSize Payload bytes of the segments of a super-packet; 0 when it is none.
   * @param isChecksumWrong Its TCP checksum is complete and wrong, which does not matter in a super-packet.
   */
  read(facts: FrameFacts, packet: CapturePacket, flow: number, gsoSize: number, isChecksumWrong: boolean): void {
    this.refusal = whyRefused(facts, packet);
    this.gsoSize = gsoSize;
    this.segments = gsoSize === 0 ? 1 : Math.ceil(facts.payloadBytes / gsoSize);
    if (this.refusal !== AGGREGATE_END.none) return;
    this.isWhole = isWhole(facts, packet.bytes);
    if (this.isWhole && gsoSize === 0 && (isChecksumWrong || facts.hasSegmentsLeft)) {
      this.refusal = AGGREGATE_END.tcpChecksum;
      return;
    }
    this.flow = flow;
    this.flags = tcp.flags(packet.bytes, facts.transportAt);
    this.isIpv6 = facts.isIpv6;
    this.networkBytes = facts.transportAt - facts.ipAt;
    this.headerBytes = this.networkBytes + tcp.dataOffsetBytes(packet.bytes, facts.transportAt);
    this.payloadBytes = facts.payloadBytes;
    this.#findHeaders(facts, packet);
  }

  #findHeaders(facts: FrameFacts, packet: CapturePacket): void {
    const { bytes, offset, capturedBytes, linkType } = packet;
    const isEthernet = linkType === LINKTYPE_ETHERNET;
    this.addresses0 = isEthernet ? get32(bytes, offset) : 0;
    this.addresses1 = isEthernet ? get32(bytes, offset + 4) : 0;
    this.addresses2 = isEthernet ? get32(bytes, offset + 8) : 0;
    this.u8 = bytes;
    this.at = facts.ipAt;
    const thereBytes = offset + capturedBytes - facts.ipAt;
    if (thereBytes < this.headerBytes) this.#complete(bytes, facts.ipAt, thereBytes);
  }

  #complete(u8: Uint8Array, ipAt: number, thereBytes: number): void {
    if (this.#completed.length < this.headerBytes) this.#completed = new Uint8Array(this.headerBytes);
    this.#completed.fill(0);
    this.#completed.set(u8.subarray(ipAt, ipAt + thereBytes));
    this.u8 = this.#completed;
    this.at = 0;
  }
}

/** Why GRO never looks for a buffer of the packet's flow. */
function whyRefused(facts: FrameFacts, { bytes, offset, capturedBytes }: CapturePacket): number {
  const { ipAt, transportAt, transportBytes } = facts;
  if (facts.isFragment) return AGGREGATE_END.ipRefused;
  if (facts.isIpv4) {
    if (bytes[ipAt] !== IPV4_WITHOUT_OPTIONS) return AGGREGATE_END.ipOptions;
    if (!ipv4.headerChecksumOk(bytes, ipAt)) return AGGREGATE_END.ipChecksum;
  } else if (!hasPassableExtensions(bytes, ipAt, transportAt)) {
    return AGGREGATE_END.ipOptions;
  }
  const thereBytes = offset + capturedBytes - transportAt;
  if (Math.min(transportBytes, thereBytes) < tcp.HEADER_BYTES) return AGGREGATE_END.tcpHeader;
  const tcpBytes = tcp.dataOffsetBytes(bytes, transportAt);
  return tcpBytes < tcp.HEADER_BYTES || tcpBytes > transportBytes ? AGGREGATE_END.tcpHeader : AGGREGATE_END.none;
}

/** Whether GRO looks behind all extension headers up to `transportAt` (INET6_PROTO_GSO_EXTHDR, hop-by-hop options). */
function hasPassableExtensions(u8: Uint8Array, ipAt: number, transportAt: number): boolean {
  let protocol = ipv6.nextHeader(u8, ipAt);
  let at = ipAt + ipv6.HEADER_BYTES;
  while (at < transportAt) {
    const isPassable = protocol === protocols.PROTOCOL_HOP_BY_HOP || protocol === protocols.PROTOCOL_ROUTING ||
      protocol === protocols.PROTOCOL_DESTINATION_OPTIONS;
    if (!isPassable) return false;
    protocol = u8[at]!;
    at += (u8[at + 1]! + 1) * EXTENSION_UNIT;
  }
  return true;
}

function isWhole({ isIpv6, ipAt, frameBytes }: FrameFacts, u8: Uint8Array): boolean {
  const bytes = frameBytes - ETH_HLEN;
  return isIpv6 ? isWholeIpv6(u8, ipAt, bytes) : isWholeIpv4(u8, ipAt, bytes);
}
