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

/** Fields of one Ethernet and IP frame; what is left out is that of an ordinary TCP segment of 100 bytes over IPv4. */
export interface FrameFields {
  /** Version of IP, 4. */
  ipVersion?: 4 | 6;
  /** EtherType; that of the version. */
  etherType?: number;
  /** Source address as 4 or 16 bytes, 192.0.2.1 or 2001:db8::1. */
  source?: readonly number[];
  /** Destination address as 4 or 16 bytes, 192.0.2.2 or 2001:db8::2. */
  destination?: readonly number[];
  /** IP protocol, 6. What is neither 6 nor 17 has no transport header. */
  protocol?: number;
  /** The first extension header of IPv6; none. */
  nextHeader?: number;
  /** Bytes of the extension headers, the last of which should name the protocol. */
  extensions?: readonly number[];
  /** Source port, 40000. */
  sourcePort?: number;
  /** Destination port, 5001. */
  destinationPort?: number;
  /** Bytes behind the transport header. */
  payloadBytes?: number;
  /** What stands behind the transport header instead of a pattern. */
  payload?: readonly number[];
  /** Flags and fragment offset of the IPv4 header; DF alone. */
  fragmentWord?: number;
  /** Total length of IPv4, or payload length of IPv6, that the IP header claims; the right one. */
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
  const { ipVersion = 4, paddingBytes = 0 } = fields;
  const [source, destination] = ipVersion === 4
    ? [fields.source ?? [192, 0, 2, 1], fields.destination ?? [192, 0, 2, 2]]
    : [fields.source ?? documentationAddress(1), fields.destination ?? documentationAddress(2)];
  const addresses = [...source, ...destination];
  const transport = buildTransport(fields, addresses, fields.protocol ?? PROTOCOL_TCP);
  const header = ipVersion === 4
    ? buildIpv4(fields, addresses, transport.length)
    : buildIpv6(fields, addresses, transport.length);
  const frame = new Uint8Array(14 + header.length + transport.length + paddingBytes);
  frame.set([2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
  new DataView(frame.buffer).setUint16(12, fields.etherType ?? (ipVersion === 4 ? 0x0800 : 0x86dd));
  frame.set(header, 14);
  frame.set(transport, 14 + header.length);
  return frame;
}

/** 2001:db8::`host`. */
function documentationAddress(host: number): number[] {
  return [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), host];
}

function buildIpv4(fields: FrameFields, addresses: readonly number[], transportBytes: number): Uint8Array {
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  header[0] = 0x45;
  view.setUint16(2, fields.totalLength ?? Math.min(20 + transportBytes, 0xffff));
  view.setUint16(6, fields.fragmentWord ?? 0x4000);
  header[8] = 64;
  header[9] = fields.protocol ?? PROTOCOL_TCP;
  header.set(addresses, 12);
  return header;
}

function buildIpv6(fields: FrameFields, addresses: readonly number[], transportBytes: number): Uint8Array {
  const { extensions = [], protocol = PROTOCOL_TCP } = fields;
  const header = new Uint8Array(40 + extensions.length);
  header[0] = 0x60;
  const payloadLength = fields.totalLength ?? Math.min(extensions.length + transportBytes, 0xffff);
  new DataView(header.buffer).setUint16(4, payloadLength);
  header[6] = fields.nextHeader ?? protocol;
  header[7] = 64;
  header.set(addresses, 8);
  header.set(extensions, 40);
  return header;
}

function buildTransport(fields: FrameFields, addresses: readonly number[], protocol: number): Uint8Array {
  const { payload, payloadBytes = payload?.length ?? 100, checksum = "complete" } = fields;
  const headerBytes = protocol === PROTOCOL_TCP ? 20 : protocol === PROTOCOL_UDP ? 8 : 0;
  const transport = Uint8Array.from({ length: headerBytes + payloadBytes }, (_, index) => (index * 7 + 3) & 0xff);
  if (payload !== undefined) transport.set(payload, headerBytes);
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
