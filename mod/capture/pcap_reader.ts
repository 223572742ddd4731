/**
 * Reads classic pcap files: both byte orders, stamps in microseconds or nanoseconds, any link type.
 *
 * Layout (draft-ietf-opsawg-pcap; every field in the byte order of the magic number):
 *
 * ```
 * file header, 24 bytes                          record header, 16 bytes, then the packet
 *  0 magic     a1b2c3d4 (us) or a1b23c4d (ns)     0 seconds since 1970
 *  4 version   major (2), minor (4), 16 bits each 4 fraction of the second, us or ns
 *  8 reserved  time zone and accuracy, once       8 captured length
 * 16 snaplen                                     12 original length
 * 20 link type in the low 16 bits
 * ```
 *
 * The reader believes nothing it need not: a captured length above the limit is damage and ends the capture with one
 * warning, and so does an end of file inside a record. An original length or a fraction that makes no sense is passed on
 * as it is, because the packet is good all the same.
 *
 * Versions before 2.4 hold the two lengths the other way round (libpcap sf-pcap.c): always before 2.3, and in 2.3
 * wherever the captured length would exceed the original one.
 *
 * @example
 * ```ts
 * import { sourceOfBytes } from "./byte_source.ts";
 * import { PCAP_FORMAT } from "./pcap_reader.ts";
 * import { SlidingWindow } from "./window.ts";
 * const window = new SlidingWindow(sourceOfBytes(new Uint8Array(24)), "trace.pcap");
 * await window.fill();
 * if (PCAP_FORMAT.matches(window.bytes)) await PCAP_FORMAT.open(window);
 * ```
 *
 * @module
 */

import { CaptureError, damageWarning } from "./errors.ts";
import type { CapturePacket } from "./packet.ts";
import type { CaptureFormat, CaptureInterface, CaptureReader, LinkTypeCount } from "./reader.ts";
import type { SlidingWindow } from "./window.ts";

/** Bytes of the pcap file header. */
export const PCAP_FILE_HEADER_BYTES = 24;

/** Bytes of the header of each pcap record. */
export const PCAP_RECORD_HEADER_BYTES = 16;

/** Longest record that libpcap writes (MAXIMUM_SNAPLEN in pcap-int.h). */
export const MAXIMUM_SNAPLEN = 262144;

/** Magic number of a file with stamps in microseconds. */
export const PCAP_MAGIC_MICROSECONDS = 0xa1b2c3d4;

/** Magic number of a file with stamps in nanoseconds. */
export const PCAP_MAGIC_NANOSECONDS = 0xa1b23c4d;

const NS_PER_SECOND = 1_000_000_000;

interface PcapFileHeader {
  readonly littleEndian: boolean;
  readonly nsPerFraction: number;
  readonly minorVersion: number;
  readonly snaplenBytes: number;
  readonly linkType: number;
}

/** The classic pcap format, see the module. */
export const PCAP_FORMAT: CaptureFormat = {
  name: "pcap",
  matches(head: Uint8Array): boolean {
    return head.length >= 4 && magicOf(new DataView(head.buffer, head.byteOffset)) !== undefined;
  },
  async open(window: SlidingWindow): Promise<CaptureReader> {
    await window.fill(PCAP_FILE_HEADER_BYTES);
    const header = parseFileHeader(window);
    window.start += PCAP_FILE_HEADER_BYTES;
    return new PcapReader(window, header);
  },
};

function magicOf(view: DataView): { littleEndian: boolean; nsPerFraction: number } | undefined {
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian);
    if (magic === PCAP_MAGIC_MICROSECONDS) return { littleEndian, nsPerFraction: 1000 };
    if (magic === PCAP_MAGIC_NANOSECONDS) return { littleEndian, nsPerFraction: 1 };
  }
  return undefined;
}

function parseFileHeader(window: SlidingWindow): PcapFileHeader {
  const { view, name, end } = window;
  if (end < PCAP_FILE_HEADER_BYTES) {
    throw new CaptureError(name, `its pcap header is cut off (${end} of ${PCAP_FILE_HEADER_BYTES} bytes)`);
  }
  const magic = magicOf(view);
  if (magic === undefined) throw new CaptureError(name, "it is not a pcap file");
  const majorVersion = view.getUint16(4, magic.littleEndian);
  const minorVersion = view.getUint16(6, magic.littleEndian);
  if (majorVersion !== 2) {
    throw new CaptureError(name, `its pcap version is ${majorVersion}.${minorVersion}, and only 2.x is known`);
  }
  return {
    ...magic,
    minorVersion,
    snaplenBytes: view.getUint32(16, magic.littleEndian),
    // The high half says how long the frame check sequence is, where it was captured at all.
    linkType: view.getUint32(20, magic.littleEndian) & 0xffff,
  };
}

class PcapReader implements CaptureReader {
  readonly format = "pcap";
  readonly warnings: string[] = [];
  readonly interfaces: readonly CaptureInterface[] = [];
  readonly #window: SlidingWindow;
  readonly #littleEndian: boolean;
  readonly #nsPerFraction: number;
  readonly #linkType: number;
  /** Offsets of the two lengths in a record header, which old versions hold the other way round. */
  readonly #capturedAt: number;
  readonly #originalAt: number;
  readonly #lengthsMayBeSwapped: boolean;
  /** Longest captured length that is not damage. It never exceeds the window, so a whole record always fits there. */
  readonly #limitBytes: number;
  #packets = 0;
  #t0Seconds = 0;
  #t0Fraction = 0;
  #finished = false;

