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
import { ETH_HLEN, ETHERTYPE_IPV4, VLAN_HLEN } from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./ip_protocol.ts";
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
  /** The frame holds an IPv4 header that can be read. */
  isIpv4 = false;
  /** IPv4 source address, an unsigned 32-bit number. */
  source = 0;
  /** IPv4 destination address, an unsigned 32-bit number. */
  destination = 0;
  /** Protocol field of the IPv4 header (`ip_protocol.ts`). */
  protocol = 0;
  /** TCP or UDP port; 0 where there is none, as in fragments but the first. */
  sourcePort = 0;
  /** TCP or UDP port; 0 as above. */
  destinationPort = 0;
  /** A part of a packet that was fragmented on the way. */
  isFragment = false;
  /** Offset of the IP header in the array that was read. */
  ipAt = 0;
  /**
   * Length of the IP packet as its header claims, which may be more than the frame holds. A super-packet that claims 0, as
   * captures before segmentation show it (TSO, BIG TCP), goes to the end of the frame.
   */
  ipBytes = 0;
  /** Offset of what follows the IP header. */
  transportAt = 0;
  /** Bytes of IP packet behind the IP header, Ethernet padding excluded. */
  transportBytes = 0;
  /** L4 payload bytes (of TCP and UDP), else what follows the IP header. */
  payloadBytes = 0;

  readonly #link = new LinkLayer();

  /**
   * Reads a packet.
   *
   * @param u8 Holds `capturedBytes` of the packet from `at` on; only these are looked at, and nothing is kept.
   * @param packetBytes How long the packet was on the wire, at least `capturedBytes`.
   * @param linkType LINKTYPE_ number; of one that `link_layer.ts` does not follow nothing is known but its length.
   */
  read(u8: Uint8Array, at: number, capturedBytes: number, packetBytes: number, linkType: number): void {
    this.isIpv4 = false;
    this.isFragment = false;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.ipBytes = 0;
    this.transportBytes = 0;
    this.payloadBytes = 0;
    this.#readLink(u8, at, capturedBytes, packetBytes, linkType);
    const captured = this.capturedFrameBytes - ETH_HLEN;
    const there = this.frameBytes - ETH_HLEN;
    if (this.etherType !== ETHERTYPE_IPV4 || captured < ipv4.HEADER_BYTES) return;
    const headerBytes = ipv4.ihlBytes(u8, this.ipAt);
    if (ipv4.version(u8, this.ipAt) !== 4 || headerBytes < ipv4.HEADER_BYTES || headerBytes > there) return;
    this.#readIpv4(u8, headerBytes, captured, there);
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

  #readIpv4(u8: Uint8Array, headerBytes: number, captured: number, there: number): void {
    this.isIpv4 = true;
    this.source = ipv4.source(u8, this.ipAt);
    this.destination = ipv4.destination(u8, this.ipAt);
    this.protocol = ipv4.protocol(u8, this.ipAt);
    this.isFragment = ipv4.isFragment(u8, this.ipAt);
    this.ipBytes = ipv4.totalLength(u8, this.ipAt);
    if (this.ipBytes === 0 && there + ETH_HLEN > LONGEST_MTU_FRAME_BYTES) this.ipBytes = there;
    this.transportAt = this.ipAt + headerBytes;
    this.transportBytes = Math.max(0, Math.min(this.ipBytes, there) - headerBytes);
    this.payloadBytes = this.transportBytes;
    if (ipv4.fragmentOffsetBytes(u8, this.ipAt) === 0) this.#readTransport(u8, captured - headerBytes);
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
