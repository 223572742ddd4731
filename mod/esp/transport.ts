/**
 * Where ESP goes in transport mode: behind the IP header, and behind the IPv6 extension headers that are not protected
 * (RFC 4303, section 3.1.1; Linux xfrm4_transport_output, xfrm6_transport_output with ip6_find_1stfragopt, 4.4 and 6.1).
 *
 * Of IPv6 the unfragmentable part stays in front: hop-by-hop options, routing headers, and destination options with
 * everything in front of them but a routing header, which are for the stations on the way. Destination options behind a
 * routing header are for the last one and are protected. Departure: Linux built with Mobile IPv6 leaves destination options
 * with a home address (RFC 6275) in front as well.
 *
 * ```ts
 * import { EspInsertion, writeTransportHeader } from "./transport.ts";
 * const u8 = new Uint8Array(64);
 * u8.set([0x60, 0, 0, 0, 0, 24, 6, 64], 0); // IPv6, next header TCP.
 * const insertion = new EspInsertion();
 * insertion.find(u8, 0, 64); // true
 * insertion.headersBytes; // 40
 * insertion.nextHeader; // 6
 * // ... the 40 bytes are moved to the front of the ESP header, here: they stay where they are ...
 * writeTransportHeader(u8, 0, insertion.nextHeaderOffset, 50, 96);
 * ```
 *
 * @module
 */
import * as ip from "../wire/ip.ts";
import { PROTOCOL_DESTINATION_OPTIONS, PROTOCOL_HOP_BY_HOP, PROTOCOL_ROUTING } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** Where ESP goes into one packet, or where it is in one that has it; overwritten by the next `find()`. */
export class EspInsertion {
  /** Bytes of IP header and extension headers in front of ESP. */
  headersBytes = 0;
  /** Protocol of what is behind them (`ip_protocol.ts`). */
  nextHeader = 0;
  /** Offset from the IP header of the byte that says `nextHeader`: in that header or in the last extension header. */
  nextHeaderOffset = 0;

  /**
   * Reads the headers of the IP packet that begins at absolute offset `ipAt`, and no byte from `endAt` on. False where it is
   * no IP packet, or a header is not all there or claims less than itself: then the fields mean nothing.
   */
  find(u8: Uint8Array, ipAt: number, endAt: number): boolean {
    if (ipAt >= endAt) return false;
    this.headersBytes = ip.headerBytes(u8, ipAt);
    if (ipAt + this.headersBytes > endAt) return false;
    this.nextHeader = ip.protocol(u8, ipAt);
    switch (ip.version(u8, ipAt)) {
      case 4:
        this.nextHeaderOffset = ipv4.OFFSET_PROTOCOL;
        return this.headersBytes >= ipv4.HEADER_BYTES;
      case 6:
        this.nextHeaderOffset = ipv6.OFFSET_NEXT_HEADER;
        return this.#skipExtensions(u8, ipAt, endAt);
      default:
        return false;
    }
  }

  #skipExtensions(u8: Uint8Array, ipAt: number, endAt: number): boolean {
    let isBehindRouting = false;
    while (staysInFront(this.nextHeader, isBehindRouting)) {
      const here = ipAt + this.headersBytes;
      // The length counts 8-byte units behind the first (RFC 8200, section 4).
      if (here + 8 > endAt) return false;
      const bytes = (u8[here + 1]! + 1) * 8;
      if (here + bytes > endAt) return false;
      if (this.nextHeader === PROTOCOL_ROUTING) isBehindRouting = true;
      this.nextHeaderOffset = this.headersBytes;
      this.nextHeader = u8[here]!;
      this.headersBytes += bytes;
    }
    return true;
  }
}

function staysInFront(protocol: number, isBehindRouting: boolean): boolean {
  if (protocol === PROTOCOL_DESTINATION_OPTIONS) return !isBehindRouting;
  return protocol === PROTOCOL_HOP_BY_HOP || protocol === PROTOCOL_ROUTING;
}

/**
 * Corrects the IP header at absolute offset `ipAt`, after it was moved, for what now follows it: `protocol` is written
 * `nextHeaderOffset` bytes behind its start, the length becomes `totalBytes`, header included, and the checksum of IPv4 is
 * computed. Sealing writes 50, opening what the ESP trailer says.
 */
export function writeTransportHeader(
  u8: Uint8Array,
  ipAt: number,
  nextHeaderOffset: number,
  protocol: number,
  totalBytes: number,
): void {
  u8[ipAt + nextHeaderOffset] = protocol;
  ip.setTotalBytes(u8, ipAt, totalBytes);
  if (!ip.isIpv6(u8, ipAt)) ipv4.writeHeaderChecksum(u8, ipAt);
}
