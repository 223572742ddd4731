/**
 * What a byte program would have in its arena so far, beside what the model has: where they differ when bytes are going to
 * be summed, encrypted or sent, somebody has written header fields, and the program has to load them.
 *
 * Copies take what is there, right or stale: only what reads the values makes them right. Bytes that no operation has
 * written are unknown, whatever they are, so that a second pass over the program, which finds what the first has left, does not
 * depend on it.
 *
 * ```ts
 * shadow.moved(0, 2048, 54);
 * shadow.eachStale(u8, 2048, 54, (at, bytes) => load(at, bytes));
 * ```
 *
 * @module
 */

/** Equal bytes between two that differ are loaded with them, up to so many. */
const GAP_BYTES = 16;

/** The arena of the program, as it would be. */
export class Shadow {
  #u8 = new Uint8Array(0);
  /** 1 for each byte that has been written. */
  #known = new Uint8Array(0);

  /** Has room for `bytes` bytes. */
  reach(bytes: number): void {
    if (this.#u8.length >= bytes) return;
    const [u8, known] = [new Uint8Array(bytes), new Uint8Array(bytes)];
    u8.set(this.#u8);
    known.set(this.#known);
    this.#u8 = u8;
    this.#known = known;
  }

  /** The program has copied. */
  moved(from: number, to: number, bytes: number): void {
    this.#u8.copyWithin(to, from, from + bytes);
    this.#known.copyWithin(to, from, from + bytes);
  }

  /** The program has put there what is in `u8`. */
  set(u8: Uint8Array, at: number, bytes: number): void {
    this.#u8.set(u8.subarray(at, at + bytes), at);
    this.#known.fill(1, at, at + bytes);
  }

  /** Nobody knows what the program has there now. */
  forget(at: number, bytes: number): void {
    this.#known.fill(0, at, at + bytes);
  }

  /** Tells of each stretch of `bytes` bytes from `at` that is not as in `u8`, and takes it to be right from now on. */
  eachStale(u8: Uint8Array, at: number, bytes: number, tell: (at: number, bytes: number) => void): void {
    const end = at + bytes;
    for (let start = this.#nextStale(u8, at, end); start < end;) {
      let last = start;
      let next = this.#nextStale(u8, last + 1, end);
      while (next < end && next - last <= GAP_BYTES) {
        last = next;
        next = this.#nextStale(u8, last + 1, end);
      }
      this.set(u8, start, last + 1 - start);
      tell(start, last + 1 - start);
      start = next;
    }
  }

  #nextStale(u8: Uint8Array, from: number, end: number): number {
    const [mine, known] = [this.#u8, this.#known];
    let at = from;
    while (at < end && known[at] === 1 && mine[at] === u8[at]) at += 1;
    return at;
  }
}
