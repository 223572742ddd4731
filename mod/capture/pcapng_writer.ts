/**
 * Writes pcapng files with nanosecond stamps: one section, named interfaces, a comment for each packet that has one.
 *
 * Blocks are gathered in one reused chunk; the sink gets whole blocks only, so what has reached it is a valid capture at any
 * time.
 *
 * @example
 * ```ts
 * import { LINKTYPE_ETHERNET } from "../wire/link_types.ts";
 * import { PcapngWriter } from "./pcapng_writer.ts";
 * const chunks: Uint8Array[] = [];
 * const sink = (bytes: Uint8Array) => chunks.push(bytes.slice());
 * const writer = new PcapngWriter(sink, LINKTYPE_ETHERNET, 1_600_000_000_000_000_000n, ["nic1"]);
 * writer.write(0, 1500, new Uint8Array(60), 60, "packet 1: sent");
 * writer.flush();
 * ```
 *
 * @module
 */

import { MAXIMUM_SNAPLEN } from "./pcap_reader.ts";

const SECTION_HEADER = 0x0a0d0d0a;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
/** Options: their end, a comment, the name of an interface, the resolution of its stamps. */
const OPT_END = 0;
const OPT_COMMENT = 1;
const OPT_IF_NAME = 2;
const OPT_IF_TSRESOL = 9;
const NANOSECONDS = 9;
/** Longest comment, in bytes; a longer one is cut. */
const COMMENT_BYTES_MAX = 1024;
/** The longest block must fit. */
const CHUNK_BYTES = 512 * 1024;
const TWO_TO_32 = 2 ** 32;

/** Writes one pcapng file: little-endian, one section, all interfaces of one link type. */
export class PcapngWriter {
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  readonly #view = new DataView(this.#chunk.buffer);
  readonly #encoder = new TextEncoder();
  readonly #t0High: number;
  readonly #t0Low: number;
  #end = 0;
  #packets = 0;

  /**
   * Begins the file; its first blocks reach the sink with the first flush.
   *
   * @param sink Takes all bytes of each call before it returns: the array is used again.
   * @param linkType LINKTYPE_ number of all packets, see `link_types.ts`.
   * @param t0EpochNs What `timeNs` is counted from, in ns since 1970-01-01 UTC.
   * @param interfaceNames The interfaces, by their number from 0.
   */
  constructor(
    sink: (bytes: Uint8Array) => void,
    linkType: number,
    t0EpochNs: bigint,
    interfaceNames: readonly string[],
  ) {
    this.#sink = sink;
    this.#t0High = Number(t0EpochNs >> 32n);
    this.#t0Low = Number(t0EpochNs & 0xffffffffn);
    this.#writeSection();
    for (const name of interfaceNames) this.#writeInterface(linkType, name);
  }

  /** Packets written so far. */
  get packets(): number {
    return this.#packets;
  }

  /**
   * Writes one packet, which was seen at interface number `interfaceId`. Of a packet above 262144 bytes the beginning is kept.
   *
   * @param timeNs Time since t0 in whole ns; may be negative.
   * @param bytes Holds the packet from 0 to `length`; copied before the call returns.
   * @param comment Goes with the packet; empty for none.
   * @throws {RangeError} When the packet lies outside `bytes`, or the time before 1970.
   */
  write(interfaceId: number, timeNs: number, bytes: Uint8Array, length: number, comment: string): void {
    if (length < 0 || length > bytes.length) {
      throw new RangeError(`Cannot write packet ${this.#packets}: ${length} bytes are not there`);
    }
    const capturedBytes = Math.min(length, MAXIMUM_SNAPLEN);
    if (this.#end + capturedBytes + COMMENT_BYTES_MAX + 64 > CHUNK_BYTES) this.flush();
    const start = this.#begin(ENHANCED_PACKET);
    this.#put32(interfaceId);
    this.#putTime(timeNs);
    this.#put32(capturedBytes);
    this.#put32(length);
    this.#chunk.set(bytes.subarray(0, capturedBytes), this.#end);
    this.#end += capturedBytes;
    this.#pad();
    if (comment !== "") {
      this.#putOption(OPT_COMMENT, this.#encoder.encode(comment).subarray(0, COMMENT_BYTES_MAX));
      this.#putOption(OPT_END, new Uint8Array(0));
    }
    this.#finish(start);
    this.#packets++;
  }

  /** Hands what has been gathered to the sink. To be called once at the end. */
  flush(): void {
    if (this.#end === 0) return;
    const bytes = this.#chunk.subarray(0, this.#end);
    this.#end = 0;
    this.#sink(bytes);
  }

  #writeSection(): void {
    const start = this.#begin(SECTION_HEADER);
    this.#put32(BYTE_ORDER_MAGIC);
    this.#put16(1);
    this.#put16(0);
    // The length of the section is not told.
    this.#put32(0xffffffff);
    this.#put32(0xffffffff);
    this.#finish(start);
  }

  #writeInterface(linkType: number, name: string): void {
    const start = this.#begin(INTERFACE_DESCRIPTION);
    this.#put16(linkType);
    this.#put16(0);
    this.#put32(MAXIMUM_SNAPLEN);
    this.#putOption(OPT_IF_NAME, this.#encoder.encode(name));
    this.#putOption(OPT_IF_TSRESOL, Uint8Array.of(NANOSECONDS));
    this.#putOption(OPT_END, new Uint8Array(0));
    this.#finish(start);
  }

  /** Begins a block, whose length comes with `#finish()`; returns where. */
  #begin(type: number): number {
    const start = this.#end;
    this.#put32(type);
    this.#put32(0);
    return start;
  }

  #finish(start: number): void {
    const bytes = this.#end + 4 - start;
    this.#view.setUint32(start + 4, bytes, true);
    this.#put32(bytes);
  }

  /** A stamp in two words, the upper one first, each exact. */
  #putTime(timeNs: number): void {
    const low = this.#t0Low + timeNs;
    const carry = Math.floor(low / TWO_TO_32);
    const high = this.#t0High + carry;
    if (!Number.isSafeInteger(low) || high < 0 || high >= TWO_TO_32) {
      throw new RangeError(`Cannot write packet ${this.#packets}: its time of ${timeNs} ns does not fit into pcapng`);
    }
    this.#put32(high);
    this.#put32(low - carry * TWO_TO_32);
  }

  #putOption(code: number, value: Uint8Array): void {
    this.#put16(code);
    this.#put16(value.length);
    this.#chunk.set(value, this.#end);
    this.#end += value.length;
    this.#pad();
  }

  #pad(): void {
    while (this.#end % 4 !== 0) this.#chunk[this.#end++] = 0;
  }

  #put16(value: number): void {
    this.#view.setUint16(this.#end, value, true);
    this.#end += 2;
  }

  #put32(value: number): void {
    this.#view.setUint32(this.#end, value, true);
    this.#end += 4;
  }
}
