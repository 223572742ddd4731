/**
 * Where the bytes of a capture come from.
 *
 * The interface is the part of `Deno.FsFile` and `Deno.stdin` that a reader needs, so both can be handed over as they
 * are, and a test can hand over an array.
 *
 * @example
 * ```ts
 * import { sourceOfBytes } from "./byte_source.ts";
 * const source = sourceOfBytes(new Uint8Array([1, 2, 3]));
 * const into = new Uint8Array(8);
 * await source.read(into); // 3
 * await source.read(into); // null
 * ```
 *
 * @module
 */

/** A one-way stream of bytes, read on demand. */
export interface ByteSource {
  /**
   * Writes up to `into.length` bytes to the beginning of `into`.
   *
   * @returns How many bytes were written, as few as the source likes; `null` at the end.
   */
  read(into: Uint8Array): Promise<number | null>;

  /** Why the bytes ended too early, as the end of a sentence; for sources that unpack. */
  readonly damage?: string | undefined;
}

/** A source over bytes in memory. `bytes` is borrowed, not copied, and must not change while it is read. */
export function sourceOfBytes(bytes: Uint8Array): ByteSource {
  let position = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (position >= bytes.length) return Promise.resolve(null);
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      position += part.length;
      return Promise.resolve(part.length);
    },
  };
}
