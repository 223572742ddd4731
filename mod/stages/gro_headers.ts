/**
 * The headers of a received packet as GRO reads them: in the first page fragment where nothing is linear, else linear.
 *
 * linux-datapath 5.1, 5.3, 5.4, 15.8 (napi_frags_skb, skb_gro_reset_offset, skb_gro_header_slow, gro_pull_from_frag0,
 * inet_gro_receive, ipv6_gro_receive, ipv6_gso_pull_exthdrs; 4.4 and 6.1). Each layer says how many bytes it needs; what the
 * first fragment does not hold is pulled (__pskb_pull_tail). How far the layers got decides what is linear afterwards: a
 * packet that is held or goes up gets the headers that were read copied into the head, one that joins another does not.
 *
 * Departures: of the protocols with a GRO handler only TCP, UDP and ESP are known; tunnels (IP in IP, GRE) are as any
 * other. 6.1 reads no more in the first fragment than the head has room for, which all headers fit into anyway.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { pullFromFrag0 } from "../skb/gro_frag0.ts";
import { pull } from "../skb/head_ops.ts";
import { mayPull } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { ETH_HLEN, etherType, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import * as protocols from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { isWholeIpv4, isWholeIpv6, type MergePacket } from "../wire/merge_rules.ts";

/** Version 4, header of 20 bytes. */
const IPV4_WITHOUT_OPTIONS = 0x45;
/** Extension headers count in units of 8 bytes, the first not counted. */
const EXTENSION_UNIT = 8;

/** Reads one packet at a time; its fields are about the packet that was begun last. */
export class GroHeaders implements MergePacket {
  /** Offset of the packet's first byte in the arena: in its first fragment or its head. */
  at = 0;
  isIpv6 = false;
  networkBytes = 0;
  headerBytes = 0;
  payloadBytes = 0;
  /** Protocol behind the IP headers. */
  protocol = 0;
  /** The IP packet is whole, which is what merging asks for. */
  isWhole = false;

  /** Bytes that can be read in the first fragment; 0 where headers are read in the head. */
  #frag0Bytes = 0;
  /** How many bytes the layers have read (skb_gro_offset). */
  #offset = 0;

  constructor(
    readonly skbs: SkbMemory,
    /** ESP has a handler (esp4_offload, esp6_offload). */
    readonly hasEspHandler: boolean = false,
  ) {}

  /** Begins with a packet (skb_gro_reset_offset); its data begins at the network header, or at an Ethernet header in a page. */
  begin(skb: Skb): void {
    this.#offset = 0;
    this.#frag0Bytes = 0;
    this.at = skb.dataAt;
    const isEmptyHead = this.skbs.era === "4.4" ? skb.macHeader === skb.tail : skb.headlen === 0;
    if (!isEmptyHead || skb.nrFrags === 0) return;
    const frag0 = skb.head.frags[0]!;
    this.#frag0Bytes = frag0.bytes;
    this.at = frag0.at;
  }

  /** Copies the Ethernet header into the empty head and takes it off (napi_frags_skb). */
  takeEthernet(skb: Skb): void {
    if (this.#frag0Bytes >= ETH_HLEN) {
      pullFromFrag0(this.skbs, skb, ETH_HLEN, REASON.ethHeader);
      this.#frag0Bytes -= ETH_HLEN;
    } else {
      this.#needs(skb, ETH_HLEN);
    }
    pull(skb, ETH_HLEN);
    skb.networkHeader = skb.data;
    this.at = this.#frag0Bytes > 0 ? skb.head.frags[0]!.at : skb.dataAt;
  }

  /** Reads the IP headers; false where GRO has no business with the packet. */
  readNetwork(skb: Skb): boolean {
    const type = etherType(this.skbs.memory.u8, skb.head.at + skb.macHeader);
    this.isIpv6 = type === ETHERTYPE_IPV6;
    if (this.isIpv6) return this.#readIpv6(skb);
    return type === ETHERTYPE_IPV4 && this.#readIpv4(skb);
  }

  /** Makes `bytes` bytes of transport header readable at `at + networkBytes`; false where they are not there. */
  needsTransport(skb: Skb, bytes: number): boolean {
    return this.#needs(skb, this.networkBytes + bytes);
  }

