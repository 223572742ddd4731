/**
 * What the tests of this folder share: a ledger whose prices are given row by row, and folds over it. Not part of the
 * library.
 *
 * @example
 * ```ts
 * import { foldOf } from "./testing.ts";
 * import { Tally } from "./tally.ts";
 * const tally = foldOf(new Tally(), [{ event: "copy", reason: "pullTail", bytes: 1460 }]);
 * tally.sum({ event: "copy" }).bytes; // 1460
 * ```
 *
 * @module
 */

import { type Fold, Ledger } from "./ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "./schema.ts";

/** One row; what is left out is 0, NONE, 1 for `count`, `none` for the reason and `rx-ring` for the stage. */
export interface TestRow {
  /** Kind of event by name. */
  readonly event: keyof typeof EVENT;
  /** Stage by name. */
  readonly stage?: keyof typeof STAGE;
  /** Reason by its name in code. */
  readonly reason?: keyof typeof REASON;
  /** Time of a device's row. */
  readonly tNs?: number;
  /** Captured packet. */
  readonly packet?: number;
  /** The `bytes` column. */
  readonly bytes?: number;
  /** The `count` column. */
  readonly count?: number;
  /** Price of a CPU's row, in picoseconds. */
  readonly costPs?: number;
  /** The `payload_bytes` column. */
  readonly payloadBytes?: number;
  /** The `steps` column, of a crypto request. */
  readonly steps?: number;
  /** L4 flow of a device's row. */
  readonly flow?: number;
}

/** Writes `rows` to a ledger, those with a `flow` or a `tNs` as a device does, and returns `fold`, which has read them. */
export function foldOf<Folded extends Fold>(fold: Folded, rows: readonly TestRow[]): Folded {
  let costPs = 0;
  const ledger = new Ledger(() => costPs, [fold]);
  for (const row of rows) {
    const { packet = NONE, bytes = 0, count = 1, payloadBytes = 0, flow = NONE } = row;
    const event = EVENT[row.event];
    const stage = STAGE[row.stage ?? "rx-ring"];
    const reason = REASON[row.reason ?? "none"];
    if (row.flow !== undefined || row.tNs !== undefined) {
      ledger.writeDevice(row.tNs ?? 0, stage, event, reason, packet, NONE, bytes, count, payloadBytes, flow);
      continue;
    }
    costPs = row.costPs ?? 0;
    ledger.stage = stage;
    ledger.beginStep(0, 0, 0);
    if (row.steps !== undefined) ledger.request(event, reason, { id: NONE, packet }, bytes, count, row.steps);
    else ledger.write(event, reason, packet, NONE, NONE, bytes, count, payloadBytes);
    ledger.endStep();
  }
  ledger.finish();
  return fold;
}
