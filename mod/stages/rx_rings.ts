/**
 * The receive queues of a NIC: a ring for each CPU, and the spreading of flows over them (receive side scaling).
 *
 * The low bits of a frame's receive hash choose a slot of the indirection table, which names the queues in turn
 * (ethtool_rxfh_indir_default, 4.4 and 6.1; 128 slots as ixgbe has). All frames of a flow are in one ring, so none overtakes
 * another there. The NIC hashes what it can read: addresses and ports in the clear, addresses alone of ESP, so that a tunnel
 * is one flow and has one CPU.
 *
 * The same low bits choose the GRO bucket of 6.1 (`gro.ts`): with 8 queues all flows of one queue are in one bucket, as with
 * a real NIC.
 *
 * Departure: the hash is this program's own mixture of addresses and ports, not Toeplitz's: which flows share a CPU differs
 * from what a real NIC would do, how they spread does not. `rx_hash=off` keeps the hash from the stack, not from the NIC.
 *
 * ```ts
 * const rings = new RxRings(4, 128);
 * rings.ringOf(frame.hash).arrive(frame, nowNs);
 * ```
 *
 * @module
 */

import type { NicEspInput } from "./nic_esp_input.ts";
import { RxRing } from "./rx_ring.ts";

/** Slots of the indirection table. */
const INDIRECTION_SLOTS = 128;

/** The rings of one NIC, one for each CPU that receives. */
export class RxRings {
  readonly all: readonly RxRing[];
  /** The ESP engine that frames pass on their way to a ring; null when there is none. */
  esp: NicEspInput | null = null;

  /** `count` rings of `slots` slots each. */
  constructor(count: number, slots: number) {
    this.all = Array.from({ length: count }, () => new RxRing(slots));
  }

  /** Frames that wait in all of them. */
  get length(): number {
    return this.all.reduce((sum, ring) => sum + ring.length, 0);
  }

  /** Which of the rings frames with receive hash `hash`, an unsigned number, go to. */
  queueOf(hash: number): number {
    return (hash % INDIRECTION_SLOTS) % this.all.length;
  }

  /** The ring that frames with receive hash `hash` go to. */
  ringOf(hash: number): RxRing {
    return this.all[this.queueOf(hash)]!;
  }
}
