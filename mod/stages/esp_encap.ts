/**
 * ESP's headers in front of a packet: outer IP header in tunnel mode, UDP header, SPI, sequence number and IV.
 *
 * xfrm4_tunnel_encap_add, xfrm6_tunnel_encap_add, xfrm4_transport_output, xfrm6_transport_output (net/xfrm/xfrm_output.c
 * of 6.1, net/ipv4/xfrm4_mode_*.c and net/ipv6/xfrm6_mode_*.c of 4.4), esp4_gso_encap. In transport mode the IP header, of
 * IPv6 with the extension headers that belong to it, moves to the front; that is no copy in this program's counts, as in
 * the kernel recordings.
 *
 * Of an SA with UDP encapsulation (esp_output_udp_encap, esp6_output_udp_encap) a UDP header comes in between. Its checksum is
 * that of `esp_transform.ts`: over IPv4 there is none.
 *
 * @module
 */

import { ESP_HEADER_BYTES, outerHeaderBytes } from "../esp/arithmetic.ts";
import { outerDontFragment, sequenceHigh, tunnelNextHeader, writeEspHeader, writeOuterHeader } from "../esp/framing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { EspInsertion, writeTransportHeader } from "../esp/transport.ts";
import { outerProtocol, writeUdpHeader } from "../esp/udp_encapsulation.ts";
import { push, pushBehind } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import type { Host } from "./host.ts";

/** Puts headers in front of packets under one SA. */
export class EspEncap {
  /** Offset from the data of what ESP protects of the packet that `find()` looked at. */
  offset = 0;
  /** What lies there: the next header of the ESP trailer. */
  nextHeader = 0;

  readonly #insertion = new EspInsertion();
  /** Bytes of UDP header, SPI, sequence number and IV. */
  readonly #pushedBytes: number;
  /** What follows the IP header. */
  readonly #protocol: number;
  #outerId = 0;

  constructor(readonly host: Host, readonly sa: SecurityAssociation) {
    this.#pushedBytes = sa.encapsulationBytes + ESP_HEADER_BYTES + sa.ivBytes;
    this.#protocol = outerProtocol(sa);
  }

  /** Finds what ESP protects of `skb`, whose data is its IP header; false when its headers cannot be followed. */
  find(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    if (this.sa.mode === "tunnel") {
      this.offset = 0;
      this.nextHeader = tunnelNextHeader(u8, skb.dataAt);
      return true;
    }
    if (!this.#insertion.find(u8, skb.dataAt, skb.dataAt + skb.headlen)) return false;
    this.offset = this.#insertion.headersBytes;
    this.nextHeader = this.#insertion.nextHeader;
    return true;
  }

  /** Puts the headers in front of the packet that was found last, and lets its header offsets point to them. */
  push(skb: Skb, sequence: number): void {
    if (this.sa.mode === "tunnel") this.#pushTunnel(skb);
    else this.#pushTransport(skb);
    this.writeEsp(skb, sequence);
  }

  /** Writes SPI, sequence number and IV at the transport header of `skb`, which keeps the upper half of the number. */
  writeEsp(skb: Skb, sequence: number): void {
    const { sa } = this;
    skb.espSequenceHigh = sequenceHigh(sequence);
    writeEspHeader(this.host.skbs.memory.u8, skb.head.at + skb.transportHeader, sa.spi, sequence, sa.ivFor(sequence));
  }

  /** Writes the length into the IP header in front of ESP, after the packet has grown. */
  writeLength(skb: Skb): void {
    const { u8 } = this.host.skbs.memory;
    const at = skb.head.at + skb.networkHeader;
    ip.setTotalBytes(u8, at, skb.len - (skb.networkHeader - skb.data));
    if (!ip.isIpv6(u8, at)) ipv4.writeHeaderChecksum(u8, at);
  }

  #pushTunnel(skb: Skb): void {
    const { sa } = this;
    const { u8 } = this.host.skbs.memory;
    const innerAt = skb.dataAt;
    const outerBytes = outerHeaderBytes(sa.outerVersion);
    push(skb, outerBytes + this.#pushedBytes);
    skb.networkHeader = skb.data;
    skb.transportHeader = skb.data + outerBytes + sa.encapsulationBytes;
    const id = outerDontFragment(u8, innerAt, sa.tunnelHeader) ? 0 : this.#outerId++ & 0xffff;
    const { source, destination, tunnelHeader } = sa;
    writeOuterHeader(u8, skb.dataAt, innerAt, skb.len, id, source, destination, tunnelHeader, this.#protocol);
    this.#writeUdp(skb, outerBytes);
  }

  #pushTransport(skb: Skb): void {
    const { nextHeaderOffset } = this.#insertion;
    pushBehind(this.host.skbs, skb, this.offset, this.#pushedBytes);
    skb.networkHeader = skb.data;
    skb.transportHeader = skb.data + this.offset + this.sa.encapsulationBytes;
    writeTransportHeader(this.host.skbs.memory.u8, skb.dataAt, nextHeaderOffset, this.#protocol, skb.len);
    this.#writeUdp(skb, this.offset);
  }

  /** The UDP header behind `headersBytes` bytes of IP headers, where there is one. */
  #writeUdp(skb: Skb, headersBytes: number): void {
    const { encapsulation } = this.sa;
    if (encapsulation === null) return;
    writeUdpHeader(this.host.skbs.memory.u8, skb.dataAt + headersBytes, encapsulation, skb.len - headersBytes);
  }
}
