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
 * Blocks are found by `pcapng_blocks.ts`; those of other types are passed over. What makes no sense is damage: it ends the capture with one warning, or, where not even one section header is
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
import {
  ENHANCED_PACKET,
  INTERFACE_DESCRIPTION,
  OBSOLETE_PACKET,
  PACKET_BLOCK_BYTES,
  PcapngBlocks,
  SECTION_HEADER,
  SIMPLE_BLOCK_BYTES,
  SIMPLE_PACKET,
} from "./pcapng_blocks.ts";
import { PcapngInterface } from "./pcapng_interface.ts";
import type { CaptureFormat, CaptureInterface, CaptureReader, LinkTypeCount } from "./reader.ts";
import type { SlidingWindow } from "./window.ts";

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
  readonly #blocks: PcapngBlocks;
  #sections = 0;
  /** Those of the section, and the counter of each. */
  #sectionInterfaces: PcapngInterface[] = [];
  #sectionCounters: Counter[] = [];
  readonly #counters = new Map<number, Counter>();
  /** Counters that have counted, in order. */
  readonly #linkTypes: Counter[] = [];
  #finished = false;
  #packets = 0;
  #hasStamp = false;
  #t0Seconds = 0;
  #t0Nanoseconds = 0;
  #timeNs = 0;
  /** The packet block at the start of the window, once it has been found good. */
  #packetAt = 0;
  #capturedBytes = 0;
  #originalBytes = 0;
  #interface = 0;

  constructor(window: SlidingWindow) {
    this.#window = window;
    this.#blocks = new PcapngBlocks(window);
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
      if (this.#blocks.damage !== undefined || this.#window.ended) this.#finish();
      else await this.#window.fill();
    }
    return false;
  }

  next(packet: CapturePacket): boolean {
    if (!this.#findPacket()) return false;
    const window = this.#window;
    const counter = this.#sectionCounters[this.#interface]!;
    if (counter.packets++ === 0) this.#linkTypes.push(counter);
    if (this.#blocks.type !== SIMPLE_PACKET) this.#readStamp();
    packet.index = this.#packets++;
    packet.bytes = window.bytes;
    packet.offset = this.#packetAt;
    packet.capturedBytes = this.#capturedBytes;
    packet.originalBytes = this.#originalBytes;
    packet.timeNs = this.#timeNs;
    packet.linkType = counter.linkType;
    this.#blocks.use();
    return true;
  }

  #readStamp(): void {
    const { view, start } = this.#window;
    const { littleEndian } = this.#blocks;
    const { scale } = this.#sectionInterfaces[this.#interface]!;
    scale.read(view.getUint32(start + 12, littleEndian), view.getUint32(start + 16, littleEndian));
    if (!this.#hasStamp) {
      this.#hasStamp = true;
      this.#t0Seconds = scale.seconds;
      this.#t0Nanoseconds = scale.nanoseconds;
    }
    this.#timeNs = (scale.seconds - this.#t0Seconds) * NS_PER_SECOND + scale.nanoseconds - this.#t0Nanoseconds;
  }

  /**
   * Uses up the blocks before the next packet. Returns whether a whole packet block is at the start of the window; if not,
   * more has to be read, or the blocks are damaged.
   */
  #findPacket(): boolean {
    const blocks = this.#blocks;
    while (blocks.find()) {
      if (blocks.type === SECTION_HEADER) this.#beginSection();
      else if (blocks.type !== INTERFACE_DESCRIPTION) return this.#readPacketBlock();
      else if (!this.#addInterface()) return false;
      blocks.use();
    }
    return false;
  }

  #beginSection(): void {
    this.#sections++;
    this.#sectionInterfaces = [];
    this.#sectionCounters = [];
  }

  #addInterface(): boolean {
    const { blockBytes, littleEndian } = this.#blocks;
    const { view, start } = this.#window;
    let described: PcapngInterface;
    try {
      described = new PcapngInterface(view, start, blockBytes, littleEndian);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#blocks.fail("an option of an interface is longer than its block");
    }
    const { linkType, snaplenBytes, name } = described;
    let counter = this.#counters.get(linkType);
    if (counter === undefined) this.#counters.set(linkType, counter = { linkType, packets: 0 });
    this.#sectionInterfaces.push(described);
    this.#sectionCounters.push(counter);
    this.interfaces.push({ linkType, snaplenBytes, name });
    return true;
  }

  #readPacketBlock(): boolean {
    const { view, start } = this.#window;
    const { type, blockBytes, littleEndian } = this.#blocks;
    this.#interface = 0;
    if (type === ENHANCED_PACKET) this.#interface = view.getUint32(start + 8, littleEndian);
    if (type === OBSOLETE_PACKET) this.#interface = view.getUint16(start + 8, littleEndian);
    const described = this.#sectionInterfaces[this.#interface];
    if (described === undefined) {
      const known = this.#sectionInterfaces.length;
      return this.#blocks.fail(`a packet is of interface ${this.#interface}, and ${known} are described`);
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
    return this.#blocks.fail(`a packet claims ${this.#capturedBytes} captured bytes in a block of ${blockBytes}`);
  }

  #finish(): void {
    this.#finished = true;
    const window = this.#window;
    const damage = window.damage ?? this.#blocks.damage ?? this.#blocks.findCut();
    if (damage === undefined) return;
    if (this.#sections === 0) this.damageBeforeSection = damage;
    this.warnings.push(damageWarning(window.name, damage, this.#packets, this.#blocks.sourceOffset));
  }
}
