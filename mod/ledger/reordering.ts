/**
 * Reordering: packets that leave behind a later one of their flow, and by how much.
 *
 * Places count the packets of a flow as they arrived. The depth of a packet is how many places it is behind the latest of its
 * flow that has left: 0 in order, 1 for a packet that the next one has overtaken, whether one packet went past many or many went
 * past one. It is what a receiver's buffer or replay window would have to span, were the flow all that it sees.
 *
 * ```ts
 * const reordering = new Reordering();
 * for (const packet of [0, 1, 2]) reordering.arrive(packet, 0);
 * [2, 0, 1].map((packet) => reordering.leave(packet, 0)); // 0, 2, 1
 * ```
 *
 * @module
 */

import { InFlight } from "./in_flight.ts";

/** Follows the packets of all flows. */
export class Reordering {
  /** Packets that have left behind a later one of their flow. */
  reordered = 0;
  /** The largest depth among them. */
  depthMax = 0;

  readonly #places = new InFlight();
  /** Packets of each flow that have arrived. */
  readonly #arrived: number[] = [];
  /** The latest packet of each flow that has left, and its place. */
  readonly #latest: number[] = [];
  readonly #latestPlace: number[] = [];

  /** A packet of `flow` has arrived; packets arrive in order. */
  arrive(packet: number, flow: number): void {
    const place = this.#arrived[flow] ?? 0;
    this.#arrived[flow] = place + 1;
    this.#places.set(packet, place);
  }

  /** A packet of `flow` has left; returns its depth, which is 1 where it is behind and its arrival was not told. */
  leave(packet: number, flow: number): number {
    const place = this.#places.take(packet);
    const latest = this.#latest[flow] ?? -1;
    if (packet >= latest) {
      this.#latest[flow] = packet;
      this.#latestPlace[flow] = place ?? 0;
      return 0;
    }
    const depth = place === undefined ? 1 : Math.max(1, this.#latestPlace[flow]! - place);
    this.reordered += 1;
    this.depthMax = Math.max(this.depthMax, depth);
    return depth;
  }

  /** A packet is never going to leave. */
  forget(packet: number): void {
    this.#places.take(packet);
  }
}
