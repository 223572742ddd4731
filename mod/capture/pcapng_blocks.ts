/**
 * Finds the blocks of a pcapng file, one after the other, and believes none of their lengths.
 *
 * ```
 *  0 type   4 total length, a multiple of 4   8 body ...   total length again
 * ```
 *
 * Blocks of unknown types are passed over, however long they are; those that are looked at have to fit into the window.
 * The byte order is that of the section header before them, which says so itself (draft-ietf-opsawg-pcapng, 4.1).
 *
 * @example
 * ```ts
 * import { sourceOfBytes } from "./byte_source.ts";
 * import { PcapngBlocks } from "./pcapng_blocks.ts";
 * import { SlidingWindow } from "./window.ts";
 * const window = new SlidingWindow(sourceOfBytes(new Uint8Array(28)), "trace.pcapng");
 * await window.fill();
 * const blocks = new PcapngBlocks(window);
 * while (blocks.find()) blocks.use();
 * blocks.damage; // "a block has an impossible length (0 bytes)"
 * ```
 *
 * @module
 */

import type { SlidingWindow } from "./window.ts";

/** Block type of a section header: the same in both byte orders, so that it can be found in either. */
export const SECTION_HEADER = 0x0a0d0d0a;
/** Block type of an interface description. */
export const INTERFACE_DESCRIPTION = 1;
/** Block type of a packet as it was written before enhanced packets. */
export const OBSOLETE_PACKET = 2;
/** Block type of a packet without interface and stamp. */
export const SIMPLE_PACKET = 3;
/** Block type of a packet. */
export const ENHANCED_PACKET = 6;

/** Bytes of an enhanced or obsolete packet block without its packet and options. */
export const PACKET_BLOCK_BYTES = 32;
/** Bytes of a simple packet block without its packet. */
export const SIMPLE_BLOCK_BYTES = 16;
/** Bytes of an interface description block without options. */
export const INTERFACE_BLOCK_BYTES = 20;
/** Bytes of a section header block without options. */
export const SECTION_BLOCK_BYTES = 28;
/** The length at the end of every block. */
export const TRAILER_BYTES = 4;

/** Type, length, and the length again. */
const EMPTY_BLOCK_BYTES = 12;
/** How much of a section header is looked at. */
const SECTION_HEAD_BYTES = 16;
const BYTE_ORDER_MAGIC = 0x1a2b3c4d;
const MAJOR_VERSION = 1;

/** Walks over the blocks in a window. */
export class PcapngBlocks {
  /** Type of the block at the start of the window. */
  type = 0;
  /** Its length. */
  blockBytes = 0;
  /** Byte order of the section. */
  littleEndian = false;
  /** What is wrong with the file from here on, once something is: part of a sentence. */
  damage: string | undefined = undefined;
  readonly #window: SlidingWindow;
  /** Length of a block that is being passed over, and how much of it is still to come, trailer excluded. */
  #passedBlockBytes = 0;
  #comingBytes = 0;

  /** Begins at the start of the window, which has to be a section header. */
  constructor(window: SlidingWindow) {
    this.#window = window;
  }

  /** Offset in the source of the block that is being looked at. */
  get sourceOffset(): number {
    return this.#window.sourceOffset - this.#passedBytes;
  }

  /**
   * Whether a whole block that is to be looked at is at the start of the window. If not, more has to be read, or `damage`
   * says what is wrong. Asked again without `use()`, it gives the same block.
   */
  find(): boolean {
    const window = this.#window;
    const { view } = window;
    while (this.damage === undefined && this.#pass()) {
      const { start } = window;
      const roomBytes = window.end - start;
      if (roomBytes < EMPTY_BLOCK_BYTES) return false;
      const type = view.getUint32(start, this.littleEndian);
      if (type === SECTION_HEADER) {
        if (roomBytes < SECTION_HEAD_BYTES || !this.#readSectionHead(start)) return false;
      }
      const blockBytes = view.getUint32(start + 4, this.littleEndian);
      const least = leastBytes(type);
      if (blockBytes < least || blockBytes % 4 !== 0) {
        return this.fail(`a block has an impossible length (${blockBytes} bytes)`);
      }
      if (least > EMPTY_BLOCK_BYTES) {
        if (blockBytes > window.limitBytes) {
          return this.fail(`a block claims ${blockBytes} bytes (the limit is ${window.limitBytes})`);
        }
        this.type = type;
        this.blockBytes = blockBytes;
        return roomBytes >= blockBytes && this.#checkTrailer(start + blockBytes - TRAILER_BYTES, blockBytes);
      }
      this.#passedBlockBytes = blockBytes;
      this.#comingBytes = blockBytes - TRAILER_BYTES;
    }
    return false;
  }

  /** Uses up the block that was found. */
  use(): void {
    this.#window.start += this.blockBytes;
  }

  /** Sets the damage; false, so that it can end a search. */
  fail(damage: string): false {
    this.damage = damage;
    return false;
  }

  /** Where the file was cut off, once there is nothing more to read; undefined where it ends with a block. */
  findCut(): string | undefined {
    const { start, end, view } = this.#window;
    const leftBytes = end - start;
    if (this.#passedBlockBytes > 0) {
      return `it ends inside a block (${this.#passedBytes + leftBytes} of ${this.#passedBlockBytes} bytes)`;
    }
    if (leftBytes === 0) return undefined;
    if (leftBytes < SECTION_HEAD_BYTES) return `it ends inside a block (${leftBytes} bytes)`;
    return `it ends inside a block (${leftBytes} of ${view.getUint32(start + 4, this.littleEndian)} bytes)`;
  }

  /** The byte order counts from here on, even for the length of this block. */
  #readSectionHead(start: number): boolean {
    const { view } = this.#window;
    const littleEndian = view.getUint32(start + 8, true) === BYTE_ORDER_MAGIC;
    if (!littleEndian && view.getUint32(start + 8) !== BYTE_ORDER_MAGIC) {
      return this.fail("a pcapng section header has no byte-order magic");
    }
    this.littleEndian = littleEndian;
    const major = view.getUint16(start + 12, littleEndian);
    if (major === MAJOR_VERSION) return true;
    const minor = view.getUint16(start + 14, littleEndian);
    return this.fail(`its pcapng version is ${major}.${minor}, and only 1.x is known`);
  }

  #checkTrailer(at: number, blockBytes: number): boolean {
    const trailer = this.#window.view.getUint32(at, this.littleEndian);
    return trailer === blockBytes || this.fail(`a block begins with length ${blockBytes} and ends with ${trailer}`);
  }

  /** How much of the block that is being passed over is behind us. */
  get #passedBytes(): number {
    return this.#passedBlockBytes === 0 ? 0 : this.#passedBlockBytes - TRAILER_BYTES - this.#comingBytes;
  }

  /** Goes on with a block that is passed over. Returns false while it is not at its end. */
  #pass(): boolean {
    if (this.#passedBlockBytes === 0) return true;
    const window = this.#window;
    const bytes = Math.min(this.#comingBytes, window.end - window.start);
    this.#comingBytes -= bytes;
    window.start += bytes;
    if (this.#comingBytes > 0 || window.end - window.start < TRAILER_BYTES) return false;
    if (!this.#checkTrailer(window.start, this.#passedBlockBytes)) return false;
    window.start += TRAILER_BYTES;
    this.#passedBlockBytes = 0;
    return true;
  }
}

/** Bytes of the shortest block of a type; more than those of an empty one where the block is looked at. */
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
