/**
 * What a captured packet is, at a glance: protocol, addresses, ports, payload. For traffic that enters the model; the
 * stages look at the bytes themselves.
 *
 * A NIC of the model receives plain Ethernet. What was captured with tags, PPPoE, MPLS or another link layer arrives
 * re-framed, as hardware that strips tags or an access concentrator would hand it on: 14 bytes of Ethernet header, then
 * the network layer and whatever follows it.
 *
 * ```ts
 * const facts = new FrameFacts();
 * facts.read(u8, at, capturedBytes, originalBytes, LINKTYPE_ETHERNET);
 * facts.payloadBytes; // 1448
 * ```
 *
 * @module
 */

import { get16 } from "./bytes.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, VLAN_HLEN } from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import { Ipv6Extensions } from "./ipv6_extensions.ts";
import { PROTOCOL_HOP_BY_HOP, PROTOCOL_TCP, PROTOCOL_UDP } from "./ip_protocol.ts";
import { LinkLayer } from "./link_layer.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";

/** Longest frame of an Ethernet with an MTU of 1500 bytes, one VLAN tag included. Longer ones are super-packets or jumbo. */
export const LONGEST_MTU_FRAME_BYTES: number = 1500 + ETH_HLEN + VLAN_HLEN;

/** Facts about one frame; overwritten by the next `read()`. */
export class FrameFacts {
  /** EtherType of the network layer; 0 where it is not known, as in frames shorter than an Ethernet header. */
  etherType = 0;
  /** The packet has to be given a new Ethernet header before a NIC of the model can receive it. */
  isReframed = false;
  /** Length of the frame as it arrives, Ethernet header included. */
  frameBytes = 0;
  /** How many bytes of that frame are there, its Ethernet header included. */
  capturedFrameBytes = 0;
  /** Offset at which that frame begins in the array that was read, or would begin: it may be negative. */
  frameAt = 0;
  /** 4 or 6 where the frame holds an IP header that can be read, else 0. */
  ipVersion = 0;
  /** The frame holds an IP header that can be read. */
  isIp = false;
  /** The frame holds an IPv4 header that can be read. */
  isIpv4 = false;
  /** The frame holds an IPv6 header that can be read, whatever its extension headers are worth. */
  isIpv6 = false;
  /** IPv4 source address, an unsigned 32-bit number; 0 for IPv6, whose addresses are to be read at `ipAt`. */
  source = 0;
  /** IPv4 destination address, an unsigned 32-bit number; 0 as above. */
  destination = 0;
  /**
   * Protocol of what is at `transportAt` (`ip_protocol.ts`). An IPv6 extension header only where it is damaged or cut off.
   */
  protocol = 0;
  /** TCP or UDP port; 0 where there is none, as in fragments but the first. */
  sourcePort = 0;
  /** TCP or UDP port; 0 as above. */
  destinationPort = 0;
  /** A part of a packet that was fragmented on the way. */
  isFragment = false;
  /** A fragment, and not the first: there is no transport header at `transportAt`. */
  isLaterFragment = false;
  /** The packet is on its way to another destination than its IPv6 header says: a routing header has segments left. */
  hasSegmentsLeft = false;
  /** Offset of the IP header in the array that was read. */
  ipAt = 0;
  /**
   * Length of the IP packet as its header claims, which may be more than the frame holds. A super-packet that claims 0, as
   * captures before segmentation show it (TSO, BIG TCP), goes to the end of the frame, and so does an IPv6 jumbogram.
   */
  ipBytes = 0;
  /** Offset of what follows the IP header and the extension headers of IPv6. */
  transportAt = 0;
  /** Bytes of IP packet behind these headers, Ethernet padding excluded. */
  transportBytes = 0;
  /** L4 payload bytes (of TCP and UDP), else `transportBytes`. */
  payloadBytes = 0;

  readonly #link = new LinkLayer();
  readonly #extensions = new Ipv6Extensions();

  /**
   * Reads a packet.
   *
   * @param u8 Holds `capturedBytes` of the packet from `at` on; only these are looked at, and nothing is kept.
   * @param packetBytes How long the packet was on the wire, at least `capturedBytes`.
   * @param linkType LINKTYPE_ number; of one that `link_layer.ts` does not follow nothing is known but its length.
   */
  read(u8: Uint8Array, at: number, capturedBytes: number, packetBytes: number, linkType: number): void {
    this.#forget();
    this.#readLink(u8, at, capturedBytes, packetBytes, linkType);
    const captured = this.capturedFrameBytes - ETH_HLEN;
    const there = this.frameBytes - ETH_HLEN;
    if (this.etherType === ETHERTYPE_IPV4) this.#readIpv4(u8, captured, there);
    else if (this.etherType === ETHERTYPE_IPV6) this.#readIpv6(u8, captured, there);
  }

