/**
 * How many bytes of a received frame are headers: what a driver that receives into page fragments copies into the linear
 * area (`rx_layout=page-frag`).
 *
 * The rule is that of Linux `eth_get_headlen` (net/ethernet/eth.c) with its flow dissector (net/core/flow_dissector.c,
 * `__skb_flow_dissect`, then `__skb_get_poff`), read in a tree of about 4.6 and in 6.6: of fragments, the first counts its
 * transport header (FLOW_DISSECTOR_F_PARSE_1ST_FRAG), the others end with the IP header. Followed: VLAN tags, PPPoE
 * sessions, IPv4 with options, IPv6 with hop-by-hop, routing, destination and fragment headers, IP in IP, GRE version 0.
 * ESP and AH are not, nor is the mobility header of IPv6: such a frame ends with its IP header, 34 bytes over plain IPv4,
 * 54 over IPv6.
 *
 * Departures: MPLS, TIPC, FCoE, HSR and PTP frames end where that header begins (Linux 6.1 counts one MPLS label, the
 * others differ by version); GRE version 1 (PPTP) ends where GRE begins, as in old kernels; compressed PPP protocol fields
 * are not followed; older kernels, probably 4.4 among them, call the dissector without that flag and count transport bytes
 * in every fragment.
 *
 * ```ts
 * import { ethernetHeaderBytes } from "./header_length.ts";
 * const u8 = new Uint8Array(64);
 * u8.set([0x08, 0x00, 0x45], 12); // IPv4, 20 bytes of header
 * u8[14 + 9] = 17; // UDP
 * ethernetHeaderBytes(u8, 0, 60); // 14 + 20 + 8
 * ```
 *
 * @module
 */
import { get16 } from "./bytes.ts";
import * as ethernet from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import * as protocols from "./ip_protocol.ts";
import * as tcp from "./tcp.ts";

/** Headers behind the first that are followed (Linux 6.1 MAX_FLOW_DISSECT_HDRS; 4.4 has no limit). */
const MAX_FOLLOWED = 15;

const IPV6_FRAGMENT_OFFSET_MASK = 0xfff8;

const PPPOE_HEADER_BYTES = 8;
const PPPOE_VERSION_1_TYPE_1 = 0x11;
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;

const GRE_HEADER_BYTES = 4;
const GRE_FIELD_BYTES = 4;
const GRE_CHECKSUM = 0x8000;
const GRE_KEY = 0x2000;
const GRE_SEQUENCE = 0x1000;
const GRE_ROUTING_OR_VERSION = 0x4007;

/**
 * Bytes of headers at the start of the frame of `frameBytes` bytes at absolute offset `at`; at most `frameBytes`. Of a
 * header that is cut off, nothing counts, except that a transport header counts as far as it is there. Reads nothing
 * outside the frame.
 */
export function ethernetHeaderBytes(u8: Uint8Array, at: number, frameBytes: number): number {
  if (frameBytes < ethernet.ETH_HLEN) return frameBytes;
  const headers = network(u8, at + frameBytes, at + ethernet.ETH_HLEN, ethernet.etherType(u8, at), 0) - at;
  return Math.min(headers, frameBytes);
}

// Each function below takes the absolute offset `end` of the frame's end and `here` of the header it looks at, and returns
// the absolute offset behind the last header found, which can lie beyond the end. `followed` counts headers.

function network(u8: Uint8Array, end: number, here: number, type: number, followed: number): number {
  if (followed > MAX_FOLLOWED) return here;
  switch (type) {
    case ethernet.ETHERTYPE_IPV4:
      return inIpv4(u8, end, here, followed);
    case ethernet.ETHERTYPE_IPV6: {
      if (here + ipv6.HEADER_BYTES > end) return here;
      return inProtocol(u8, end, here + ipv6.HEADER_BYTES, ipv6.nextHeader(u8, here), true, followed);
    }
    case ethernet.ETHERTYPE_VLAN:
    case ethernet.ETHERTYPE_SERVICE_VLAN:
      if (here + ethernet.VLAN_HLEN > end) return here;
      return network(u8, end, here + ethernet.VLAN_HLEN, get16(u8, here + 2), followed + 1);
    case ethernet.ETHERTYPE_PPPOE_SESSION:
      return inPppoe(u8, end, here, followed);
    default:
      return here;
  }
}

