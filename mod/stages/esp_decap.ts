/**
 * What is done to a decrypted ESP packet: trailer and headers come off, and a clear packet is left.
 *
 * linux-datapath 4.3, 15.1, 15.12 (esp_input_done2, esp_remove_trailer, net/ipv4/esp4.c and net/ipv6/esp6.c;
 * xfrm_inner_mode_input, xfrm4_transport_finish, xfrm6_transport_finish in 6.1, net/ipv4/xfrm4_mode_*.c and
 * net/ipv6/xfrm6_mode_*.c in 4.4). The padding is not looked at. Cutting the trailer off moves no bytes, except that 6.1
 * then pulls what is left in pages into the head where it fits (skb_condense). In tunnel mode the inner IP header becomes
 * linear, and the buffer private.
 *
 * Departures: the two bytes of the trailer are read, not copied: no event. Headers that move within their buffer are no copy, as in the kernel recordings.
 *
 * @module
 */

import { ESP_TRAILER_BYTES } from "../esp/arithmetic.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { writeTransportHeader } from "../esp/transport.ts";
import { innerDsField } from "../esp/tunnel_header.ts";
import { NONE, REASON } from "../ledger/schema.ts";
import { moveMacHeader, pull, pushMovedHeader, unclone } from "../skb/head_ops.ts";
import { mayPull, trim } from "../skb/paged_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { set16 } from "../wire/bytes.ts";
import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, OFFSET_TYPE } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_IPIP, PROTOCOL_IPV6, PROTOCOL_NONE } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Extensions } from "../wire/ipv6_extensions.ts";
import { espHeaderBytes } from "./esp_transform.ts";
import type { Host } from "./host.ts";

/** Takes ESP off packets whose data begin at their ESP header, one at a time. */
export class EspDecap {
  /** Next header of the packet that was unpacked last. */
  nextHeader = 0;

  readonly #trailer = new Uint8Array(ESP_TRAILER_BYTES);
  readonly #extensions = new Ipv6Extensions();

  constructor(readonly host: Host) {}

  /** Cuts padding, trailer and ICV off, and ESP header and IV. The reason to drop the packet, or NONE. */
  removeEsp(skb: Skb, sa: SecurityAssociation): number {
    const { skbs } = this.host;
    const headerBytes = espHeaderBytes(sa);
    const trailer = this.#trailer;
    gather(skbs, skb, skb.len - sa.icvBytes - ESP_TRAILER_BYTES, ESP_TRAILER_BYTES, trailer);
    const cutBytes = trailer[0]! + ESP_TRAILER_BYTES + sa.icvBytes;
    if (cutBytes >= skb.len - headerBytes) return REASON.padLength;
    this.nextHeader = trailer[1]!;
    trim(skbs, skb, skb.len - cutBytes);
    pull(skb, headerBytes);
    return this.nextHeader === PROTOCOL_NONE ? REASON.dummy : NONE;
  }

  /** What `removeEsp()` has left becomes the packet that was protected. The reason to drop it, or NONE. */
  restore(skb: Skb, sa: SecurityAssociation): number {
    if (sa.mode === "tunnel") return this.#restoreTunnelled(skb, sa);
    this.#restoreTransported(skb, sa.encapsulationBytes);
    // A NAT has changed the addresses that the inner checksum was made of: it is not looked at (RFC 3948, section 3.1.2).
    if (sa.encapsulation !== null) skb.ipSummed = CHECKSUM.unnecessary;
    return NONE;
  }

  #restoreTunnelled(skb: Skb, { tunnelHeader }: SecurityAssociation): number {
    const { skbs } = this.host;
    const isIpv6 = this.nextHeader === PROTOCOL_IPV6;
    if (!isIpv6 && this.nextHeader !== PROTOCOL_IPIP) return REASON.notTunnelled;
    if (!mayPull(skbs, skb, isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES)) return REASON.notTunnelled;
    unclone(skbs, skb);
    const { u8 } = skbs.memory;
    const inside = ip.dsField(u8, skb.dataAt);
    const field = innerDsField(inside, ip.dsField(u8, skb.head.at + skb.networkHeader), tunnelHeader);
    if (field !== inside) changeDsField(u8, skb.dataAt, field);
    skb.networkHeader = skb.data;
    skb.transportHeader = skb.data;
    moveMacHeader(skbs, skb);
    set16(u8, skb.head.at + skb.macHeader + OFFSET_TYPE, isIpv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
    return NONE;
  }

  /** The IP header moves over the ESP header, and over UDP between them, and says what it said before. */
  #restoreTransported(skb: Skb, encapsulationBytes: number): void {
    const { skbs } = this.host;
    const { u8 } = skbs.memory;
    const protocolOffset = this.#protocolOffset(u8, skb);
    pushMovedHeader(skbs, skb, skb.transportHeader - encapsulationBytes - skb.networkHeader);
    writeTransportHeader(u8, skb.dataAt, protocolOffset, this.nextHeader, skb.len);
  }

  /** Offset from the IP header of the byte that says that ESP follows. */
  #protocolOffset(u8: Uint8Array, skb: Skb): number {
    const at = skb.head.at + skb.networkHeader;
    if (!ip.isIpv6(u8, at)) return ipv4.OFFSET_PROTOCOL;
    this.#extensions.read(u8, at, skb.head.at + skb.transportHeader);
    return this.#extensions.protocolAt - at;
  }
}

/** What the outer header says about DSCP and congestion goes into the inner one. */
function changeDsField(u8: Uint8Array, at: number, field: number): void {
  ip.setDsField(u8, at, field);
  if (!ip.isIpv6(u8, at)) ipv4.writeHeaderChecksum(u8, at);
}
