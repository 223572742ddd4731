/**
 * Ethernet frames built by hand for the tests of this folder, with right checksums unless asked otherwise. Not part of the
 * library, and made with no code of `mod/wire`, so that the two check each other.
 *
 * @example
 * ```ts
 * import { buildFrame } from "./testing_frames.ts";
 * buildFrame({ protocol: 17, payloadBytes: 100 }).length; // 142
 * ```
 *
 * @module
 */

/** Fields of one Ethernet and IPv4 frame; what is left out is that of an ordinary TCP segment of 100 bytes. */
export interface FrameFields {
  /** EtherType, 0x0800. */
  etherType?: number;
  /** Source address as 4 bytes, 192.0.2.1. */
  source?: readonly number[];
  /** Destination address as 4 bytes, 192.0.2.2. */
  destination?: readonly number[];
  /** IP protocol, 6. What is neither 6 nor 17 has no transport header. */
  protocol?: number;
  /** Source port, 40000. */
  sourcePort?: number;
  /** Destination port, 5001. */
  destinationPort?: number;
  /** Bytes behind the transport header. */
  payloadBytes?: number;
  /** Flags and fragment offset of the IP header; DF alone. */
  fragmentWord?: number;
  /** Total length that the IP header claims; the right one. */
  totalLength?: number;
  /** Length that the UDP header claims; the right one. Also what the checksum covers, as far as there is that much. */
  udpLength?: number;
  /** Bytes of zeros behind the IP packet. */
  paddingBytes?: number;
  /** What stands in the checksum field: the right one, the sum of the pseudo-header alone, or a number. */
  checksum?: "complete" | "pseudo-header" | number;
}

const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;

/** Builds one frame. */
export function buildFrame(fields: FrameFields = {}): Uint8Array {
  const { protocol = PROTOCOL_TCP, source = [192, 0, 2, 1], destination = [192, 0, 2, 2], paddingBytes = 0 } = fields;
  const transport = buildTransport(fields, [...source, ...destination], protocol);
  const frame = new Uint8Array(34 + transport.length + paddingBytes);
  const view = new DataView(frame.buffer);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
  view.setUint16(12, fields.etherType ?? 0x0800);
  frame[14] = 0x45;
  view.setUint16(16, fields.totalLength ?? Math.min(20 + transport.length, 0xffff));
  view.setUint16(20, fields.fragmentWord ?? 0x4000);
  frame[22] = 64;
  frame[23] = protocol;
  frame.set([...source, ...destination], 26);
  frame.set(transport, 34);
  return frame;
}

function buildTransport(fields: FrameFields, addresses: number[], protocol: number): Uint8Array {
  const { payloadBytes = 100, checksum = "complete" } = fields;
  const headerBytes = protocol === PROTOCOL_TCP ? 20 : protocol === PROTOCOL_UDP ? 8 : 0;
  const transport = Uint8Array.from({ length: headerBytes + payloadBytes }, (_, index) => (index * 7 + 3) & 0xff);
  if (headerBytes === 0) return transport;
  const view = new DataView(transport.buffer);
  view.setUint16(0, fields.sourcePort ?? 40000);
  view.setUint16(2, fields.destinationPort ?? 5001);
  if (protocol === PROTOCOL_TCP) transport[12] = 5 << 4;
  else view.setUint16(4, fields.udpLength ?? transport.length);
  const coveredBytes = protocol === PROTOCOL_UDP ? view.getUint16(4) : transport.length;
  const checksumAt = protocol === PROTOCOL_TCP ? 16 : 6;
  const pseudoHeader = [...addresses, 0, protocol, ...[24, 16, 8, 0].map((shift) => (coveredBytes >>> shift) & 0xff)];
  view.setUint16(checksumAt, 0);
  if (checksum === "pseudo-header") view.setUint16(checksumAt, sumOf(pseudoHeader));
  else if (checksum === "complete") {
    view.setUint16(checksumAt, ~sumOf([...pseudoHeader, ...transport.subarray(0, coveredBytes)]));
  } else view.setUint16(checksumAt, checksum);
  return transport;
}

/** The ones-complement sum of RFC 1071 over big-endian words, in its plainest form. */
function sumOf(bytes: readonly number[]): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2) {
    sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}
