/**
 * pcapng files built by hand, block by block, for the tests. Not part of the library, and made with no code of it.
 *
 * @example
 * ```ts
 * import { PcapngBuilder } from "./testing_pcapng.ts";
 * new PcapngBuilder().section().describe({ linkType: 1 }).enhanced({ bytes: new Uint8Array(60) }).bytes.length; // 140
 * ```
 *
 * @module
 */

/** Code and value of one option. */
export type PcapngOption = readonly [code: number, value: Uint8Array];

/** Fields of an interface description block. */
export interface InterfaceFields {
  /** 1 for Ethernet. */
  linkType?: number;
  /** 262144. */
  snaplen?: number;
  /** None. */
  options?: readonly PcapngOption[];
}

/** Fields of an enhanced or obsolete packet block; the lengths are those of `bytes` unless given. */
export interface PacketFields {
  /** The packet. */
  bytes: Uint8Array;
  /** Interface id, 0. */
  interfaceId?: number;
  /** The 64-bit stamp, 0. */
  stamp?: bigint;
  /** What the block claims to hold. */
  capturedLength?: number;
  /** What the block claims the packet was on the wire. */
  originalLength?: number;
  /** None. */
  options?: readonly PcapngOption[];
}

/** Option `if_name`. */
export function nameOption(name: string): PcapngOption {
  return [2, new TextEncoder().encode(name)];
}

/** Option `if_tsresol`. */
export function resolutionOption(resolution: number): PcapngOption {
  return [9, Uint8Array.of(resolution)];
}

/** Gathers blocks; every method but `bytes` returns the builder. */
export class PcapngBuilder {
  readonly #blocks: Uint8Array[] = [];
  #littleEndian: boolean;

  /** Byte order of what comes next. */
  constructor(littleEndian = true) {
    this.#littleEndian = littleEndian;
  }

  /** The file so far, copied. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.#blocks.flatMap((block) => [...block]));
  }

  /** A section header block; from here on in `littleEndian` byte order. */
  section(littleEndian = this.#littleEndian, version: readonly [number, number] = [1, 0]): this {
    this.#littleEndian = littleEndian;
    return this.block(0x0a0d0d0a, this.#numbers([4, 0x1a2b3c4d], [2, version[0]], [2, version[1]], [8, -1]));
  }

  /** The option `if_tsoffset` in the byte order of the section. */
  offsetOption(seconds: number): PcapngOption {
    return [14, this.#numbers([8, seconds])];
  }

  /** An interface description block. */
  describe({ linkType = 1, snaplen = 262144, options = [] }: InterfaceFields = {}): this {
    return this.block(1, this.#numbers([2, linkType], [2, 0], [4, snaplen]), this.#options(options));
  }

  /** An enhanced packet block. */
  enhanced(fields: PacketFields): this {
    return this.block(6, this.#numbers([4, fields.interfaceId ?? 0]), ...this.#packet(fields));
  }

  /** An obsolete packet block, with a drop count of 7. */
  obsolete(fields: PacketFields): this {
    return this.block(2, this.#numbers([2, fields.interfaceId ?? 0], [2, 7]), ...this.#packet(fields));
  }

  /** A simple packet block. */
  simple(bytes: Uint8Array, originalLength: number = bytes.length): this {
    return this.block(3, this.#numbers([4, originalLength]), padded(bytes));
  }

  /** Any block. */
  block(type: number, ...parts: readonly Uint8Array[]): this {
    const length = 12 + parts.reduce((sum, part) => sum + part.length, 0);
    return this.raw(this.#numbers([4, type], [4, length]), ...parts, this.#numbers([4, length]));
  }

  /** Bytes as they are. */
  raw(...parts: readonly Uint8Array[]): this {
    this.#blocks.push(...parts);
    return this;
  }

  #packet({ bytes, stamp = 0n, capturedLength, originalLength, options = [] }: PacketFields): Uint8Array[] {
    const halves = this.#numbers([4, Number(stamp >> 32n)], [4, Number(stamp & 0xffffffffn)]);
    const lengths = this.#numbers([4, capturedLength ?? bytes.length], [4, originalLength ?? bytes.length]);
    return [halves, lengths, padded(bytes), this.#options(options)];
  }

  #options(options: readonly PcapngOption[]): Uint8Array {
    const parts = options.flatMap(([code, value]) => [this.#numbers([2, code], [2, value.length]), padded(value)]);
    if (parts.length > 0) parts.push(new Uint8Array(4));
    return Uint8Array.from(parts.flatMap((part) => [...part]));
  }

  #numbers(...fields: readonly (readonly [bytes: 2 | 4 | 8, value: number])[]): Uint8Array {
    const view = new DataView(new ArrayBuffer(fields.reduce((sum, [bytes]) => sum + bytes, 0)));
    let at = 0;
    for (const [bytes, value] of fields) {
      if (bytes === 2) view.setUint16(at, value, this.#littleEndian);
      else if (bytes === 4) view.setUint32(at, value, this.#littleEndian);
      else view.setBigInt64(at, BigInt(value), this.#littleEndian);
      at += bytes;
    }
    return new Uint8Array(view.buffer);
  }
}

/** To a multiple of 4 bytes, with bytes that are not 0, so that reading them is noticed. */
function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4).fill(0xcc);
  whole.set(bytes);
  return whole;
}
