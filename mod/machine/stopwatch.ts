/**
 * The clock of this machine. Nothing else in `mod/` may look at one (`tidy/lint_plugin.ts`): what is measured is measured
 * here, and the model knows no time but its own.
 *
 * The clock is that of `performance.now()`: monotonic, in steps of a few ns to a few µs, depending on the system. A reading
 * costs up to some 100 ns, so that what is timed should take many of them, or their cost be taken off (`timed_passes.ts`).
 *
 * ```ts
 * const startNs = nowNs();
 * work();
 * const tookNs = nowNs() - startNs;
 * ```
 *
 * @module
 */

const NS_PER_MS = 1e6;

/** Time since some start in ns, not whole; it never runs backwards. */
export function nowNs(): number {
  return performance.now() * NS_PER_MS;
}
