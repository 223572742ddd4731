/**
 * One captured packet, as a view into the reader's window.
 *
 * The object is made once by the caller and filled again for every packet: no allocation on the hot path, and one
 * object shape for all readers.
 *
 * @example
 * ```ts
 * import { CapturePacket } from "./packet.ts";
 * const packet = new CapturePacket();
 * const etherType = (packet: CapturePacket) =>
 *   ((packet.bytes[packet.offset + 12] ?? 0) << 8) | (packet.bytes[packet.offset + 13] ?? 0);
 * ```
 *
 * @module
 */

const NO_BYTES = new Uint8Array(0);

/**
 * One captured packet. Every field is overwritten by the next call of `next()`; the bytes belong to the reader's window
 * and are valid until the next `fill()`.
 */
export class CapturePacket {
  /** Number of the packet in its file, from 0. */
  index: number;
  /** The window; the packet is `capturedBytes` of it from `offset` on. */
  bytes: Uint8Array;
  /** Where in `bytes` the packet begins (link-layer header). Any alignment. */
  offset: number;
  /** How many bytes of the packet the capture holds. */
  capturedBytes: number;
  /**
   * How long the packet was on the wire, as the record says: more than `capturedBytes` where a snapshot length cut it,
   * and in odd files less.
   */
  originalBytes: number;
  /**
   * Nanoseconds since the first stamp of the file; negative where stamps go back. Exact within 104 days of the first
   * packet (2^53 ns), beyond that to a microsecond.
   */
  timeNs: number;
  /** LINKTYPE_ number, see `link_types.ts`. */
  linkType: number;

  /** An empty packet, to be filled by a reader. */
  constructor() {
    this.index = 0;
    this.bytes = NO_BYTES;
    this.offset = 0;
    this.capturedBytes = 0;
    this.originalBytes = 0;
    this.timeNs = 0;
    this.linkType = 0;
  }
}
