/**
 * The two directions of a conversation: which flow answers which.
 *
 * ```ts
 * const pairs = new FlowPairs(flows);
 * pairs.reverse(0); // NONE until the other direction has been seen, then its number
 * ```
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import type { FlowTable } from "../wire/flow_table.ts";

/** Finds the other direction of flows. */
export class FlowPairs {
  /** By flow; undefined for one that was not asked for yet. */
  readonly #reverse: number[] = [];
  readonly #flowsByEnds = new Map<string, number>();

  /** `flows` is the table that the numbers of flows come from. */
  constructor(readonly flows: FlowTable) {}

  /** The other direction of `flow`, among the flows that were asked for so far; NONE when it is not. */
  reverse(flow: number): number {
    if (this.#reverse[flow] === undefined) this.#pairUp(flow);
    return this.#reverse[flow]!;
  }

  #pairUp(flow: number): void {
    const { flows } = this;
    const source = `${flows.sourceText(flow)} ${flows.sourcePort(flow)}`;
    const destination = `${flows.destinationText(flow)} ${flows.destinationPort(flow)}`;
    const protocol = flows.protocol(flow);
    const reverse = this.#flowsByEnds.get(`${destination} ${source} ${protocol}`) ?? NONE;
    this.#flowsByEnds.set(`${source} ${destination} ${protocol}`, flow);
    this.#reverse[flow] = reverse;
    if (reverse !== NONE) this.#reverse[reverse] = flow;
  }
}
