/**
 * ESP behind a UDP header, so that NATs let it pass (RFC 3948; Linux esp_output_udp_encap, esp6_output_udp_encap,
 * xfrm4_udp_encap_rcv, xfrm6_udp_encap_rcv, 4.4 and 6.1).
 *
 * On the same port come IKE, with 4 bytes of zeros where ESP has its SPI (the non-ESP marker), and keepalives, a single byte
 * 0xff.
 *
 * ```ts
 * import { DATAGRAM, kindOfDatagram } from "./udp_encapsulation.ts";
 * kindOfDatagram(Uint8Array.of(0xff), 0, 1); // DATAGRAM.keepalive
 * ```
 *
 * @module
 */
import { get32, set16 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import { PROTOCOL_ESP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as udp from "../wire/udp.ts";
import { ESP_HEADER_BYTES } from "./arithmetic.ts";
import type { SecurityAssociation, UdpEncapsulation } from "./sa.ts";

/** What a datagram to the port of encapsulated ESP is. */
export const DATAGRAM = { esp: 0, keepalive: 1, other: 2 } as const;

const KEEPALIVE = 0xff;
/** Zero in a checksum field says that there is none; a checksum that comes out as zero is written so. */
const CHECKSUM_OF_ZERO = 0xffff;

/** What a datagram is whose payload of `bytes` bytes begins at `at`: a number of {@linkcode DATAGRAM}. */
export function kindOfDatagram(u8: Uint8Array, at: number, bytes: number): number {
  if (bytes === 1 && u8[at] === KEEPALIVE) return DATAGRAM.keepalive;
  return bytes > ESP_HEADER_BYTES && get32(u8, at) !== 0 ? DATAGRAM.esp : DATAGRAM.other;
}

/** Whether the UDP header at `udpAt`, in an IP packet that ends at `endAt`, is to `port` and ESP is behind it. */
export function isEncapsulatedEsp(u8: Uint8Array, udpAt: number, endAt: number, port: number): boolean {
  if (endAt - udpAt < udp.HEADER_BYTES || udp.destinationPort(u8, udpAt) !== port) return false;
  const bytes = udp.length(u8, udpAt);
  if (bytes < udp.HEADER_BYTES || bytes > endAt - udpAt) return false;
  return kindOfDatagram(u8, udpAt + udp.HEADER_BYTES, bytes - udp.HEADER_BYTES) === DATAGRAM.esp;
}

/** What follows the IP header in packets of an association. */
export function outerProtocol({ encapsulation }: SecurityAssociation): number {
  return encapsulation === null ? PROTOCOL_ESP : PROTOCOL_UDP;
}

/** Writes a UDP header without a checksum; `bytes` is that of the datagram, UDP header to ICV. */
export function writeUdpHeader(
  u8: Uint8Array,
  at: number,
  { sourcePort, destinationPort }: UdpEncapsulation,
  bytes: number,
): void {
  set16(u8, at + udp.OFFSET_SOURCE_PORT, sourcePort);
  set16(u8, at + udp.OFFSET_DESTINATION_PORT, destinationPort);
  udp.setLength(u8, at, bytes);
  udp.setChecksum(u8, at, 0);
}

/** Writes the checksum that IPv6 asks for, over an encrypted packet that lies in one piece. */
export function writeUdpChecksum(u8: Uint8Array, ipAt: number, udpAt: number): void {
  const bytes = udp.length(u8, udpAt);
  udp.setChecksum(u8, udpAt, 0);
  udp.setChecksum(u8, udpAt, udpChecksum(partialSum(u8, udpAt, bytes), u8, ipAt, bytes));
}

/** The checksum of a datagram of `bytes` bytes that add up to `sum`, behind the IP header at `ipAt`. */
export function udpChecksum(sum: number, u8: Uint8Array, ipAt: number, bytes: number): number {
  const checksum = finish(pseudoHeaderSum(u8, ipAt, PROTOCOL_UDP, bytes) + sum);
  return checksum === 0 ? CHECKSUM_OF_ZERO : checksum;
}
