/**
 * Reads pcapng files: sections of either byte order, any number of interfaces, packets with and without stamps.
 *
 * Everything is a block (draft-ietf-opsawg-pcapng; fields in the byte order of the section):
 *
 * ```
 *  0 type   4 total length, a multiple of 4   8 body ...   total length again
 *
 * section header (0a0d0d0a)        enhanced packet (6), packet (2)      simple packet (3)
 *  8 byte-order magic 1a2b3c4d      8 interface, 32 bits; 16 in type 2   8 original length
 * 12 version major, minor          12 stamp, high half then low half    12 packet, padded to 4
 * 16 section length, not used      20 captured length
 * 24 options                       24 original length
 *                                  28 packet, padded to 4; options
 * ```
 *
 * Blocks of other types are skipped, however long they are. Blocks that are looked at as a whole have to fit into the
 * window. What makes no sense is damage: it ends the capture with one warning, or, where not even one section header is
 * good, the file is refused.
 *
 * A simple packet has no stamp: it takes the time of the packet before it, or 0 where there is none. Interfaces are
 * numbered anew in each section.
 *
 * @example
 * ```ts
 * import { sourceOfBytes } from "./byte_source.ts";
 * import { PCAPNG_FORMAT } from "./pcapng_reader.ts";
 * import { SlidingWindow } from "./window.ts";
 * const window = new SlidingWindow(sourceOfBytes(new Uint8Array(28)), "trace.pcapng");
 * await window.fill();
 * if (PCAPNG_FORMAT.matches(window.bytes)) await PCAPNG_FORMAT.open(window);
 * ```
 *
 * @module
 */

import { CaptureError, damageWarning } from "./errors.ts";
import type { CapturePacket } from "./packet.ts";
import { INTERFACE_BLOCK_BYTES, PcapngInterface } from "./pcapng_interface.ts";
import type { CaptureFormat, CaptureInterface, CaptureReader, LinkTypeCount } from "./reader.ts";
import type { SlidingWindow } from "./window.ts";

/** Block type of a section header: the same in both byte orders, so that it can be found in either. */
const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const MAJOR_VERSION = 1;

/** Type, length, and the length again. */
const EMPTY_BLOCK_BYTES = 12;
const SECTION_BLOCK_BYTES = 28;
const PACKET_BLOCK_BYTES = 32;
const SIMPLE_BLOCK_BYTES = 16;
/** How much of a section header is looked at. */
const SECTION_HEAD_BYTES = 16;
const TRAILER_BYTES = 4;

const NS_PER_SECOND = 1_000_000_000;

/** The pcapng format, see the module. */
export const PCAPNG_FORMAT: CaptureFormat = {
  name: "pcapng",
  matches(head: Uint8Array): boolean {
    return head.length >= 4 && new DataView(head.buffer, head.byteOffset).getUint32(0) === SECTION_HEADER;
  },
  async open(window: SlidingWindow): Promise<CaptureReader> {
    const reader = new PcapngReader(window);
    await reader.fill();
    if (reader.damageBeforeSection !== undefined) throw new CaptureError(window.name, reader.damageBeforeSection);
    return reader;
  },
};

/** Packets of one link type. */
interface Counter {
  readonly linkType: number;
  packets: number;
}

class PcapngReader implements CaptureReader {
  readonly format = "pcapng";
  readonly warnings: string[] = [];
  readonly interfaces: CaptureInterface[] = [];
  /** What is wrong with the file where there is not one good section header. */
  damageBeforeSection: string | undefined = undefined;
  readonly #window: SlidingWindow;
  #littleEndian = false;
  #sections = 0;
  /** Those of the section, and the counter of each. */
  #sectionInterfaces: PcapngInterface[] = [];
  #sectionCounters: Counter[] = [];
  readonly #counters = new Map<number, Counter>();
  /** Counters that have counted, in order. */
  readonly #linkTypes: Counter[] = [];
  /** Length of a skipped block that does not fit into the window, and how much of it is still to come, trailer excluded. */
  #skippedBlockBytes = 0;
  #skipBytes = 0;
  #damage: string | undefined = undefined;
  #finished = false;
  #packets = 0;
  #hasStamp = false;
  #t0Seconds = 0;
  #t0Nanoseconds = 0;
  #timeNs = 0;
  /** The packet block at the start of the window, once it has been found good. */
  #blockBytes = 0;
  #packetAt = 0;
  #capturedBytes = 0;
  #originalBytes = 0;
  #interface = 0;

  constructor(window: SlidingWindow) {
    this.#window = window;
  }

