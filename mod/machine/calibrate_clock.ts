/**
 * An estimate of the clock of this machine, from user space: how long a chain of operations takes of which each needs the
 * result of the one before, and every CPU does one in a cycle.
 *
 * The operations are additions and exclusive ors of 32-bit integers in turn, with numbers that the compiler does not know: it
 * can neither put two of them together nor leave one out, and the CPU cannot do them while it renames registers, as it may
 * with small constants. The loop around them runs beside the chain. It is an estimate: a CPU changes its clock with load
 * and temperature, and the time of a batch that was interrupted is too long, so that of several batches the shortest counts.
 *
 * ```ts
 * import { nowNs } from "./stopwatch.ts";
 * import { clockGhzNow } from "./calibrate_clock.ts";
 * clockGhzNow(nowNs); // 3.7, say
 * ```
 *
 * @module
 */

/** Operations of one round of the loop. */
const CHAIN_OPERATIONS = 32;
/** Rounds of one batch: some 100 us. */
const ROUNDS = 10_000;
/** Batches, of which the shortest counts. */
const BATCHES = 20;

/** What the chain works with: an array, so that the compiler does not know it. */
const OPERANDS = Int32Array.of(0x2545f491, 0x4f6cdd1d, 0, 0);

/** Cycles per ns that the CPU made just now, by the clock `nowNs`, which returns ns. Takes some 5 ms. */
export function clockGhzNow(nowNs: () => number): number {
  let shortestNs = Infinity;
  for (let batch = 0; batch < BATCHES; batch++) {
    const startNs = nowNs();
    // What comes out is kept, or the compiler would leave the chain out.
    OPERANDS[2] = chain(OPERANDS[2]!, OPERANDS[0]!, OPERANDS[1]!, ROUNDS);
    shortestNs = Math.min(shortestNs, nowNs() - startNs);
  }
  return ROUNDS * CHAIN_OPERATIONS / shortestNs;
}

/** `rounds` times 32 operations, one after the other. */
function chain(start: number, a: number, b: number, rounds: number): number {
  let x = start;
  for (let round = 0; round < rounds; round++) {
    x = ((((((((x + a) | 0) ^ b) + a) | 0) ^ b) + a) | 0) ^ b;
    x = ((((((((x + a) | 0) ^ b) + a) | 0) ^ b) + a) | 0) ^ b;
    x = ((((((((x + a) | 0) ^ b) + a) | 0) ^ b) + a) | 0) ^ b;
    x = ((((((((x + a) | 0) ^ b) + a) | 0) ^ b) + a) | 0) ^ b;
    x = ((((x + a) | 0) ^ b) + a) ^ b;
    x = ((((x + a) | 0) ^ b) + a) ^ b;
  }
  return x;
}
