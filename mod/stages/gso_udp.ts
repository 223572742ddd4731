/**
 * Software GSO of UDP: the headers of each datagram that an aggregate is cut into, and aggregates that are only a list.
 *
 * net/ipv4/udp_offload.c, 6.1 (__udp_gso_segment, __udp_gso_segment_list) with inet_gso_segment and ipv6_gso_segment. An
 * aggregate of GSO_TYPE.udpL4 is cut by `skb/segment.ts` like one of TCP; here each datagram gets its length and checksum.
 * One of GSO_TYPE.fragList is taken apart: every packet has its own headers still, of which IPv4 ids are written anew, as if
 * the packets had been cut, and nothing else: so a time to live that was decremented was that of the first packet only.
 *
 * ```ts
 * if (skb.head.gsoType === GSO_TYPE.fragList) segmentPacketList(host, skb, emit);
 * ```
 *
 * @module
 */

import { takeListApart } from "../skb/packet_list.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as udp from "../wire/udp.ts";
import { type Host, observe, visit } from "./host.ts";

/**
 * Writes length and checksum of the datagram `segment`, whose IP header and UDP header are at these offsets from its data.
 * `payloadSum` is the ones-complement sum of its payload; where the device is to complete the checksum, it gets the sum of
 * the pseudo-header.
 */
export function writeUdpSegment(
  u8: Uint8Array,
  segment: Skb,
  ipOffset: number,
  udpOffset: number,
  payloadSum: number,
): void {
  const at = segment.dataAt + udpOffset;
  const bytes = segment.len - udpOffset;
  udp.setLength(u8, at, bytes);
  udp.setChecksum(u8, at, 0);
  const pseudo = pseudoHeaderSum(u8, segment.dataAt + ipOffset, PROTOCOL_UDP, bytes);
  if (segment.ipSummed === CHECKSUM.partial) return udp.setChecksum(u8, at, pseudo);
  const checksum = finish(partialSum(u8, at, udp.HEADER_BYTES, pseudo) + payloadSum);
  // 0 would say that there is none (RFC 768; CSUM_MANGLED_0).
  udp.setChecksum(u8, at, checksum === 0 ? 0xffff : checksum);
}

/**
 * Takes `skb`, UDP packets chained whole, apart for a device that sends scattered buffers (`scatterGather`) or does not.
 * Calls `emit` for each packet in order; the first is `skb` itself.
 */
export function segmentPacketList(
  host: Host,
  skb: Skb,
  scatterGather: boolean,
  emit: (packet: Skb) => void,
): void {
  visit(host, "gso", skb);
  const { skbs } = host;
  const networkBytes = skb.transportHeader - skb.networkHeader;
  const isIpv4 = !ip.isIpv6(skbs.memory.u8, skb.dataAt);
  const firstId = isIpv4 ? ipv4.id(skbs.memory.u8, skb.dataAt) : 0;
  takeListApart(skbs, skb, networkBytes + udp.HEADER_BYTES, scatterGather, (packet, index) => {
    const { u8 } = skbs.memory;
    ip.setTotalBytes(u8, packet.dataAt, packet.len);
    if (isIpv4) {
      ipv4.setId(u8, packet.dataAt, (firstId + index) & 0xffff);
      ipv4.writeHeaderChecksum(u8, packet.dataAt);
    }
    if (index === 0) udp.setLength(u8, packet.dataAt + networkBytes, packet.len - networkBytes);
    observe(host, packet);
    emit(packet);
  });
}
