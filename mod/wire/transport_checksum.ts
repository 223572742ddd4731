/**
 * Checking the TCP and UDP checksums of IPv4 packets.
 *
 * Writing them is the sender's work, piece by piece (`checksum.ts`); this module judges what a capture holds.
 *
 * ```ts
 * import { transportChecksumOkIpv4 } from "./transport_checksum.ts";
 * const u8 = new Uint8Array(64);
 * u8[0] = 0x45;
 * transportChecksumOkIpv4(u8, 0, 20, 44); // true: protocol 0 has no checksum to judge
 * ```
 *
 * @module
 */
import { get16 } from "./bytes.ts";
import { partialSum, pseudoHeaderSumIpv4 } from "./checksum.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./ip_protocol.ts";
import { destination, ihlBytes, protocol, source } from "./ipv4.ts";
import { OFFSET_CHECKSUM as TCP_OFFSET_CHECKSUM } from "./tcp.ts";
import { OFFSET_CHECKSUM as UDP_OFFSET_CHECKSUM } from "./udp.ts";

/**
 * Whether the TCP or UDP checksum of an unfragmented IPv4 packet is right. `ipAt` and `transportAt` are absolute offsets,
 * `transportBytes` is transport header plus payload in bytes, all of which must lie in `u8`. A UDP checksum of zero means
 * that the sender made none: good. A protocol without a known checksum field counts as good.
 */
export function transportChecksumOkIpv4(
  u8: Uint8Array,
  ipAt: number,
  transportAt: number,
  transportBytes: number,
): boolean {
  const field = checksumFieldOffset(protocol(u8, ipAt));
  if (field < 0) return true;
  if (transportBytes < field + 2) return false;
  if (field === UDP_OFFSET_CHECKSUM && get16(u8, transportAt + field) === 0) return true;
  const pseudo = pseudoHeaderSumIpv4(source(u8, ipAt), destination(u8, ipAt), protocol(u8, ipAt), transportBytes);
  return partialSum(u8, transportAt, transportBytes, pseudo) === 0xffff;
}

/**
 * Whether the TCP or UDP checksum field of an IPv4 packet holds the folded, not complemented sum of the pseudo-header:
 * what the stack leaves for a NIC to finish (Linux CHECKSUM_PARTIAL), hence what a capture taken on the sending host
 * shows. `transportBytes` is transport header plus payload in bytes, as the IP header claims; only headers are read.
 */
export function holdsOnlyPseudoHeaderSum(
  u8: Uint8Array,
  ipAt: number,
  transportBytes: number,
): boolean {
  const field = checksumFieldOffset(protocol(u8, ipAt));
  if (field < 0 || transportBytes < field + 2) return false;
  const held = get16(u8, ipAt + ihlBytes(u8, ipAt) + field);
  const pseudo = pseudoHeaderSumIpv4(source(u8, ipAt), destination(u8, ipAt), protocol(u8, ipAt), transportBytes);
  return held === pseudo;
}

/** Offset of the checksum from the start of the transport header, or -1 where this program knows none. */
function checksumFieldOffset(protocol: number): number {
  if (protocol === PROTOCOL_TCP) return TCP_OFFSET_CHECKSUM;
  if (protocol === PROTOCOL_UDP) return UDP_OFFSET_CHECKSUM;
  return -1;
}
