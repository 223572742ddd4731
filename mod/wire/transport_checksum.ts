/**
 * Checking the TCP and UDP checksums of IPv4 and IPv6 packets.
 *
 * Writing them is the sender's work, piece by piece (`checksum.ts`); this module judges what a capture holds.
 *
 * ```ts
 * import { transportChecksumOk } from "./transport_checksum.ts";
 * const u8 = new Uint8Array(64);
 * u8[0] = 0x45;
 * transportChecksumOk(u8, 0, 50, 20, 44); // true: ESP has no checksum to judge
 * ```
 *
 * @module
 */
import { get16 } from "./bytes.ts";
import { partialSum, pseudoHeaderSum } from "./checksum.ts";
import { isIpv6 } from "./ip.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./ip_protocol.ts";
import { OFFSET_CHECKSUM as TCP_OFFSET_CHECKSUM } from "./tcp.ts";
import { OFFSET_CHECKSUM as UDP_OFFSET_CHECKSUM } from "./udp.ts";

// Both functions take the absolute offsets of the IP header and of the transport header, which in IPv6 is behind the
// extension headers, and `protocol`, that of the transport header. `transportBytes` is transport header plus payload.

/**
 * Whether the TCP or UDP checksum of an unfragmented packet is right. All `transportBytes` must lie in `u8`. A UDP checksum
 * of zero means in IPv4 that the sender made none: good; in IPv6 it is wrong (RFC 8200, section 8.1; that some tunnels may
 * do so, RFC 6935, is not known here). A protocol without a known checksum field counts as good.
 */
export function transportChecksumOk(
  u8: Uint8Array,
  ipAt: number,
  protocol: number,
  transportAt: number,
  transportBytes: number,
): boolean {
  const field = checksumFieldOffset(protocol);
  if (field < 0) return true;
  if (transportBytes < field + 2) return false;
  if (field === UDP_OFFSET_CHECKSUM && get16(u8, transportAt + field) === 0) return !isIpv6(u8, ipAt);
  const pseudo = pseudoHeaderSum(u8, ipAt, protocol, transportBytes);
  return partialSum(u8, transportAt, transportBytes, pseudo) === 0xffff;
}

/**
 * Whether the TCP or UDP checksum field holds the folded, not complemented sum of the pseudo-header: what the stack leaves
 * for a NIC to finish (Linux CHECKSUM_PARTIAL), hence what a capture taken on the sending host shows. `transportBytes` is
 * as the IP header claims; only headers are read.
 */
export function holdsOnlyPseudoHeaderSum(
  u8: Uint8Array,
  ipAt: number,
  protocol: number,
  transportAt: number,
  transportBytes: number,
): boolean {
  const field = checksumFieldOffset(protocol);
  if (field < 0 || transportBytes < field + 2) return false;
  return get16(u8, transportAt + field) === pseudoHeaderSum(u8, ipAt, protocol, transportBytes);
}

/** Offset of the checksum from the start of the transport header, or -1 where this program knows none. */
function checksumFieldOffset(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return TCP_OFFSET_CHECKSUM;
  if (protocol === PROTOCOL_UDP) return UDP_OFFSET_CHECKSUM;
  return -1;
}
