/**
 * Software GSO: an aggregate is cut into segments, each with headers of its own.
 *
 * linux-datapath 6.2 and 6.5 (inet_gso_segment, ipv6_gso_segment, tcp_gso_segment of 4.4 and 6.1, esp4_gso_segment and
 * esp6_gso_segment of 6.1). The bytes are cut and copied in `skb/segment.ts`; here each segment gets its lengths, ids,
 * sequence numbers, flags and checksums. Before ESP (`gso=xfrm`) the data of an aggregate begins at its IP header, at layer
 * 2 at the Ethernet header, with outer IP header, dummy ESP header and IV in between: then the number of each segment goes
 * into that ESP header as well, and lengths of what ESP still makes longer are left to `esp_xmit.ts`.
 *
 * @module
 */

import { OFFSET_SEQUENCE as ESP_OFFSET_SEQUENCE } from "../esp/framing.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { segment as cutBuffer } from "../skb/segment.ts";
import type { SegmentFeatures } from "../skb/segment_plan.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import { get32, set32 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_IPIP, PROTOCOL_IPV6, PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Ipv6Extensions } from "../wire/ipv6_extensions.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { segmentPacketList, writeUdpSegment } from "./gso_udp.ts";
import { drop, type Host, observe, visit } from "./host.ts";

/** Lower half of the last sequence number before the upper half counts on. */
const LAST_LOWER_HALF = 0xffffffff;

/** Flags that only the last segment keeps. */
const LAST_SEGMENT_FLAGS = tcp.FLAG_FIN | tcp.FLAG_PSH;

/** What xfrm_output_gso (features 0) and software ESP at layer 2 ask for: linear segments with their checksum. */
const LINEAR = { scatterGather: false, checksumOffload: false, fragListOffload: false } as const;

/** Cuts the aggregates of one host. */
export class Gso {
  /** Where headers of the aggregate at hand lie, as offsets from its data. */
  #ip = 0;
  #transport = 0;
  /** Outer IP header and ESP header of an aggregate that is to be encrypted at layer 2; else NONE. */
  #outerIp = NONE;
  #esp = NONE;
  readonly #extensions = new Ipv6Extensions();

  constructor(
    readonly host: Host,
    /** Bytes of SPI, sequence number and IV. */
    readonly espHeaderBytes: number,
    /** Sequence numbers of ESP are extended. */
    readonly esn: boolean = false,
  ) {}

