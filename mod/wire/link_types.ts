/**
 * Names of link types: the LINKTYPE_ numbers that say with which header the packets of a capture begin.
 *
 * The numbers and names are those of the list at tcpdump.org ("Link-Layer Header Types"), written in lower case with
 * hyphens. Numbers that have no business in a network capture are left out: `linkTypeName()` still names them, by number.
 *
 * @example
 * ```ts
 * import { linkTypeName } from "./link_types.ts";
 * linkTypeName(1); // "ethernet"
 * linkTypeName(9999); // "linktype-9999"
 * ```
 *
 * @module
 */

/** BSD loopback: 4 bytes of address family in the byte order of the capturing host. */
export const LINKTYPE_NULL = 0;
/** Ethernet, without preamble and normally without frame check sequence. */
export const LINKTYPE_ETHERNET = 1;
/** PPP, with or without HDLC-like framing. */
export const LINKTYPE_PPP = 9;
/** The number that some systems write for raw IP, instead of LINKTYPE_RAW. */
export const LINKTYPE_RAW_12 = 12;
/** The number that OpenBSD writes for raw IP, instead of LINKTYPE_RAW. */
export const LINKTYPE_RAW_14 = 14;
/** Raw IP: the packet begins with an IPv4 or IPv6 header. */
export const LINKTYPE_RAW = 101;
/** OpenBSD loopback: 4 bytes of address family in network byte order. */
export const LINKTYPE_LOOP = 108;
/** Linux "cooked" capture, version 1: 16 bytes of header. */
export const LINKTYPE_LINUX_SLL = 113;
/** Raw IPv4. */
export const LINKTYPE_IPV4 = 228;
/** Raw IPv6. */
export const LINKTYPE_IPV6 = 229;
/** Linux "cooked" capture, version 2: 20 bytes of header. */
export const LINKTYPE_LINUX_SLL2 = 276;

const LINK_TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [LINKTYPE_NULL, "null"],
  [LINKTYPE_ETHERNET, "ethernet"],
  [3, "ax25"],
  [6, "ieee802-5"],
  [7, "arcnet-bsd"],
  [8, "slip"],
  [LINKTYPE_PPP, "ppp"],
  [10, "fddi"],
  [LINKTYPE_RAW_12, "raw"],
  [LINKTYPE_RAW_14, "raw"],
  [50, "ppp-hdlc"],
  [51, "ppp-ether"],
  [100, "atm-rfc1483"],
  [LINKTYPE_RAW, "raw"],
  [104, "c-hdlc"],
  [105, "ieee802-11"],
  [107, "frelay"],
  [LINKTYPE_LOOP, "loop"],
  [LINKTYPE_LINUX_SLL, "linux-sll"],
  [117, "pflog"],
  [119, "ieee802-11-prism"],
  [122, "ip-over-fc"],
  [127, "ieee802-11-radiotap"],
  [138, "apple-ip-over-ieee1394"],
  [143, "docsis"],
  [147, "user0"],
  [163, "ieee802-11-avs"],
  [166, "ppp-pppd"],
  [187, "bluetooth-hci-h4"],
  [189, "usb-linux"],
  [192, "ppi"],
  [195, "ieee802-15-4-withfcs"],
  [197, "erf"],
  [201, "bluetooth-hci-h4-with-phdr"],
  [204, "ppp-with-dir"],
  [205, "c-hdlc-with-dir"],
  [220, "usb-linux-mmapped"],
  [226, "ipnet"],
  [227, "can-socketcan"],
  [LINKTYPE_IPV4, "ipv4"],
  [LINKTYPE_IPV6, "ipv6"],
  [230, "ieee802-15-4-nofcs"],
  [231, "dbus"],
  [239, "nflog"],
  [240, "netanalyzer"],
  [241, "netanalyzer-transparent"],
  [242, "ipoib"],
  [247, "infiniband"],
  [249, "usbpcap"],
  [252, "wireshark-upper-pdu"],
  [253, "netlink"],
  [258, "pktap"],
  [271, "vsock"],
  [274, "ethernet-mpacket"],
  [LINKTYPE_LINUX_SLL2, "linux-sll2"],
  [280, "vpp-dispatch"],
  [281, "dsa-tag-brcm"],
  [282, "dsa-tag-brcm-prepend"],
  [284, "dsa-tag-dsa"],
  [285, "dsa-tag-edsa"],
]);

/** Name of a LINKTYPE_ number, or `linktype-N` where the list above has none. */
export function linkTypeName(linkType: number): string {
  return LINK_TYPE_NAMES.get(linkType) ?? `linktype-${linkType}`;
}