  /** The transport has read its header of `bytes` bytes; what follows is payload. */
  takeTransport(skb: Skb, bytes: number): void {
    this.headerBytes = this.networkBytes + bytes;
    this.payloadBytes = skb.len - this.headerBytes;
    this.#offset = this.headerBytes;
    skb.transportHeader = skb.data + this.networkBytes;
  }

  /** Copies what was read in the first fragment into the head: before a packet is held or goes up. */
  pullHeaders(skb: Skb): void {
    const missing = this.#offset - skb.headlen;
    if (this.#frag0Bytes > 0 && missing > 0) pullFromFrag0(this.skbs, skb, missing, REASON.frag0Pull);
    this.#frag0Bytes = 0;
    this.at = skb.dataAt;
  }

  /** All that was read becomes linear, as packets are chained that keep their headers (pskb_may_pull). */
  linearizeHeaders(skb: Skb): void {
    if (mayPull(this.skbs, skb, this.#offset)) this.#leaveFrag0(skb);
  }

  /** The first `bytes` bytes can be read at `at` afterwards; false where the packet is shorter (skb_gro_header). */
  #needs(skb: Skb, bytes: number): boolean {
    if (bytes <= this.#frag0Bytes) return true;
    if (!mayPull(this.skbs, skb, bytes)) return false;
    this.#leaveFrag0(skb);
    return true;
  }

  #leaveFrag0(skb: Skb): void {
    this.#frag0Bytes = 0;
    this.at = skb.dataAt;
  }

  /** inet_gro_receive; 6.1 refuses fragments here, 4.4 finds their flow first. */
  #readIpv4(skb: Skb): boolean {
    if (!this.#needs(skb, ipv4.HEADER_BYTES)) return false;
    const { u8 } = this.skbs.memory;
    const { at } = this;
    this.protocol = ipv4.protocol(u8, at);
    if (!this.#hasHandler() || u8[at] !== IPV4_WITHOUT_OPTIONS) return false;
    if (this.skbs.era === "6.1" && ipv4.isFragment(u8, at)) return false;
    if (!ipv4.headerChecksumOk(u8, at)) return false;
    this.isWhole = isWholeIpv4(u8, at, skb.len);
    this.#takeNetwork(ipv4.HEADER_BYTES);
    return true;
  }

  /** ipv6_gro_receive. */
  #readIpv6(skb: Skb): boolean {
    if (!this.#needs(skb, ipv6.HEADER_BYTES)) return false;
    const { u8 } = this.skbs.memory;
    this.isWhole = isWholeIpv6(u8, this.at, skb.len);
    this.protocol = ipv6.nextHeader(u8, this.at);
    this.#takeNetwork(ipv6.HEADER_BYTES);
    if (!this.#hasHandler()) this.#readExtensions(skb);
    return this.#hasHandler();
  }

  #hasHandler(): boolean {
    const { protocol } = this;
    return protocol === protocols.PROTOCOL_TCP || protocol === protocols.PROTOCOL_UDP ||
      (this.hasEspHandler && protocol === protocols.PROTOCOL_ESP);
  }

  #takeNetwork(bytes: number): void {
    this.networkBytes = bytes;
    this.#offset = bytes;
  }

  /** Whatever has no handler is pulled, extension header by extension header (ipv6_gso_pull_exthdrs). */
  #readExtensions(skb: Skb): void {
    const { skbs } = this;
    mayPull(skbs, skb, ipv6.HEADER_BYTES);
    let bytes = ipv6.HEADER_BYTES;
    while (isPulledExtension(this.protocol) && mayPull(skbs, skb, bytes + EXTENSION_UNIT)) {
      const at = skb.dataAt + bytes;
      const extensionBytes = (skbs.memory.u8[at + 1]! + 1) * EXTENSION_UNIT;
      if (!mayPull(skbs, skb, bytes + extensionBytes)) break;
      this.protocol = skbs.memory.u8[skb.dataAt + bytes]!;
      bytes += extensionBytes;
    }
    this.#leaveFrag0(skb);
    this.#takeNetwork(bytes);
  }
}

/** Those whose handlers are marked INET6_PROTO_GSO_EXTHDR, and hop-by-hop options. */
function isPulledExtension(protocol: number): boolean {
  return protocol === protocols.PROTOCOL_HOP_BY_HOP || protocol === protocols.PROTOCOL_ROUTING ||
    protocol === protocols.PROTOCOL_DESTINATION_OPTIONS;
}
