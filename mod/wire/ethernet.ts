/**
 * The Ethernet header: 6 bytes destination, 6 bytes source, 2 bytes type (IEEE 802.3 clause 3, RFC 894).
 *
 * `at` is the absolute offset of the destination address in the byte array. The frame check sequence is not part of a
 * frame here, as in captures and in Linux.
 *
 * ```ts
 * import { ETHERTYPE_IPV4, etherType, writeEthernet } from "./ethernet.ts";
 * const u8 = new Uint8Array(64);
 * writeEthernet(u8, 2, new Uint8Array(6).fill(0xff), new Uint8Array(6), ETHERTYPE_IPV4);
 * etherType(u8, 2); // 0x0800
 * ```
 *
 * @module
 */
import { get16, set16 } from "./bytes.ts";

/** Bytes of the Ethernet header without tags. */
export const ETH_HLEN = 14;
/** Bytes of one Ethernet address. */
export const ETH_ALEN = 6;
/** Bytes that one IEEE 802.1Q tag adds: 2 control, 2 type of what follows. */
export const VLAN_HLEN = 4;

/** Offset of the source address from the start of the header. */
export const OFFSET_SOURCE = 6;
/** Offset of the type from the start of the header. */
export const OFFSET_TYPE = 12;

/** IPv4 (RFC 894). */
export const ETHERTYPE_IPV4 = 0x0800;
/** Address resolution protocol (RFC 826). */
export const ETHERTYPE_ARP = 0x0806;
/** Ethernet frame inside another protocol (RFC 1701). */
export const ETHERTYPE_TEB = 0x6558;
/** IEEE 802.1Q customer tag. */
export const ETHERTYPE_VLAN = 0x8100;
/** IPv6 (RFC 2464). */
export const ETHERTYPE_IPV6 = 0x86dd;
/** MPLS unicast (RFC 3032). */
export const ETHERTYPE_MPLS = 0x8847;
/** PPPoE session (RFC 2516). */
export const ETHERTYPE_PPPOE_SESSION = 0x8864;
/** IEEE 802.1ad service tag. */
export const ETHERTYPE_SERVICE_VLAN = 0x88a8;

/** The type field of the frame at `at`; a value below 0x0600 is an IEEE 802.3 length. */
export function etherType(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_TYPE);
}

/** Writes the 14 bytes of the header. `destination` and `source` are 6 bytes each, read and not kept. */
export function writeEthernet(
  u8: Uint8Array,
  at: number,
  destination: Uint8Array,
  source: Uint8Array,
  type: number,
): void {
  for (let i = 0; i < ETH_ALEN; i++) {
    u8[at + i] = destination[i]!;
    u8[at + OFFSET_SOURCE + i] = source[i]!;
  }
  set16(u8, at + OFFSET_TYPE, type);
}
