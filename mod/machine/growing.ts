/**
 * Columns of numbers that grow by doubling: what is recorded of a run while nothing may be allocated per entry.
 *
 * ```ts
 * const column = new GrowingBytes();
 * column.push(7);
 * column.values.subarray(0, column.length); // 7
 * ```
 *
 * @module
 */

const START = 1 << 12;

/** Whole numbers up to 2^53. */
export class GrowingNumbers {
  /** The first `length` are in use. */
  values = new Float64Array(START);
  length = 0;

  push(value: number): void {
    if (this.length === this.values.length) {
      const grown = new Float64Array(2 * this.length);
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.length++] = value;
  }
}

/** Bytes. */
export class GrowingBytes {
  /** The first `length` are in use. */
  values = new Uint8Array(START);
  length = 0;

  push(value: number): void {
    this.reserve(1);
    this.values[this.length++] = value;
  }

  /** Appends `bytes` bytes of `u8` from `at`. */
  append(u8: Uint8Array, at: number, bytes: number): void {
    this.reserve(bytes);
    this.values.set(u8.subarray(at, at + bytes), this.length);
    this.length += bytes;
  }

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    let size = this.values.length;
    if (this.length + bytes <= size) return;
    while (size < this.length + bytes) size *= 2;
    const grown = new Uint8Array(size);
    grown.set(this.values.subarray(0, this.length));
    this.values = grown;
  }
}
