/**
 * Finds the network layer of a captured packet behind whatever link layer it was captured with.
 *
 * Followed: Ethernet with any number of 802.1Q, 802.1ad and 0x9100 tags, PPPoE sessions (RFC 2516) and MPLS label stacks
 * (RFC 3032; what is inside is guessed by its first nibble, since labels do not say it); Linux "cooked" captures of both
 * versions; PPP (RFC 1661) with and without HDLC address and control (RFC 1662) and with a compressed protocol field; BSD
 * loopback headers in either byte order; raw IP. What cannot be followed, because it is unknown or was cut off, is left as
 * it is: the network layer begins there.
 *
 * ```ts
 * import { LinkLayer } from "./link_layer.ts";
 * import { LINKTYPE_RAW } from "./link_types.ts";
 * const link = new LinkLayer();
 * link.read(Uint8Array.of(0x45, 0), 0, 2, LINKTYPE_RAW);
 * link.etherType; // 0x0800
 * ```
 *
 * @module
 */

import { get16, get32 } from "./bytes.ts";
import {
  ETH_HLEN,
  etherType,
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPE_MPLS,
  ETHERTYPE_PPPOE_SESSION,
  ETHERTYPE_SERVICE_VLAN,
  ETHERTYPE_VLAN,
  VLAN_HLEN,
} from "./ethernet.ts";
import * as link from "./link_types.ts";

/** Tag of double tagging before IEEE 802.1ad. */
const ETHERTYPE_QINQ = 0x9100;
/** MPLS multicast (RFC 5332). */
const ETHERTYPE_MPLS_MULTICAST = 0x8848;
/** Protocols of PPP (RFC 1332, RFC 5072). */
const PPP_IPV4 = 0x0021;
const PPP_IPV6 = 0x0057;
/** Address and control field of PPP in HDLC-like framing. */
const PPP_HDLC = 0xff03;
const PPPOE_HEADER_BYTES = 6;
const PPPOE_VERSION_1_TYPE_1 = 0x11;
const MPLS_LABEL_BYTES = 4;
const MPLS_BOTTOM_OF_STACK = 0x100;
const LOOPBACK_HEADER_BYTES = 4;
const SLL_HEADER_BYTES = 16;
const SLL2_HEADER_BYTES = 20;
/** Kind of a Linux device whose packets have no EtherType (ARPHRD_NETLINK). */
const ARPHRD_NETLINK = 824;

/** AF_INET, the same everywhere. */
const FAMILY_IPV4 = 2;
/** AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD, macOS. */
const FAMILIES_IPV6: readonly number[] = [10, 23, 24, 28, 30];

const FOLLOWED_LINK_TYPES: ReadonlySet<number> = new Set([
  link.LINKTYPE_NULL,
  link.LINKTYPE_ETHERNET,
  link.LINKTYPE_PPP,
  link.LINKTYPE_RAW_12,
  link.LINKTYPE_RAW_14,
  link.LINKTYPE_RAW,
  link.LINKTYPE_LOOP,
  link.LINKTYPE_LINUX_SLL,
  link.LINKTYPE_IPV4,
  link.LINKTYPE_IPV6,
  link.LINKTYPE_LINUX_SLL2,
]);

/** Whether packets of a link type (LINKTYPE_ number) are understood here. */
export function isLinkTypeFollowed(linkType: number): boolean {
  return FOLLOWED_LINK_TYPES.has(linkType);
}

/** Where the network layer of one packet is; overwritten by the next `read()`. */
export class LinkLayer {
  /** EtherType of the network layer; 0 where it is not known. */
  etherType = 0;
  /**
   * Offset of the network layer in the array that was read, at most the end of what was captured. An Ethernet frame too
   * short for its header has none, and this is its beginning.
   */
  networkAt = 0;
  /** The packet has an Ethernet header of its own, and nothing else in front of its network layer. */
  isPlainEthernet = false;

  /** Reads the packet of which `capturedBytes` are at `at` in `u8`, and no byte outside of these. */
  read(u8: Uint8Array, at: number, capturedBytes: number, linkType: number): void {
    const end = at + capturedBytes;
    this.etherType = 0;
    this.networkAt = at;
    this.isPlainEthernet = false;
    if (linkType === link.LINKTYPE_ETHERNET) this.#readEthernet(u8, at, end);
    else this.#readOther(u8, at, end, linkType);
  }