function inIpv4(u8: Uint8Array, end: number, here: number, followed: number): number {
  if (here + ipv4.HEADER_BYTES > end) return here;
  const headerBytes = ipv4.ihlBytes(u8, here);
  if (headerBytes < ipv4.HEADER_BYTES) return here;
  const behind = here + headerBytes;
  if (ipv4.fragmentOffsetBytes(u8, here) > 0) return behind;
  return inProtocol(u8, end, behind, ipv4.protocol(u8, here), false, followed);
}

function inPppoe(u8: Uint8Array, end: number, here: number, followed: number): number {
  if (here + PPPOE_HEADER_BYTES > end) return here;
  // Version and type, then code 0: a session packet (RFC 2516, section 5.4).
  if (u8[here] !== PPPOE_VERSION_1_TYPE_1 || u8[here + 1] !== 0) return here;
  const behind = here + PPPOE_HEADER_BYTES;
  const ppp = get16(u8, here + 6);
  if (ppp === PPP_IPV4) return network(u8, end, behind, ethernet.ETHERTYPE_IPV4, followed + 1);
  if (ppp === PPP_IPV6) return network(u8, end, behind, ethernet.ETHERTYPE_IPV6, followed + 1);
  return behind;
}

function inProtocol(
  u8: Uint8Array,
  end: number,
  here: number,
  protocol: number,
  inIpv6: boolean,
  followed: number,
): number {
  if (followed > MAX_FOLLOWED) return here;
  switch (protocol) {
    case protocols.PROTOCOL_TCP:
      if (here + tcp.OFFSET_DATA_OFFSET >= end) return here;
      return here + Math.max(tcp.HEADER_BYTES, tcp.dataOffsetBytes(u8, here));
    case protocols.PROTOCOL_IPIP:
      return network(u8, end, here, ethernet.ETHERTYPE_IPV4, followed + 1);
    case protocols.PROTOCOL_IPV6:
      return network(u8, end, here, ethernet.ETHERTYPE_IPV6, followed + 1);
    case protocols.PROTOCOL_GRE:
      return inGre(u8, end, here, followed);
    case protocols.PROTOCOL_HOP_BY_HOP:
    case protocols.PROTOCOL_ROUTING:
    case protocols.PROTOCOL_DESTINATION_OPTIONS:
      // The length counts 8-byte units behind the first (RFC 8200, section 4).
      if (!inIpv6 || here + 2 > end) return here;
      return inProtocol(u8, end, here + (u8[here + 1]! + 1) * 8, u8[here]!, true, followed + 1);
    case protocols.PROTOCOL_FRAGMENT: {
      if (!inIpv6 || here + ipv6.FRAGMENT_HEADER_BYTES > end) return here;
      const behind = here + ipv6.FRAGMENT_HEADER_BYTES;
      if ((get16(u8, here + 2) & IPV6_FRAGMENT_OFFSET_MASK) !== 0) return behind;
      return inProtocol(u8, end, behind, u8[here]!, true, followed + 1);
    }
    default:
      return here + fixedHeaderBytes(protocol);
  }
}

function inGre(u8: Uint8Array, end: number, here: number, followed: number): number {
  if (here + GRE_HEADER_BYTES > end) return here;
  const flags = get16(u8, here);
  if ((flags & GRE_ROUTING_OR_VERSION) !== 0) return here;
  let behind = here + GRE_HEADER_BYTES;
  if ((flags & GRE_CHECKSUM) !== 0) behind += GRE_FIELD_BYTES;
  if ((flags & GRE_KEY) !== 0) behind += GRE_FIELD_BYTES;
  if ((flags & GRE_SEQUENCE) !== 0) behind += GRE_FIELD_BYTES;
  const type = get16(u8, here + 2);
  if (type !== ethernet.ETHERTYPE_TEB) return network(u8, end, behind, type, followed + 1);
  if (behind + ethernet.ETH_HLEN > end) return here;
  return network(u8, end, behind + ethernet.ETH_HLEN, ethernet.etherType(u8, behind), followed + 1);
}

/** Bytes that Linux `__skb_get_poff` counts for a transport whose header length it does not read. */
function fixedHeaderBytes(protocol: number): number {
  switch (protocol) {
    case protocols.PROTOCOL_UDP:
    case protocols.PROTOCOL_UDPLITE:
    case protocols.PROTOCOL_ICMP:
    case protocols.PROTOCOL_ICMPV6:
    case protocols.PROTOCOL_IGMP:
      return 8;
    case protocols.PROTOCOL_SCTP:
    case protocols.PROTOCOL_DCCP:
      return 12;
    default:
      return 0;
  }
}
