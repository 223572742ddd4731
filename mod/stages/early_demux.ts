/**
 * Headers that the IP layer pulls on a packet's way through: for early demultiplexing, and for the look-up of the policy.
 *
 * ip_list_rcv_finish, ip_rcv_finish_core, tcp_v4_early_demux, udp_v4_early_demux (net/ipv4), their IPv6 twins, and
 * _decode_session4, _decode_session6 (net/xfrm/xfrm_policy.c); 4.4 and 6.1. A forwarded packet belongs to no socket here, but
 * to find that out its transport header is read, which pulls it where it is not linear. In 6.1 packets go up in lists, and a
 * packet to the same destination as the first of its list takes over the route of that one and skips the look for a socket
 * (linux-datapath 15.15). The policy needs the ports, 4 bytes, in every packet.
 *
 * Departure: all packets of a list have one route, as all traffic is one policy's; nothing is multicast.
 *
 * @module
 */

import { mayPull } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { get32 } from "../wire/bytes.ts";
import * as protocols from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";

/** Source and destination port. */
const PORTS_BYTES = 4;
/** Type and code. */
const ICMP_TYPE_BYTES = 2;
/** Header with checksum and key. */
const GRE_KEY_BYTES = 12;
const SPI_BYTES = 4;
/** Next header and length of an extension header, which _decode_session6 asks for before it knows that there is one. */
const EXTENSION_START_BYTES = 2;
const EXTENSION_UNIT = 8;

/** Remembers where the first packet of a list goes. */
export class EarlyDemux {
  /** Destination of the first packet of the list: version, type of service (IPv4 alone), address. */
  readonly #hint = new Uint8Array(2 + ipv6.ADDRESS_BYTES);
  #hasHint = false;

  constructor(readonly skbs: SkbMemory) {}

  /** The next packet is the first of a list; so is, without being told, one of another IP version. */
  startList(): void {
    this.#hasHint = false;
  }

  /** A received IPv4 packet looks for its route and, unless it takes over that of the first, for a socket. */
  receiveIpv4(skb: Skb): void {
    const { u8 } = this.skbs.memory;
    const at = skb.dataAt;
    const tos = ipv4.tos(u8, at);
    if (this.#takesHint(u8, 4, tos, at + ipv4.OFFSET_DESTINATION, 4)) return;
    if (ipv4.isFragment(u8, at)) return;
    pullTransport(this.skbs, skb, ipv4.ihlBytes(u8, at), ipv4.protocol(u8, at));
  }

  /** The same for IPv6; only a transport right behind the IPv6 header is looked at. */
  receiveIpv6(skb: Skb): void {
    const { u8 } = this.skbs.memory;
    const at = skb.dataAt;
    if (this.#takesHint(u8, 6, 0, at + ipv6.OFFSET_DESTINATION, ipv6.ADDRESS_BYTES)) return;
    const protocol = ipv6.nextHeader(u8, at);
    // UDP of IPv6 looks for a socket early since 4.12.
    if (protocol === protocols.PROTOCOL_UDP && this.skbs.era === "4.4") return;
    pullTransport(this.skbs, skb, ipv6.HEADER_BYTES, protocol);
  }

  /** Whether the first packet of the list went to the same place (ip_can_use_hint); the first one is remembered. */
  #takesHint(u8: Uint8Array, version: number, tos: number, addressAt: number, addressBytes: number): boolean {
    if (this.skbs.era === "4.4") return false;
    const hint = this.#hint;
    if (!this.#hasHint || hint[0] !== version) {
      this.#hasHint = true;
      hint[0] = version;
      hint[1] = tos;
      for (let i = 0; i < addressBytes; i++) hint[2 + i] = u8[addressAt + i]!;
      return false;
    }
    if (hint[1] !== tos) return false;
    for (let i = 0; i < addressBytes; i += 4) if (get32(hint, 2 + i) !== get32(u8, addressAt + i)) return false;
    return true;
  }
}

function pullTransport(skbs: SkbMemory, skb: Skb, networkBytes: number, protocol: number): void {
  if (protocol === protocols.PROTOCOL_TCP) mayPull(skbs, skb, networkBytes + tcp.HEADER_BYTES);
  else if (protocol === protocols.PROTOCOL_UDP) mayPull(skbs, skb, networkBytes + udp.HEADER_BYTES);
}

/** What the policy of an IPv4 packet depends on becomes linear (decode_session4, _decode_session4 in 4.4). */
export function decodeSessionIpv4(skbs: SkbMemory, skb: Skb): void {
  const { u8 } = skbs.memory;
  if (ipv4.isFragment(u8, skb.dataAt)) return;
  const protocol = ipv4.protocol(u8, skb.dataAt);
  const bytes = skbs.era === "4.4" ? ipsecSessionBytes(protocol) || sessionBytes(protocol) : sessionBytes(protocol);
  mayPull(skbs, skb, ipv4.ihlBytes(u8, skb.dataAt) + bytes);
}

/**
 * The same for IPv6, extension header by extension header, each looked at before it is known to be one (decode_session6).
 * Hop-by-hop options have been parsed, and are taken for the transport header that follows them.
 */
export function decodeSessionIpv6(skbs: SkbMemory, skb: Skb): void {
  const { u8 } = skbs.memory;
  let protocol = ipv6.nextHeader(u8, skb.dataAt);
  if (protocol === protocols.PROTOCOL_HOP_BY_HOP) protocol = u8[skb.dataAt + ipv6.HEADER_BYTES]!;
  let offset = ipv6.HEADER_BYTES;
  let isFragment = false;
  while (mayPull(skbs, skb, offset + EXTENSION_START_BYTES)) {
    if (!isExtension(protocol)) {
      if (!isFragment) mayPull(skbs, skb, offset + sessionBytes(protocol));
      return;
    }
    isFragment ||= protocol === protocols.PROTOCOL_FRAGMENT;
    const at = skb.dataAt + offset;
    protocol = skbs.memory.u8[at]!;
    offset += (skbs.memory.u8[at + 1]! + 1) * EXTENSION_UNIT;
  }
}

function isExtension(protocol: number): boolean {
  return protocol === protocols.PROTOCOL_HOP_BY_HOP || protocol === protocols.PROTOCOL_ROUTING ||
    protocol === protocols.PROTOCOL_FRAGMENT || protocol === protocols.PROTOCOL_DESTINATION_OPTIONS;
}

/** Bytes behind the IP headers that tell the sessions of a protocol apart. */
function sessionBytes(protocol: number): number {
  switch (protocol) {
    case protocols.PROTOCOL_TCP:
    case protocols.PROTOCOL_UDP:
    case protocols.PROTOCOL_UDPLITE:
    case protocols.PROTOCOL_SCTP:
    case protocols.PROTOCOL_DCCP:
      return PORTS_BYTES;
    case protocols.PROTOCOL_ICMP:
    case protocols.PROTOCOL_ICMPV6:
      return ICMP_TYPE_BYTES;
    case protocols.PROTOCOL_GRE:
      return GRE_KEY_BYTES;
    default:
      return 0;
  }
}

/** 4.4 looks at SPIs too. */
function ipsecSessionBytes(protocol: number): number {
  if (protocol === protocols.PROTOCOL_ESP) return SPI_BYTES;
  return protocol === protocols.PROTOCOL_AH ? 2 * SPI_BYTES : 0;
}
