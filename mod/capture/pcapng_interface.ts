/**
 * The interface description block of pcapng: with which link type, snapshot length and time unit an interface captured.
 *
 * ```
 *  0 block type 1, total length     16 options: code and length, 16 bits each, value padded to 4 bytes
 *  8 link type, 16 bits; reserved      2 if_name, 9 if_tsresol (1 byte), 14 if_tsoffset (8 bytes), 0 end
 * 12 snaplen                           then the total length again
 * ```
 *
 * Options that are unknown, or have not the length they must have, count as absent (draft-ietf-opsawg-pcapng, 4.2).
 *
 * @example
 * ```ts
 * import { PcapngInterface } from "./pcapng_interface.ts";
 * const view = new DataView(new ArrayBuffer(20));
 * view.setUint16(8, 1);
 * new PcapngInterface(view, 0, 20, false).linkType; // 1
 * ```
 *
 * @module
 */

import { TRAILER_BYTES } from "./pcapng_blocks.ts";
import { StampScale } from "./pcapng_stamp.ts";
import type { CaptureInterface } from "./reader.ts";

const OPTIONS_AT = 16;
const OPTION_HEADER_BYTES = 4;
const OPTION_END = 0;
const OPTION_NAME = 2;
const OPTION_RESOLUTION = 9;
const OPTION_OFFSET = 14;
const OFFSET_BYTES = 8;
/** Resolution where the block names none: microseconds. */
const MICROSECONDS = 6;

/** One interface of one section. */
export class PcapngInterface implements CaptureInterface {
  readonly linkType: number;
  readonly snaplenBytes: number;
  readonly name: string;
  /** Takes its stamps apart. */
  readonly scale: StampScale;

  /**
   * Reads a block; nothing of it is kept.
   *
   * @param view Holds the whole block from `start` on, `blockBytes` long.
   * @throws {RangeError} When an option claims more bytes than the block has.
   */
  constructor(view: DataView, start: number, blockBytes: number, littleEndian: boolean) {
    this.linkType = view.getUint16(start + 8, littleEndian);
    this.snaplenBytes = view.getUint32(start + 12, littleEndian);
    let name = "";
    let resolution = MICROSECONDS;
    let offsetSeconds = 0;
    for (const option of optionsOf(view, start + OPTIONS_AT, start + blockBytes - TRAILER_BYTES, littleEndian)) {
      if (option.code === OPTION_NAME) name = new TextDecoder().decode(option.value);
      if (option.code === OPTION_RESOLUTION && option.value.byteLength === 1) resolution = option.value.getUint8(0);
      if (option.code === OPTION_OFFSET && option.value.byteLength === OFFSET_BYTES) {
        offsetSeconds = Number(option.value.getBigInt64(0, littleEndian));
      }
    }
    this.name = name;
    this.scale = new StampScale(resolution, offsetSeconds);
  }
}

interface Option {
  readonly code: number;
  readonly value: DataView;
}

function* optionsOf(view: DataView, start: number, end: number, littleEndian: boolean): Generator<Option> {
  for (let at = start; at + OPTION_HEADER_BYTES <= end;) {
    const code = view.getUint16(at, littleEndian);
    const valueBytes = view.getUint16(at + 2, littleEndian);
    if (code === OPTION_END) return;
    const valueAt = at + OPTION_HEADER_BYTES;
    if (valueAt + valueBytes > end) throw new RangeError(`Cannot read option ${code}: it claims ${valueBytes} bytes`);
    yield { code, value: new DataView(view.buffer, view.byteOffset + valueAt, valueBytes) };
    at = valueAt + Math.ceil(valueBytes / 4) * 4;
  }
}
