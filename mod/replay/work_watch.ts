/**
 * What looks at the byte work of a run: at the arena of each host, and at every event that a CPU pays for.
 *
 * @module
 */

import type { Price } from "../ledger/ledger.ts";
import type { ByteWatch } from "../skb/byte_watch.ts";
import type { Memory } from "../skb/memory.ts";

/** Watches one run; `machine/work_recorder.ts` is one. */
export interface WorkWatch {
  /** A price that is the same, and tells the watcher of every event it is asked for. */
  priced(price: Price): Price;
  /** Who watches the arena of a host: the next one of the run, from the first on. */
  watch(memory: Memory): ByteWatch;
}
