/**
 * Unpacks gzip (RFC 1952) as it is read, with what the platform brings along.
 *
 * Memory stays bounded: the packed bytes are handed over a piece at a time, the next one when the one before is used up,
 * and deflate makes at most 1032 bytes of one.
 *
 * Two things are as the platform has them. A file of several members, one behind the other, is unpacked up to the end of the
 * first, and the rest counts as damage. Damage is noticed per piece, so what the piece before the damage had still to give
 * is there, and what its own piece would have given is not.
 *
 * @example
 * ```ts
 * import { sourceOfBytes } from "./byte_source.ts";
 * import { GunzipSource } from "./gunzip.ts";
 * import { SlidingWindow } from "./window.ts";
 * const packed = new SlidingWindow(sourceOfBytes(new Uint8Array(20)), "trace.pcap.gz");
 * const source = new GunzipSource(packed);
 * await source.read(new Uint8Array(100)); // null
 * source.damage; // "its gzip data is cut off, damaged or followed by other data"
 * ```
 *
 * @module
 */

import type { ByteSource } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";
import type { SlidingWindow } from "./window.ts";

/** Packed bytes handed over at once. */
const PIECE_BYTES = 1 << 14;

/** Whether a file that begins with `head` is packed with gzip. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/** The unpacked bytes of a packed source. */
export class GunzipSource implements ByteSource {
  /** What is wrong with the packed bytes, once they have been read up to there. */
  damage: string | undefined = undefined;
  readonly #packed: SlidingWindow;
  readonly #packedSide: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #unpackedSide: ReadableStreamDefaultReader<Uint8Array>;
  #allHanded = false;
  /** Unpacked bytes that nobody has taken yet. */
  #piece: Uint8Array = new Uint8Array(0);
  #ended = false;

  /** Unpacks what is in the window and what its source still has to give. The window belongs to this object from now on. */
  constructor(packed: SlidingWindow) {
    this.#packed = packed;
    const decompressor = new DecompressionStream("gzip");
    this.#packedSide = decompressor.writable.getWriter();
    this.#unpackedSide = decompressor.readable.getReader();
  }

  /**
   * Fills `into` as far as there are bytes, so that where windows end does not depend on how the capture was packed. The
   * packed source is read only while this call lasts.
   *
   * @throws {CaptureError} When the packed source fails.
   */
  async read(into: Uint8Array): Promise<number | null> {
    let filledBytes = 0;
    while (filledBytes < into.length && await this.#hasPiece()) {
      const part = this.#piece.subarray(0, into.length - filledBytes);
      into.set(part, filledBytes);
      filledBytes += part.length;
      this.#piece = this.#piece.subarray(part.length);
    }
    return filledBytes === 0 && this.#ended ? null : filledBytes;
  }

  /** Makes sure that unpacked bytes are waiting; false at the end. */
  async #hasPiece(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#ended) {
      try {
        const { done, value } = await this.#unpack();
        if (done) this.#ended = true;
        else this.#piece = value;
      } catch (error) {
        if (error instanceof CaptureError) throw error;
        this.#ended = true;
        this.damage = "its gzip data is cut off, damaged or followed by other data";
      }
    }
    return this.#piece.length > 0;
  }

  /** Hands over packed bytes until unpacked ones come out. By hand, because a pipe would read ahead behind our back. */
  async #unpack(): Promise<ReadableStreamReadResult<Uint8Array>> {
    const unpacked = this.#unpackedSide.read();
    // Nobody waits for it where the packed source fails first.
    unpacked.catch(() => {});
    while (!this.#allHanded) {
      const piece = await this.#takePacked();
      this.#allHanded = piece.length === 0;
      const handed = this.#allHanded ? this.#packedSide.close() : this.#packedSide.write(piece);
      const first = await Promise.race([unpacked, handed.then(() => undefined)]);
      if (first !== undefined) return first;
    }
    return await unpacked;
  }

  /** A copy of the next packed bytes; empty at their end. */
  async #takePacked(): Promise<Uint8Array<ArrayBuffer>> {
    const packed = this.#packed;
    if (packed.start === packed.end) await packed.fill(PIECE_BYTES);
    const piece = packed.bytes.slice(packed.start, Math.min(packed.end, packed.start + PIECE_BYTES));
    packed.start += piece.length;
    return piece;
  }
}
