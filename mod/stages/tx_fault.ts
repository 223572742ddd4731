/**
 * A driver that is at fault, as the kernel recordings had one (`tx_fault`).
 *
 * `busy:N`: the next N packets that the driver is handed are refused with NETDEV_TX_BUSY, whatever room its ring has; it does
 * not stop its queue, so that it is tried again at once. `stopped:ms`: its queue is stopped from the start, and woken after so
 * many milliseconds of virtual time.
 *
 * ```ts
 * const fault = new TxFault("busy:5");
 * fault.refuses(); // true, five times
 * ```
 *
 * @module
 */

import { formNumber } from "../config/kinds.ts";
import type { Config } from "../config/schema.ts";
import { NS_PER_MS } from "../ledger/units.ts";

/** The fault of one driver. */
export class TxFault {
  /** When the queue that is stopped from the start is woken; 0 when it is not stopped. */
  readonly stoppedUntilNs: number;

  #refusalsLeft: number;

  constructor(fault: Config["tx_fault"]) {
    this.#refusalsLeft = formNumber(fault, "busy:") ?? 0;
    this.stoppedUntilNs = Math.round((formNumber(fault, "stopped:") ?? 0) * NS_PER_MS);
  }

  /** Whether the driver refuses the packet that it is handed now. */
  refuses(): boolean {
    if (this.#refusalsLeft === 0) return false;
    this.#refusalsLeft -= 1;
    return true;
  }
}