  /**
   * Cuts `skb` for a device of `features`, calls `emit` for each segment in order, and frees `skb`. A buffer whose segments
   * would need too many fragments is dropped.
   */
  segment(skb: Skb, emit: (segment: Skb) => void, features: SegmentFeatures = LINEAR): void {
    if (skb.head.gsoType === GSO_TYPE.fragList) {
      return segmentPacketList(this.host, skb, features.scatterGather, emit);
    }
    visit(this.host, "gso", skb);
    this.#findHeaders(skb);
    const { u8 } = this.host.skbs.memory;
    const isUdp = skb.head.gsoType === GSO_TYPE.udpL4;
    const ownBytes = isUdp ? udp.HEADER_BYTES : tcp.dataOffsetBytes(u8, skb.dataAt + this.#transport);
    const headerBytes = this.#transport + ownBytes;
    const last = Math.ceil((skb.len - headerBytes) / skb.head.gsoSize) - 1;
    const isCut = cutBuffer(this.host.skbs, skb, headerBytes, features, (segment, index, payloadSum) => {
      const step = skb.head.gsoFixedId ? 0 : index;
      if (this.#esp !== NONE) this.#numberEsp(segment, index, step);
      if (this.#ip !== this.#outerIp) this.#writeIp(segment, step);
      if (isUdp) writeUdpSegment(this.host.skbs.memory.u8, segment, this.#ip, this.#transport, payloadSum);
      else this.#writeTcp(skb, segment, index, index + Math.max(1, segment.head.gsoSegs) > last, payloadSum);
      skb.owner?.charge(segment);
      observe(this.host, segment);
      emit(segment);
    });
    if (isCut) this.host.skbs.free(skb, REASON.segmented);
    else drop(this.host, skb, REASON.tooManyFrags);
  }

  #findHeaders(skb: Skb): void {
    const { u8 } = this.host.skbs.memory;
    const network = skb.networkHeader - skb.data;
    if (skb.espProtocol === 0) {
      this.#outerIp = NONE;
      this.#esp = NONE;
      this.#ip = network;
      this.#transport = this.#transportBehind(u8, skb, network);
      return;
    }
    const behindEsp = skb.transportHeader - skb.data + this.espHeaderBytes;
    this.#outerIp = network;
    this.#esp = skb.transportHeader - skb.data;
    const isTransportMode = skb.espProtocol !== PROTOCOL_IPIP && skb.espProtocol !== PROTOCOL_IPV6;
    this.#ip = isTransportMode ? network : behindEsp;
    this.#transport = isTransportMode ? behindEsp : this.#transportBehind(u8, skb, behindEsp);
  }

  /** Offset of the transport header behind the IP header at offset `ipOffset`; both are linear. */
  #transportBehind(u8: Uint8Array, skb: Skb, ipOffset: number): number {
    const at = skb.dataAt + ipOffset;
    if (!ip.isIpv6(u8, at)) return ipOffset + ipv4.ihlBytes(u8, at);
    this.#extensions.read(u8, at, skb.dataAt + skb.headlen);
    return this.#extensions.transportAt - skb.dataAt;
  }

  /** The first segment has the numbers of the aggregate, the others count on. */
  #numberEsp(segment: Skb, index: number, idStep: number): void {
    const { u8 } = this.host.skbs.memory;
    const sequenceAt = segment.dataAt + this.#esp + ESP_OFFSET_SEQUENCE;
    const low = get32(u8, sequenceAt) + index;
    set32(u8, sequenceAt, low >>> 0);
    if (this.esn) this.#extendSequence(segment, low);
    const outer = segment.dataAt + this.#outerIp;
    if (!ip.isIpv6(u8, outer)) ipv4.setId(u8, outer, (ipv4.id(u8, outer) + idStep) & 0xffff);
  }

  /**
   * The upper half of the number `low`, which may have grown beyond 32 bits. Linux counts one too many where the lower half is all
   * ones (esp_xmit, 5.10 to 7.2): the receiver refuses that segment (linux-datapath 15.7).
   */
  #extendSequence(segment: Skb, low: number): void {
    const { config, ledger } = this.host;
    const isMistaken = low === LAST_LOWER_HALF && config.era === "6.1";
    if (low > LAST_LOWER_HALF || isMistaken) segment.espSequenceHigh += 1;
    if (isMistaken) ledger.note(EVENT.reject, REASON.nextUpperHalf, segment, 0);
  }

  #writeIp(segment: Skb, idStep: number): void {
    const { u8 } = this.host.skbs.memory;
    const at = segment.dataAt + this.#ip;
    ip.setTotalBytes(u8, at, segment.len - this.#ip);
    if (ip.isIpv6(u8, at)) return;
    ipv4.setId(u8, at, (ipv4.id(u8, at) + idStep) & 0xffff);
    ipv4.writeHeaderChecksum(u8, at);
  }

  #writeTcp(skb: Skb, segment: Skb, index: number, isLast: boolean, payloadSum: number): void {
    const { u8 } = this.host.skbs.memory;
    const at = segment.dataAt + this.#transport;
    const firstSequence = tcp.sequence(u8, skb.dataAt + this.#transport);
    tcp.setSequence(u8, at, (firstSequence + index * skb.head.gsoSize) >>> 0);
    tcp.setFlags(u8, at, segmentFlags(tcp.flags(u8, at), index, isLast));
    tcp.setChecksum(u8, at, 0);
    const pseudo = pseudoHeaderSum(u8, segment.dataAt + this.#ip, PROTOCOL_TCP, segment.len - this.#transport);
    if (segment.ipSummed === CHECKSUM.partial) return tcp.setChecksum(u8, at, pseudo);
    tcp.setChecksum(u8, at, finish(partialSum(u8, at, tcp.dataOffsetBytes(u8, at), pseudo) + payloadSum));
  }
}

/** FIN and PSH stay on the last segment only, CWR on the first only. */
export function segmentFlags(flags: number, index: number, isLast: boolean): number {
  const withoutEnd = isLast ? flags : flags & ~LAST_SEGMENT_FLAGS;
  return index === 0 ? withoutEnd : withoutEnd & ~tcp.FLAG_CWR;
}