  get t0EpochNs(): bigint | undefined {
    if (!this.#hasStamp) return undefined;
    return BigInt(this.#t0Seconds) * BigInt(NS_PER_SECOND) + BigInt(this.#t0Nanoseconds);
  }

  get linkTypes(): readonly LinkTypeCount[] {
    return this.#linkTypes.map(({ linkType, packets }) => ({ linkType, packets }));
  }

  async fill(): Promise<boolean> {
    while (!this.#finished) {
      if (this.#findPacket()) return true;
      if (this.#damage !== undefined || this.#window.ended) this.#finish();
      else await this.#window.fill();
    }
    return false;
  }

  next(packet: CapturePacket): boolean {
    if (!this.#findPacket()) return false;
    const window = this.#window;
    const counter = this.#sectionCounters[this.#interface]!;
    if (counter.packets++ === 0) this.#linkTypes.push(counter);
    const isSimple = window.view.getUint32(window.start, this.#littleEndian) === SIMPLE_PACKET;
    if (!isSimple) this.#readStamp();
    packet.index = this.#packets++;
    packet.bytes = window.bytes;
    packet.offset = this.#packetAt;
    packet.capturedBytes = this.#capturedBytes;
    packet.originalBytes = this.#originalBytes;
    packet.timeNs = this.#timeNs;
    packet.linkType = counter.linkType;
    window.start += this.#blockBytes;
    return true;
  }

  #readStamp(): void {
    const { view, start } = this.#window;
    const { scale } = this.#sectionInterfaces[this.#interface]!;
    scale.read(view.getUint32(start + 12, this.#littleEndian), view.getUint32(start + 16, this.#littleEndian));
    if (!this.#hasStamp) {
      this.#hasStamp = true;
      this.#t0Seconds = scale.seconds;
      this.#t0Nanoseconds = scale.nanoseconds;
    }
    this.#timeNs = (scale.seconds - this.#t0Seconds) * NS_PER_SECOND + scale.nanoseconds - this.#t0Nanoseconds;
  }

  /**
   * Uses up the blocks before the next packet. Returns whether a whole packet block is at the start of the window; if not,
   * more has to be read, or `#damage` says what is wrong.
   */
  #findPacket(): boolean {
    const window = this.#window;
    const { view } = window;
    while (this.#damage === undefined && this.#skip()) {
      const { start } = window;
      const roomBytes = window.end - start;
      if (roomBytes < EMPTY_BLOCK_BYTES) return false;
      const type = view.getUint32(start, this.#littleEndian);
      if (type === SECTION_HEADER) {
        if (roomBytes < SECTION_HEAD_BYTES) return false;
        if (!this.#readSectionHead(start)) return false;
      }
      const blockBytes = view.getUint32(start + 4, this.#littleEndian);
      if (blockBytes < leastBytes(type) || blockBytes % 4 !== 0) {
        return this.#fail(`a block has an impossible length (${blockBytes} bytes)`);
      }
      if (blockBytes > window.bytes.length) {
        this.#beginSkip(type, blockBytes);
        continue;
      }
      if (roomBytes < blockBytes) return false;
      if (!this.#checkTrailer(start + blockBytes - TRAILER_BYTES, blockBytes)) return false;
      if (type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET) {
        return this.#readPacketBlock(type, start, blockBytes);
      }
      if (type === INTERFACE_DESCRIPTION && !this.#addInterface(start, blockBytes)) return false;
      if (type === SECTION_HEADER) this.#beginSection();
      window.start += blockBytes;
    }
    return false;
  }

  /** The byte order counts from here on, even for the length of this block. */
  #readSectionHead(start: number): boolean {
    const { view } = this.#window;
    const littleEndian = view.getUint32(start + 8, true) === BYTE_ORDER_MAGIC;
    if (!littleEndian && view.getUint32(start + 8) !== BYTE_ORDER_MAGIC) {
      return this.#fail("a pcapng section header has no byte-order magic");
    }
    this.#littleEndian = littleEndian;
    const major = view.getUint16(start + 12, littleEndian);
    if (major === MAJOR_VERSION) return true;
    const minor = view.getUint16(start + 14, littleEndian);
    return this.#fail(`its pcapng version is ${major}.${minor}, and only 1.x is known`);
  }

  #beginSection(): void {
    this.#sections++;
    this.#sectionInterfaces = [];
    this.#sectionCounters = [];
  }

  #addInterface(start: number, blockBytes: number): boolean {
    let described: PcapngInterface;
    try {
      described = new PcapngInterface(this.#window.view, start, blockBytes, this.#littleEndian);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#fail("an option of an interface is longer than its block");
    }
    const { linkType, snaplenBytes, name } = described;
    let counter = this.#counters.get(linkType);
    if (counter === undefined) this.#counters.set(linkType, counter = { linkType, packets: 0 });
    this.#sectionInterfaces.push(described);
    this.#sectionCounters.push(counter);
    this.interfaces.push({ linkType, snaplenBytes, name });
    return true;
  }

  #readPacketBlock(type: number, start: number, blockBytes: number): boolean {
    const { view } = this.#window;
    const littleEndian = this.#littleEndian;
    this.#blockBytes = blockBytes;
    this.#interface = 0;
    if (type === ENHANCED_PACKET) this.#interface = view.getUint32(start + 8, littleEndian);
    if (type === OBSOLETE_PACKET) this.#interface = view.getUint16(start + 8, littleEndian);
    const described = this.#sectionInterfaces[this.#interface];
    if (described === undefined) {
      const known = this.#sectionInterfaces.length;
      return this.#fail(`a packet is of interface ${this.#interface}, and ${known} are described`);
    }
    let roomBytes = blockBytes - PACKET_BLOCK_BYTES;
    if (type === SIMPLE_PACKET) {
      roomBytes = blockBytes - SIMPLE_BLOCK_BYTES;
      this.#packetAt = start + 12;
      this.#originalBytes = view.getUint32(start + 8, littleEndian);
      this.#capturedBytes = Math.min(this.#originalBytes, described.snaplenBytes || Infinity);
    } else {
      this.#packetAt = start + 28;
      this.#capturedBytes = view.getUint32(start + 20, littleEndian);
      this.#originalBytes = view.getUint32(start + 24, littleEndian);
    }
    if (this.#capturedBytes <= roomBytes) return true;
    return this.#fail(`a packet claims ${this.#capturedBytes} captured bytes in a block of ${blockBytes}`);
  }

  #checkTrailer(at: number, blockBytes: number): boolean {
    const trailer = this.#window.view.getUint32(at, this.#littleEndian);
    return trailer === blockBytes || this.#fail(`a block begins with length ${blockBytes} and ends with ${trailer}`);
  }

  /** A block larger than the window can only be passed over. */
  #beginSkip(type: number, blockBytes: number): void {
    const limitBytes = this.#window.bytes.length;
    if (leastBytes(type) > EMPTY_BLOCK_BYTES && type !== SECTION_HEADER) {
      this.#fail(`a block claims ${blockBytes} bytes (the limit is ${limitBytes})`);
    } else {
      if (type === SECTION_HEADER) this.#beginSection();
      this.#skippedBlockBytes = blockBytes;
      this.#skipBytes = blockBytes - TRAILER_BYTES;
    }
  }

  /** Goes on with a block that is passed over. Returns false while it is not at its end. */
  #skip(): boolean {
    if (this.#skippedBlockBytes === 0) return true;
    const window = this.#window;
    const bytes = Math.min(this.#skipBytes, window.end - window.start);
    this.#skipBytes -= bytes;
    window.start += bytes;
    if (this.#skipBytes > 0 || window.end - window.start < TRAILER_BYTES) return false;
    if (!this.#checkTrailer(window.start, this.#skippedBlockBytes)) return false;
    window.start += TRAILER_BYTES;
    this.#skippedBlockBytes = 0;
    return true;
  }

  /** How much of the block that is being passed over is behind us. */
  get #passedBytes(): number {
    return this.#skippedBlockBytes === 0 ? 0 : this.#skippedBlockBytes - TRAILER_BYTES - this.#skipBytes;
  }

  #fail(damage: string): false {
    this.#damage = damage;
    return false;
  }

  #finish(): void {
    this.#finished = true;
    const window = this.#window;
    const damage = window.damage ?? this.#damage ?? this.#findCut();
    if (damage === undefined) return;
    if (this.#sections === 0) this.damageBeforeSection = damage;
    const blockOffset = window.sourceOffset - this.#passedBytes;
    this.warnings.push(damageWarning(window.name, damage, this.#packets, blockOffset));
  }

  /** What is wrong with the block at the start of the window, once there is nothing more to read for it. */
  #findCut(): string | undefined {
    const { start, end, view } = this.#window;
    const leftBytes = end - start;
    if (this.#skippedBlockBytes > 0) {
      return `it ends inside a block (${this.#passedBytes + leftBytes} of ${this.#skippedBlockBytes} bytes)`;
    }
    if (leftBytes === 0) return undefined;
    if (leftBytes < SECTION_HEAD_BYTES) return `it ends inside a block (${leftBytes} bytes)`;
    return `it ends inside a block (${leftBytes} of ${view.getUint32(start + 4, this.#littleEndian)} bytes)`;
  }
}

/** Bytes of the shortest block of a type. */
function leastBytes(type: number): number {
  switch (type) {
    case SECTION_HEADER:
      return SECTION_BLOCK_BYTES;
    case INTERFACE_DESCRIPTION:
      return INTERFACE_BLOCK_BYTES;
    case OBSOLETE_PACKET:
    case ENHANCED_PACKET:
      return PACKET_BLOCK_BYTES;
    case SIMPLE_PACKET:
      return SIMPLE_BLOCK_BYTES;
    default:
      return EMPTY_BLOCK_BYTES;
  }
}
