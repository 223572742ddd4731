/**
 * How long one access to memory takes that the next has to wait for, and memory to empty the caches with.
 *
 * Lines of 64 bytes are chained, and each holds the place of the next: those of one page in an order without any pattern,
 * then those of another page. So the page has to be found once for 64 accesses; the memory of a kernel lies in large
 * pages, where that is hardly ever done. What answers depends on how much memory the chain goes through.
 *
 * ```ts
 * import { LineChain } from "./calibrate_lines.ts";
 * const chain = new LineChain(192 << 10);
 * chain.follow(1000); // 1000 accesses, one after the other
 * ```
 *
 * @module
 */

/** Bytes of a cache line. */
export const LINE_BYTES = 64;
const LINE_INTEGERS = LINE_BYTES / 4;
/** Of a page of 4 KiB. */
const PAGE_LINES = 64;

/** A ring of lines. */
export class LineChain {
  /** How many. */
  readonly lines: number;
  /** The first integer of a line is where in the array the next one begins. */
  readonly #next: Int32Array;
  #at = 0;

  /** A ring through `bytes` bytes, a multiple of 4096. */
  constructor(bytes: number) {
    this.lines = bytes / LINE_BYTES;
    this.#next = new Int32Array(bytes / 4);
    this.#chain();
  }

  /** Which line is next to be read, from 0. */
  get line(): number {
    return this.#at / LINE_INTEGERS;
  }

  /** Goes on by `count` lines. */
  follow(count: number): void {
    const next = this.#next;
    let at = this.#at;
    for (let i = 0; i < count; i++) at = next[at]!;
    this.#at = at;
  }

  /** Reads every line in the order of memory, whereby caches much smaller than that forget all else. */
  readAll(): void {
    const next = this.#next;
    let seen = 0;
    for (let i = 0; i < next.length; i += LINE_INTEGERS) seen ^= next[i]!;
    // What comes out is kept, or the compiler would leave the loop out.
    next[1] = seen;
  }

  #chain(): void {
    const chance = new Chance();
    let first: number | undefined;
    let last = 0;
    for (const page of chance.shuffled(this.lines / PAGE_LINES)) {
      for (const line of chance.shuffled(PAGE_LINES)) {
        const at = (page * PAGE_LINES + line) * LINE_INTEGERS;
        if (first === undefined) first = at;
        else this.#next[last] = at;
        last = at;
      }
    }
    this.#next[last] = first ?? 0;
  }
}

/** Chance with a seed, good enough to have no pattern: a linear congruential generator (Numerical Recipes). */
class Chance {
  #state = 1;

  /** A number from 0 up, below `limit`. */
  below(limit: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(this.#state / 0x1_0000_0000 * limit);
  }

  /** The numbers below `count` in any order. */
  shuffled(count: number): Int32Array {
    const numbers = Int32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = numbers[i]!;
      numbers[i] = numbers[j]!;
      numbers[j] = kept;
    }
    return numbers;
  }
}
