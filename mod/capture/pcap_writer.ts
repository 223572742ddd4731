/**
 * Writes pcap files with nanosecond stamps.
 *
 * Records are gathered in one reused chunk; the sink gets whole records only, so what has reached it is a valid capture
 * at any time.
 *
 * @example
 * ```ts
 * import { LINKTYPE_ETHERNET } from "../wire/link_types.ts";
 * import { PcapWriter } from "./pcap_writer.ts";
 * const chunks: Uint8Array[] = [];
 * const writer = new PcapWriter((bytes) => chunks.push(bytes.slice()), LINKTYPE_ETHERNET, 1_600_000_000_000_000_000n);
 * const frame = new Uint8Array(60);
 * writer.write(1500, frame, 0, frame.length);
 * writer.flush();
 * ```
 *
 * @module
 */

import {
  MAXIMUM_SNAPLEN,
  PCAP_FILE_HEADER_BYTES,
  PCAP_MAGIC_NANOSECONDS,
  PCAP_RECORD_HEADER_BYTES,
} from "./pcap_reader.ts";

const NS_PER_SECOND = 1_000_000_000;
const SECONDS_MAX = 0xffff_ffff;

/** The longest record must fit: MAXIMUM_SNAPLEN and its header. */
const CHUNK_BYTES = 512 * 1024;

/** Writes one pcap file: little-endian, nanoseconds, one link type, snaplen 262144. */
export class PcapWriter {
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #chunk: Uint8Array;
  readonly #view: DataView;
  readonly #t0Seconds: number;
  readonly #t0FractionNs: number;
  #end = 0;
  #packets = 0;

  /**
   * Begins the file; its header reaches the sink with the first flush.
   *
   * @param sink Takes all bytes of each call before it returns: the array is used again. What it throws comes out of
   *   `write()` or `flush()`.
   * @param linkType LINKTYPE_ number of all packets, see `link_types.ts`.
   * @param t0EpochNs What `timeNs` is counted from, in ns since 1970-01-01 UTC.
   */
  constructor(sink: (bytes: Uint8Array) => void, linkType: number, t0EpochNs: bigint) {
    this.#sink = sink;
    this.#chunk = new Uint8Array(CHUNK_BYTES);
    this.#view = new DataView(this.#chunk.buffer);
    this.#t0Seconds = Number(t0EpochNs / BigInt(NS_PER_SECOND));
    this.#t0FractionNs = Number(t0EpochNs % BigInt(NS_PER_SECOND));
    this.#writeFileHeader(linkType);
  }

  /** Packets written so far. */
  get packets(): number {
    return this.#packets;
  }

  /**
   * Writes one packet. Of a packet above 262144 bytes the beginning is kept, as a capturing tool does.
   *
   * @param timeNs Time since t0 in whole ns; may be negative.
   * @param bytes Holds the packet; copied before the call returns.
   * @param offset Where in `bytes` the packet begins.
   * @param length How many bytes of `bytes` the packet has.
   * @param originalBytes How long the packet was on the wire, when that is more than `length`.
   * @throws {RangeError} When the packet lies outside `bytes`, or the time outside what pcap can hold (1970 to 2106).
   */
  write(timeNs: number, bytes: Uint8Array, offset: number, length: number, originalBytes: number = length): void {
    if (offset < 0 || length < 0 || offset + length > bytes.length) {
      throw new RangeError(`Cannot write packet ${this.#packets}: ${length} bytes from ${offset} on are not there`);
    }
    const capturedBytes = Math.min(length, MAXIMUM_SNAPLEN);
    if (this.#end + PCAP_RECORD_HEADER_BYTES + capturedBytes > CHUNK_BYTES) this.flush();
    const start = this.#end;
    this.#writeTime(start, timeNs);
    this.#view.setUint32(start + 8, capturedBytes, true);
    this.#view.setUint32(start + 12, originalBytes, true);
    const packetStart = start + PCAP_RECORD_HEADER_BYTES;
    this.#chunk.set(bytes.subarray(offset, offset + capturedBytes), packetStart);
    this.#end = packetStart + capturedBytes;
    this.#packets++;
  }

  /** Hands what has been gathered to the sink. To be called once at the end. */
  flush(): void {
    if (this.#end === 0) return;
    const bytes = this.#chunk.subarray(0, this.#end);
    this.#end = 0;
    this.#sink(bytes);
  }

  #writeFileHeader(linkType: number): void {
    this.#view.setUint32(0, PCAP_MAGIC_NANOSECONDS, true);
    this.#view.setUint16(4, 2, true);
    this.#view.setUint16(6, 4, true);
    this.#view.setUint32(8, 0, true);
    this.#view.setUint32(12, 0, true);
    this.#view.setUint32(16, MAXIMUM_SNAPLEN, true);
    this.#view.setUint32(20, linkType, true);
    this.#end = PCAP_FILE_HEADER_BYTES;
  }

  #writeTime(recordStart: number, timeNs: number): void {
    const totalNs = this.#t0FractionNs + timeNs;
    // The remainder of doubles is exact, and so is the division after it; a rounded quotient could be off by one.
    const remainderNs = totalNs % NS_PER_SECOND;
    const fractionNs = remainderNs < 0 ? remainderNs + NS_PER_SECOND : remainderNs;
    const seconds = this.#t0Seconds + (totalNs - fractionNs) / NS_PER_SECOND;
    if (!Number.isSafeInteger(totalNs) || seconds < 0 || seconds > SECONDS_MAX) {
      throw new RangeError(`Cannot write packet ${this.#packets}: its time of ${timeNs} ns does not fit into pcap`);
    }
    this.#view.setUint32(recordStart, seconds, true);
    this.#view.setUint32(recordStart + 4, fractionNs, true);
  }
}
