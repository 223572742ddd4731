/**
 * What the tests of this folder share: pcap files built by hand, sources that read in odd steps, and whole captures read
 * into plain arrays. Not part of the library.
 *
 * @example
 * ```ts
 * import { buildPcap, readAll } from "./testing.ts";
 * import { openCapture } from "./open.ts";
 * import { sourceOfBytes } from "./byte_source.ts";
 * const file = buildPcap({}, [{ seconds: 1, fraction: 2, bytes: new Uint8Array(60) }]);
 * await readAll(await openCapture(sourceOfBytes(file), "built"));
 * ```
 *
 * @module
 */

import type { ByteSource } from "./byte_source.ts";
import { CapturePacket } from "./packet.ts";
import type { CaptureReader } from "./reader.ts";

/** Field values of a pcap file header; what is left out is that of a modern little-endian microsecond file. */
export interface PcapHeaderFields {
  /** Byte order of the whole file. */
  littleEndian?: boolean;
  /** Magic number, a1b2c3d4 for microseconds. */
  magic?: number;
  /** Major version, 2. */
  majorVersion?: number;
  /** Minor version, 4. */
  minorVersion?: number;
  /** Snapshot length, 262144. */
  snaplen?: number;
  /** The whole field of 32 bits, 1 for Ethernet. */
  linkType?: number;
}

/** Field values of one pcap record; the lengths are those of `bytes` unless given. */
export interface PcapRecordFields {
  /** Seconds since 1970. */
  seconds: number;
  /** Fraction of the second, in the unit of the magic number. */
  fraction: number;
  /** What follows the record header. */
  bytes: Uint8Array;
  /** What the record claims to hold. */
  capturedLength?: number;
  /** What the record claims the packet was on the wire. */
  originalLength?: number;
}

/** Builds a pcap file field by field, with no code of the writer. */
export function buildPcap(header: PcapHeaderFields, records: readonly PcapRecordFields[]): Uint8Array {
  const littleEndian = header.littleEndian ?? true;
  const packetBytes = records.reduce((sum, record) => sum + 16 + record.bytes.length, 0);
  const file = new Uint8Array(24 + packetBytes);
  const view = new DataView(file.buffer);
  view.setUint32(0, header.magic ?? 0xa1b2c3d4, littleEndian);
  view.setUint16(4, header.majorVersion ?? 2, littleEndian);
  view.setUint16(6, header.minorVersion ?? 4, littleEndian);
  view.setUint32(16, header.snaplen ?? 262144, littleEndian);
  view.setUint32(20, header.linkType ?? 1, littleEndian);
  let offset = 24;
  for (const record of records) {
    view.setUint32(offset, record.seconds, littleEndian);
    view.setUint32(offset + 4, record.fraction, littleEndian);
    view.setUint32(offset + 8, record.capturedLength ?? record.bytes.length, littleEndian);
    view.setUint32(offset + 12, record.originalLength ?? record.bytes.length, littleEndian);
    file.set(record.bytes, offset + 16);
    offset += 16 + record.bytes.length;
  }
  return file;
}

/** One packet with its own copy of the bytes. */
export interface PlainPacket {
  /** As in CapturePacket. */
  index: number;
  /** The captured bytes, copied. */
  bytes: Uint8Array;
  /** As in CapturePacket. */
  originalBytes: number;
  /** As in CapturePacket. */
  timeNs: number;
  /** As in CapturePacket. */
  linkType: number;
}

/** Reads a capture to its end into an array of packets. */
export async function readAll(reader: CaptureReader): Promise<PlainPacket[]> {
  const packet = new CapturePacket();
  const packets: PlainPacket[] = [];
  while (await reader.fill()) {
    while (reader.next(packet)) {
      const { index, originalBytes, timeNs, linkType } = packet;
      const bytes = packet.bytes.slice(packet.offset, packet.offset + packet.capturedBytes);
      packets.push({ index, bytes, originalBytes, timeNs, linkType });
    }
  }
  return packets;
}

/** A source that gives at most `steps[i]` bytes with its i-th read, and begins again with the first step at the end. */
export function sourceInSteps(bytes: Uint8Array, steps: readonly number[]): ByteSource {
  let position = 0;
  let reads = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (position >= bytes.length) return Promise.resolve(null);
      const step = steps[reads++ % steps.length] ?? 1;
      const part = bytes.subarray(position, position + Math.min(step, into.length));
      into.set(part);
      position += part.length;
      return Promise.resolve(part.length);
    },
  };
}

/** Bytes that differ from place to place, so that a packet read from the wrong offset is noticed. */
export function patternBytes(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + seed * 31 + (index >> 8)) & 0xff);
}

/** The first `packets` packets of a pcap file of this machine's byte order, for tests that need no long one. */
export function firstPackets(file: Uint8Array, packets: number): Uint8Array {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  let at = PCAP_HEADER_BYTES;
  for (let i = 0; i < packets && at < file.length; i++) at += PCAP_RECORD_BYTES + view.getUint32(at + 8, true);
  return file.subarray(0, at);
}

const PCAP_HEADER_BYTES = 24;
const PCAP_RECORD_BYTES = 16;
