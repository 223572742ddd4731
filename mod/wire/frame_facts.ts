/**
 * What a captured Ethernet frame is, at a glance: protocol, addresses, ports, payload. For traffic that enters the model;
 * the stages look at the bytes themselves.
 *
 * ```ts
 * const facts = new FrameFacts();
 * facts.read(u8, at, capturedBytes, frameBytes);
 * facts.payloadBytes; // 1448
 * ```
 *
 * @module
 */

import { get16 } from "./bytes.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV4, VLAN_HLEN } from "./ethernet.ts";
import * as ipv4 from "./ipv4.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./ip_protocol.ts";
import * as tcp from "./tcp.ts";
import * as udp from "./udp.ts";

/** Longest frame of an Ethernet with an MTU of 1500 bytes, one VLAN tag included. Longer ones are super-packets or jumbo. */
export const LONGEST_MTU_FRAME_BYTES: number = 1500 + ETH_HLEN + VLAN_HLEN;

/** Facts about one frame; overwritten by the next `read()`. */
export class FrameFacts {
  /** EtherType; 0 when the frame is shorter than an Ethernet header. */
  etherType = 0;
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

  /** Reads the frame of `frameBytes` bytes, of which `capturedBytes` are at `at` in `u8`. */
  read(u8: Uint8Array, at: number, capturedBytes: number, frameBytes: number): void {
    this.isIpv4 = false;
    this.isFragment = false;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.ipBytes = 0;
    this.transportBytes = 0;
    this.payloadBytes = 0;
    this.etherType = capturedBytes < ETH_HLEN ? 0 : etherType(u8, at);
    this.ipAt = at + ETH_HLEN;
    if (this.etherType !== ETHERTYPE_IPV4 || capturedBytes < ETH_HLEN + ipv4.HEADER_BYTES) return;
    const headerBytes = ipv4.ihlBytes(u8, this.ipAt);
    if (ipv4.version(u8, this.ipAt) !== 4 || headerBytes < ipv4.HEADER_BYTES) return;
    if (ETH_HLEN + headerBytes > frameBytes) return;
    this.#readIpv4(u8, headerBytes, capturedBytes - ETH_HLEN, frameBytes - ETH_HLEN);
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