  #readEthernet(u8: Uint8Array, at: number, end: number): void {
    this.isPlainEthernet = true;
    if (at + ETH_HLEN > end) return;
    this.#follow(u8, at + ETH_HLEN, end, etherType(u8, at));
    this.isPlainEthernet = this.networkAt === at + ETH_HLEN;
  }

  #readOther(u8: Uint8Array, at: number, end: number, linkType: number): void {
    switch (linkType) {
      case link.LINKTYPE_LINUX_SLL:
        return this.#readCooked(u8, at, end, SLL_HEADER_BYTES, 2, 14);
      case link.LINKTYPE_LINUX_SLL2:
        return this.#readCooked(u8, at, end, SLL2_HEADER_BYTES, 8, 0);
      case link.LINKTYPE_RAW:
      case link.LINKTYPE_RAW_12:
      case link.LINKTYPE_RAW_14:
        this.etherType = etherTypeByNibble(u8, at, end);
        return;
      case link.LINKTYPE_IPV4:
        this.etherType = ETHERTYPE_IPV4;
        return;
      case link.LINKTYPE_IPV6:
        this.etherType = ETHERTYPE_IPV6;
        return;
      case link.LINKTYPE_NULL:
      case link.LINKTYPE_LOOP:
        return this.#readLoopback(u8, at, end);
      case link.LINKTYPE_PPP:
        return this.#readPpp(u8, at + 2 <= end && get16(u8, at) === PPP_HDLC ? at + 2 : at, end);
    }
  }

  /** A header of the capturing tool, with the kind of the device and the protocol somewhere in it. */
  #readCooked(u8: Uint8Array, at: number, end: number, headerBytes: number, kindAt: number, protocolAt: number): void {
    if (at + headerBytes > end) return;
    this.networkAt = at + headerBytes;
    if (get16(u8, at + kindAt) === ARPHRD_NETLINK) return;
    this.#follow(u8, at + headerBytes, end, get16(u8, at + protocolAt));
  }

  /** The address family is in the byte order of the capturing host, which nothing says: a small number either way. */
  #readLoopback(u8: Uint8Array, at: number, end: number): void {
    if (at + LOOPBACK_HEADER_BYTES > end) return;
    this.networkAt = at + LOOPBACK_HEADER_BYTES;
    const word = get32(u8, at);
    const family = word <= 0xff ? word : (word & 0xffffff) === 0 ? word >>> 24 : 0;
    if (family === FAMILY_IPV4) this.etherType = ETHERTYPE_IPV4;
    else if (FAMILIES_IPV6.includes(family)) this.etherType = ETHERTYPE_IPV6;
  }

  /** Leaves everything as it is where the protocol is not IP. */
  #readPpp(u8: Uint8Array, at: number, end: number): void {
    if (at >= end) return;
    // All protocol numbers are odd and have an even high byte, so an odd first byte is the only one.
    const protocolBytes = (u8[at]! & 1) === 1 ? 1 : 2;
    if (at + protocolBytes > end) return;
    const protocol = protocolBytes === 1 ? u8[at]! : get16(u8, at);
    if (protocol !== PPP_IPV4 && protocol !== PPP_IPV6) return;
    this.etherType = protocol === PPP_IPV4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
    this.networkAt = at + protocolBytes;
  }

  /** Follows what may stand between an EtherType and the network layer. */
  #follow(u8: Uint8Array, at: number, end: number, type: number): void {
    while (isTag(type) && at + VLAN_HLEN <= end) {
      type = get16(u8, at + 2);
      at += VLAN_HLEN;
    }
    this.etherType = type;
    this.networkAt = at;
    if (type === ETHERTYPE_PPPOE_SESSION) this.#readPppoe(u8, at, end);
    else if (type === ETHERTYPE_MPLS || type === ETHERTYPE_MPLS_MULTICAST) this.#readMpls(u8, at, end);
  }

  #readPppoe(u8: Uint8Array, at: number, end: number): void {
    if (at + PPPOE_HEADER_BYTES > end) return;
    if (u8[at] !== PPPOE_VERSION_1_TYPE_1 || u8[at + 1] !== 0) return;
    this.#readPpp(u8, at + PPPOE_HEADER_BYTES, end);
  }

  #readMpls(u8: Uint8Array, at: number, end: number): void {
    for (let label = at; label + MPLS_LABEL_BYTES <= end; label += MPLS_LABEL_BYTES) {
      if ((get32(u8, label) & MPLS_BOTTOM_OF_STACK) === 0) continue;
      const type = etherTypeByNibble(u8, label + MPLS_LABEL_BYTES, end);
      if (type === 0) return;
      this.etherType = type;
      this.networkAt = label + MPLS_LABEL_BYTES;
      return;
    }
  }
}

function isTag(type: number): boolean {
  return type === ETHERTYPE_VLAN || type === ETHERTYPE_SERVICE_VLAN || type === ETHERTYPE_QINQ;
}

/** IPv4 or IPv6 by the version that an IP header begins with; 0 where it is neither. */
function etherTypeByNibble(u8: Uint8Array, at: number, end: number): number {
  if (at >= end) return 0;
  const version = u8[at]! >>> 4;
  return version === 4 ? ETHERTYPE_IPV4 : version === 6 ? ETHERTYPE_IPV6 : 0;
}
