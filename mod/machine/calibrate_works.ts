/**
 * The work that a calibration times: each of the primitives (`primitives.ts`) on messages of one length, which lie in slots
 * of an arena. Ciphers are in a file of their own (`calibrate_ciphers.ts`).
 *
 * Slots are taken up in an order that no prefetcher follows, as packets lie in pages here and there. Each kind of work has a
 * loop of its own, so that its call is as cheap as it can be; that call and the loop are part of what is measured.
 *
 * ```ts
 * import { CopyWork } from "./calibrate_works.ts";
 * const work = new CopyWork(arena, 1460, 512);
 * work.prepare();
 * work.pass(0, 512); // 512 copies of 1460 bytes
 * ```
 *
 * @module
 */

import { LINE_BYTES } from "./calibrate_lines.ts";
import { copyAndSumBytes, copyBytes, sumBytes } from "./primitives.ts";

/** No slot is closer to the next: small packets do not share lines, nor pairs of lines. */
const LEAST_STRIDE_BYTES = 256;
/** Prime, so that steps of it through a power of two slots come to each of them once. */
const SLOT_STEP = 40_503;

/** Pages are no smaller. */
const PAGE_BYTES = 4096;
/** A line that belongs to no slot of short messages. */
const PAGE_VISIT_OFFSET = 192;

/** Bytes from one slot to the next: slots begin at cache lines, and leave the one between them free. */
export function strideOf(bytes: number): number {
  return Math.max(LEAST_STRIDE_BYTES, Math.ceil(bytes / LINE_BYTES + 1) * LINE_BYTES);
}

/** The most slots, a power of two, that messages of `bytes` bytes have in `regionBytes`; one at least. */
export function slotsIn(regionBytes: number, bytes: number): number {
  let slots = 1;
  while (2 * slots * strideOf(bytes) <= regionBytes) slots *= 2;
  return slots;
}

/** Memory that works take their slots from. */
export class Arena {
  /** All of it; every page has been written to. */
  readonly u8: Uint8Array<ArrayBuffer>;
  /** What was read of pages, so that no reading can be left out. */
  visited = 0;
  #taken = 0;

  /** Takes `bytes` bytes of memory. */
  constructor(bytes: number) {
    this.u8 = new Uint8Array(bytes).fill(0x5a);
  }

  /** What has been taken: all below this offset. */
  get taken(): number {
    return this.#taken;
  }

  /** The offset of `bytes` bytes that nobody else has. Throws RangeError if there is no room. */
  take(bytes: number): number {
    const at = this.#taken;
    if (at + bytes > this.u8.length) throw new RangeError(`Cannot take ${bytes} bytes of an arena: it is full`);
    this.#taken = at + bytes;
    return at;
  }

  /** Reads a byte of each page from `from` up to `to`: the CPU knows the pages then, but hardly any of their lines. */
  visitPages(from: number, to: number): void {
    for (let at = from + PAGE_VISIT_OFFSET; at < to; at += PAGE_BYTES) this.visited ^= this.u8[at]!;
  }
}

/** One kind of work on messages of one length. */
export interface SlottedWork {
  /** Messages there are; a power of two. */
  readonly slots: number;
  /** Whether `prepare()` must come before each pass: the work cannot be done twice. */
  readonly isOnceOnly: boolean;
  /** Puts into all slots what the work needs. */
  prepare(): void;
  /** Does the work in `count` slots, from `first` on in their order. */
  pass(first: number, count: number): void;
}

/** The offset of the `i`th slot of `slots` in the order in which they are taken up. */
export function slotAt(at: number, i: number, slots: number, stride: number): number {
  return at + (Math.imul(i, SLOT_STEP) & (slots - 1)) * stride;
}

/** Copies from one half of its memory to the other. */
export class CopyWork implements SlottedWork {
  readonly isOnceOnly = false;
  protected readonly u8: Uint8Array;
  protected readonly from: number;
  protected readonly to: number;

  /** Copies of `bytes` bytes. */
  constructor(arena: Arena, readonly bytes: number, readonly slots: number) {
    this.u8 = arena.u8;
    this.from = arena.take(slots * strideOf(bytes));
    this.to = arena.take(slots * strideOf(bytes));
  }

  prepare(): void {}

  pass(first: number, count: number): void {
    const stride = strideOf(this.bytes);
    for (let i = first; i < first + count; i++) {
      const from = slotAt(this.from, i, this.slots, stride);
      copyBytes(this.u8, from, from - this.from + this.to, this.bytes);
    }
  }
}

/** Sums what lies in its memory. */
export class ChecksumWork implements SlottedWork {
  readonly isOnceOnly = false;
  /** All sums, so that none can be left out. */
  sum = 0;
  readonly #u8: Uint8Array;
  readonly #at: number;

  /** Sums of `bytes` bytes. */
  constructor(arena: Arena, readonly bytes: number, readonly slots: number) {
    this.#u8 = arena.u8;
    this.#at = arena.take(slots * strideOf(bytes));
  }

  prepare(): void {}

  pass(first: number, count: number): void {
    const stride = strideOf(this.bytes);
    for (let i = first; i < first + count; i++) {
      this.sum ^= sumBytes(this.#u8, slotAt(this.#at, i, this.slots, stride), this.bytes);
    }
  }
}

/** Copies from one half of its memory to the other, and sums. */
export class FusedWork extends CopyWork {
  /** All sums, so that none can be left out. */
  sum = 0;

  override pass(first: number, count: number): void {
    const stride = strideOf(this.bytes);
    for (let i = first; i < first + count; i++) {
      const from = slotAt(this.from, i, this.slots, stride);
      this.sum ^= copyAndSumBytes(this.u8, from, from - this.from + this.to, this.bytes);
    }
  }
}
