/**
 * The IPv6 header (RFC 8200, section 3).
 *
 * `at` is the absolute offset of the first byte of the header in the byte array. Getters read whatever is there: whether
 * 40 bytes are there, whether the version is 6 and whether the length makes sense is for the caller to test first
 * (`version()`, `payloadLength()`). Addresses are 16 bytes in place, at `at + OFFSET_SOURCE` and `at +
 * OFFSET_DESTINATION`; their text is the work of `ipv6_address.ts`, the headers behind this one are that of
 * `ipv6_extensions.ts`.
 *
 * ```ts
 * import { payloadLength, setPayloadLength, setVersionClassFlow, trafficClass } from "./ipv6.ts";
 * const u8 = new Uint8Array(64);
 * setVersionClassFlow(u8, 14, 0xb8, 0x12345);
 * setPayloadLength(u8, 14, 1460);
 * trafficClass(u8, 14); // 0xb8
 * payloadLength(u8, 14); // 1460
 * ```
 *
 * @module
 */
import { get16, get32, set16, set32 } from "./bytes.ts";

/** Bytes of the header; extension headers are not part of it. */
export const HEADER_BYTES = 40;
/** Bytes of one address. */
export const ADDRESS_BYTES = 16;
/** Bytes of the fragment header (RFC 8200, section 4.5). */
export const FRAGMENT_HEADER_BYTES = 8;

/** Offset of the payload length. */
export const OFFSET_PAYLOAD_LENGTH = 4;
/** Offset of the next header. */
export const OFFSET_NEXT_HEADER = 6;
/** Offset of the hop limit. */
export const OFFSET_HOP_LIMIT = 7;
/** Offset of the source address. */
export const OFFSET_SOURCE = 8;
/** Offset of the destination address. */
export const OFFSET_DESTINATION = 24;

const CLASS_MASK = 0x0ff00000;
const FLOW_LABEL_MASK = 0x000fffff;

/** The version: 6 in an IPv6 header. */
export function version(u8: Uint8Array, at: number): number {
  return u8[at]! >>> 4;
}

/** Traffic class: DSCP in the upper 6 bits (RFC 2474), ECN in the lower 2 (RFC 3168). */
export function trafficClass(u8: Uint8Array, at: number): number {
  return (get16(u8, at) >>> 4) & 0xff;
}

/** Flow label, 20 bits (RFC 6437). */
export function flowLabel(u8: Uint8Array, at: number): number {
  return get32(u8, at) & FLOW_LABEL_MASK;
}

/**
 * Bytes behind this header, extension headers included, as claimed; 0 in a packet above 65535 bytes (a jumbo hop-by-hop
 * option says how long it is: RFC 2675; BIG TCP), and in a capture of one that was to be segmented.
 */
export function payloadLength(u8: Uint8Array, at: number): number {
  return get16(u8, at + OFFSET_PAYLOAD_LENGTH);
}

/** Protocol of what follows the header (`ip_protocol.ts`), which may be an extension header. */
export function nextHeader(u8: Uint8Array, at: number): number {
  return u8[at + OFFSET_NEXT_HEADER]!;
}

/** Hop limit. */
export function hopLimit(u8: Uint8Array, at: number): number {
  return u8[at + OFFSET_HOP_LIMIT]!;
}

/** Writes the first word: version 6, traffic class (8 bits) and flow label (20 bits). */
export function setVersionClassFlow(u8: Uint8Array, at: number, trafficClass: number, flowLabel: number): void {
  set32(u8, at, 0x60000000 | ((trafficClass & 0xff) << 20) | (flowLabel & FLOW_LABEL_MASK));
}

/** Writes the traffic class (8 bits) and nothing else. */
export function setTrafficClass(u8: Uint8Array, at: number, trafficClass: number): void {
  set32(u8, at, (get32(u8, at) & ~CLASS_MASK) | ((trafficClass & 0xff) << 20));
}

/** Writes the flow label (20 bits) and nothing else. */
export function setFlowLabel(u8: Uint8Array, at: number, flowLabel: number): void {
  set32(u8, at, (get32(u8, at) & ~FLOW_LABEL_MASK) | (flowLabel & FLOW_LABEL_MASK));
}

/** Writes the payload length; `bytes` is what follows this header, at most 65535. */
export function setPayloadLength(u8: Uint8Array, at: number, bytes: number): void {
  set16(u8, at + OFFSET_PAYLOAD_LENGTH, bytes);
}

/** Writes the next header. */
export function setNextHeader(u8: Uint8Array, at: number, protocol: number): void {
  u8[at + OFFSET_NEXT_HEADER] = protocol;
}

/** Writes the hop limit. */
export function setHopLimit(u8: Uint8Array, at: number, hops: number): void {
  u8[at + OFFSET_HOP_LIMIT] = hops;
}

/** Writes the source address. `address` is 16 bytes, read and not kept. */
export function setSource(u8: Uint8Array, at: number, address: Uint8Array): void {
  copyAddress(u8, at + OFFSET_SOURCE, address);
}

/** Writes the destination address. `address` is 16 bytes, read and not kept. */
export function setDestination(u8: Uint8Array, at: number, address: Uint8Array): void {
  copyAddress(u8, at + OFFSET_DESTINATION, address);
}

/** A byte loop: faster than `set()` for so few bytes, and the address is no view of the packet. */
function copyAddress(u8: Uint8Array, at: number, address: Uint8Array): void {
  for (let i = 0; i < ADDRESS_BYTES; i++) u8[at + i] = address[i]!;
}
