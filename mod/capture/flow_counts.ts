/**
 * Counts for a whole capture and for each of its flows, in one typed array that grows with the flows counted.
 *
 * @example
 * ```ts
 * import { FlowCounts } from "./flow_counts.ts";
 * const counts = new FlowCounts(2, 1000);
 * counts.add(7, 1, 3);
 * [counts.ofFlow(7, 1), counts.ofAll(1), counts.ofFlow(7, 0)]; // [3, 3, 0]
 * ```
 *
 * @module
 */

const START_ROWS = 16;

/** A table of counts: a row for each flow that is followed, and one for all others together. */
export class FlowCounts {
  #counts: Float64Array;

  /**
   * An empty table.
   *
   * @param columns How many counts a row has.
   * @param followedFlows Flows of a number below this have a row of their own.
   */
  constructor(readonly columns: number, readonly followedFlows: number) {
    this.#counts = new Float64Array(START_ROWS * columns);
  }

  /** Adds `count` to a column of a flow. */
  add(flow: number, column: number, count: number): void {
    const row = flow < this.followedFlows ? flow + 1 : 0;
    const at = row * this.columns + column;
    if (at >= this.#counts.length) this.#grow(at);
    this.#counts[at]! += count;
  }

  /** Sum of a column over all flows, followed or not. */
  ofAll(column: number): number {
    let sum = 0;
    for (let at = column; at < this.#counts.length; at += this.columns) sum += this.#counts[at]!;
    return sum;
  }

  /** A count of one flow that is followed; 0 where nothing was ever added. */
  ofFlow(flow: number, column: number): number {
    return this.#counts[(flow + 1) * this.columns + column] ?? 0;
  }

  /** A count of the flows that are not followed, all together. */
  ofOthers(column: number): number {
    return this.#counts[column]!;
  }

  /** So that there is a place `at`, which the limit of flows bounds. */
  #grow(at: number): void {
    const counts = new Float64Array(Math.max(at + this.columns, 2 * this.#counts.length));
    counts.set(this.#counts);
    this.#counts = counts;
  }
}