  #forget(): void {
    this.ipVersion = 0;
    this.isIp = false;
    this.isIpv4 = false;
    this.isIpv6 = false;
    this.source = 0;
    this.destination = 0;
    this.isFragment = false;
    this.isLaterFragment = false;
    this.hasSegmentsLeft = false;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.ipBytes = 0;
    this.transportBytes = 0;
    this.payloadBytes = 0;
  }

  #readLink(u8: Uint8Array, at: number, capturedBytes: number, packetBytes: number, linkType: number): void {
    const link = this.#link;
    link.read(u8, at, capturedBytes, linkType);
    this.etherType = link.etherType;
    this.isReframed = !link.isPlainEthernet;
    this.frameAt = link.isPlainEthernet ? at : link.networkAt - ETH_HLEN;
    this.frameBytes = packetBytes - (this.frameAt - at);
    this.capturedFrameBytes = capturedBytes - (this.frameAt - at);
    this.ipAt = this.frameAt + ETH_HLEN;
  }

  #readIpv4(u8: Uint8Array, captured: number, there: number): void {
    if (captured < ipv4.HEADER_BYTES || ipv4.version(u8, this.ipAt) !== 4) return;
    const headerBytes = ipv4.ihlBytes(u8, this.ipAt);
    if (headerBytes < ipv4.HEADER_BYTES || headerBytes > there) return;
    this.ipVersion = 4;
    this.isIp = true;
    this.isIpv4 = true;
    this.source = ipv4.source(u8, this.ipAt);
    this.destination = ipv4.destination(u8, this.ipAt);
    this.protocol = ipv4.protocol(u8, this.ipAt);
    this.isFragment = ipv4.isFragment(u8, this.ipAt);
    this.isLaterFragment = ipv4.fragmentOffsetBytes(u8, this.ipAt) !== 0;
    this.ipBytes = ipv4.totalLength(u8, this.ipAt);
    if (this.ipBytes === 0 && there + ETH_HLEN > LONGEST_MTU_FRAME_BYTES) this.ipBytes = there;
    this.transportAt = this.ipAt + headerBytes;
    this.transportBytes = Math.max(0, Math.min(this.ipBytes, there) - headerBytes);
    this.payloadBytes = this.transportBytes;
    if (!this.isLaterFragment) this.#readTransport(u8, captured - headerBytes);
  }

  #readIpv6(u8: Uint8Array, captured: number, there: number): void {
    if (captured < ipv6.HEADER_BYTES || ipv6.version(u8, this.ipAt) !== 6) return;
    this.ipVersion = 6;
    this.isIp = true;
    this.isIpv6 = true;
    this.ipBytes = ipv6.payloadLength(u8, this.ipAt) + ipv6.HEADER_BYTES;
    if (this.ipBytes === ipv6.HEADER_BYTES && this.#isJumbo(u8, there)) this.ipBytes = there;
    const packetBytes = Math.min(this.ipBytes, there);
    const extensions = this.#extensions;
    extensions.read(u8, this.ipAt, this.ipAt + Math.min(packetBytes, captured));
    this.protocol = extensions.protocol;
    this.isFragment = extensions.isFragment;
    this.isLaterFragment = extensions.fragmentOffsetBytes !== 0;
    this.hasSegmentsLeft = extensions.hasSegmentsLeft;
    this.transportAt = extensions.transportAt;
    const headerBytes = this.transportAt - this.ipAt;
    this.transportBytes = packetBytes - headerBytes;
    this.payloadBytes = this.transportBytes;
    if (!this.isLaterFragment) this.#readTransport(u8, captured - headerBytes);
  }

  /** A payload length of 0 does not mean none: hop-by-hop options follow (RFC 2675), or the frame is a super-packet. */
  #isJumbo(u8: Uint8Array, there: number): boolean {
    return ipv6.nextHeader(u8, this.ipAt) === PROTOCOL_HOP_BY_HOP || there + ETH_HLEN > LONGEST_MTU_FRAME_BYTES;
  }

  #readTransport(u8: Uint8Array, captured: number): void {
    const isTcp = this.protocol === PROTOCOL_TCP;
    const needed = isTcp ? tcp.HEADER_BYTES : udp.HEADER_BYTES;
    if (!isTcp && this.protocol !== PROTOCOL_UDP) return;
    if (captured < needed || this.transportBytes < needed) return;
    this.sourcePort = get16(u8, this.transportAt);
    this.destinationPort = get16(u8, this.transportAt + 2);
    const headerBytes = isTcp ? tcp.dataOffsetBytes(u8, this.transportAt) : udp.HEADER_BYTES;
    this.payloadBytes = Math.max(0, this.transportBytes - headerBytes);
  }
}