  constructor(window: SlidingWindow, header: PcapFileHeader) {
    this.#window = window;
    this.#littleEndian = header.littleEndian;
    this.#nsPerFraction = header.nsPerFraction;
    this.#linkType = header.linkType;
    const swapped = header.minorVersion < 3;
    this.#capturedAt = swapped ? 12 : 8;
    this.#originalAt = swapped ? 8 : 12;
    this.#lengthsMayBeSwapped = header.minorVersion === 3;
    this.#limitBytes = Math.min(
      Math.max(MAXIMUM_SNAPLEN, header.snaplenBytes),
      window.limitBytes - PCAP_RECORD_HEADER_BYTES,
    );
  }

  get t0EpochNs(): bigint | undefined {
    if (this.#packets === 0) return undefined;
    return BigInt(this.#t0Seconds) * BigInt(NS_PER_SECOND) + BigInt(this.#t0Fraction * this.#nsPerFraction);
  }

  get linkTypes(): readonly LinkTypeCount[] {
    return this.#packets === 0 ? [] : [{ linkType: this.#linkType, packets: this.#packets }];
  }

  async fill(): Promise<boolean> {
    if (this.#finished) return false;
    if (this.#needsMore() && !this.#window.ended) await this.#window.fill();
    const damage = this.#findDamage();
    const leftBytes = this.#window.end - this.#window.start;
    if (damage === undefined && leftBytes > 0) return true;
    this.#finished = true;
    // Where the source broke off, that is why the last record is not all there.
    const reason = this.#window.damage ?? damage;
    if (reason !== undefined) {
      this.warnings.push(damageWarning(this.#window.name, reason, this.#packets, this.#window.sourceOffset));
    }
    return false;
  }

  next(packet: CapturePacket): boolean {
    const window = this.#window;
    const view = window.view;
    const start = window.start;
    const littleEndian = this.#littleEndian;
    const roomBytes = window.end - start - PCAP_RECORD_HEADER_BYTES;
    if (roomBytes < 0) return false;
    const capturedBytes = this.#capturedBytesAt(start);
    // Both cases are for fill() to sort out: it reads on, or says what the damage is.
    if (capturedBytes > roomBytes || capturedBytes > this.#limitBytes) return false;

    const seconds = view.getUint32(start, littleEndian);
    const fraction = view.getUint32(start + 4, littleEndian);
    if (this.#packets === 0) {
      this.#t0Seconds = seconds;
      this.#t0Fraction = fraction;
    }
    packet.index = this.#packets++;
    packet.bytes = window.bytes;
    packet.offset = start + PCAP_RECORD_HEADER_BYTES;
    packet.capturedBytes = capturedBytes;
    packet.originalBytes = this.#originalBytesAt(start);
    packet.timeNs = (seconds - this.#t0Seconds) * NS_PER_SECOND + (fraction - this.#t0Fraction) * this.#nsPerFraction;
    packet.linkType = this.#linkType;
    window.start = start + PCAP_RECORD_HEADER_BYTES + capturedBytes;
    return true;
  }

  #capturedBytesAt(recordStart: number): number {
    const capturedBytes = this.#window.view.getUint32(recordStart + this.#capturedAt, this.#littleEndian);
    if (!this.#lengthsMayBeSwapped) return capturedBytes;
    return Math.min(capturedBytes, this.#window.view.getUint32(recordStart + this.#originalAt, this.#littleEndian));
  }

  #originalBytesAt(recordStart: number): number {
    const originalBytes = this.#window.view.getUint32(recordStart + this.#originalAt, this.#littleEndian);
    if (!this.#lengthsMayBeSwapped) return originalBytes;
    return Math.max(originalBytes, this.#window.view.getUint32(recordStart + this.#capturedAt, this.#littleEndian));
  }

  /** Whether the record at the start of the window is not all there yet and may be once more is read. */
  #needsMore(): boolean {
    const { start, end } = this.#window;
    if (end - start < PCAP_RECORD_HEADER_BYTES) return true;
    const capturedBytes = this.#capturedBytesAt(start);
    return capturedBytes <= this.#limitBytes && end - start - PCAP_RECORD_HEADER_BYTES < capturedBytes;
  }

  /** What is wrong with the record at the start of the window, once there is nothing more to read for it. */
  #findDamage(): string | undefined {
    const { start, end } = this.#window;
    const leftBytes = end - start;
    if (leftBytes === 0) return undefined;
    if (leftBytes < PCAP_RECORD_HEADER_BYTES) {
      return `it ends inside a record header (${leftBytes} of ${PCAP_RECORD_HEADER_BYTES} bytes)`;
    }
    const capturedBytes = this.#capturedBytesAt(start);
    if (capturedBytes > this.#limitBytes) {
      return `a record claims ${capturedBytes} captured bytes (the limit is ${this.#limitBytes})`;
    }
    const roomBytes = leftBytes - PCAP_RECORD_HEADER_BYTES;
    if (roomBytes < capturedBytes) return `it ends inside a packet (${roomBytes} of ${capturedBytes} bytes)`;
    return undefined;
  }
}
