/**
 * How much of each coefficient a run asks for: the busy time of a CPU as a sum over the numbers of its profile.
 *
 * Costs are additive, so the busy time of a CPU is the sum over all coefficients of value x quantity, a quantity being
 * operations, bytes or counts. From it follows what another value would do to a run whose events stay as they are: ranges
 * (`report/`) and the fit to measured rows are both arithmetic with these quantities.
 *
 * Departure: the sum lacks the rounding of each event's price to whole picoseconds.
 *
 * ```ts
 * const quantities = quantitiesOf(profile, run.tally.work()); // quantities[cpu][i] belongs to profile.coefficients[i]
 * const { coefficients, clock_ghz } = profile;
 * const busyNs = quantities[0].reduce((sum, quantity, i) => {
 *   return sum + quantity * coefficients[i].value * nsOfValue(coefficients[i], clock_ghz);
 * }, 0);
 * ```
 *
 * @module
 */

import { EVENT_NAMES, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import type { WorkCell } from "../ledger/tally.ts";
import type { Coefficient, Profile } from "./profile.ts";

/**
 * For each CPU, by its number, the quantity of each coefficient of `profile` in its own unit: operations, bytes or counts. A CPU
 * that did nothing has none.
 */
export function quantitiesOf(profile: Profile, work: readonly WorkCell[]): (Float64Array | undefined)[] {
  const quantities: (Float64Array | undefined)[] = [];
  const byEvent = Map.groupBy(profile.coefficients.keys(), (i) => profile.coefficients[i]!.event);
  for (const cell of work) {
    const ofCpu = quantities[cell.cpu] ??= new Float64Array(profile.coefficients.length);
    for (const i of byEvent.get(EVENT_NAMES[cell.event]!) ?? []) {
      const coefficient = profile.coefficients[i]!;
      if (prices(coefficient, cell)) ofCpu[i] = ofCpu[i]! + quantityOf(coefficient, cell);
    }
  }
  return quantities;
}

/** Time in ns that one unit of a coefficient's value is: 1, or one cycle of the profile's clock. */
export function nsOfValue({ unit }: Coefficient, clockGhz: number): number {
  return unit.startsWith("cycles/") ? 1 / clockGhz : 1;
}

/** Whether the stage and reason of a coefficient, if it has any, are those of the cell. */
function prices({ stage, reason }: Coefficient, cell: Readonly<WorkCell>): boolean {
  if (stage !== undefined && stage !== STAGE_NAMES[cell.stage]) return false;
  return reason === undefined || reason === REASONS[cell.reason]!.name;
}

function quantityOf({ unit }: Coefficient, { rows, bytes, count }: Readonly<WorkCell>): number {
  if (unit.endsWith("/op")) return rows;
  return unit.endsWith("/byte") ? bytes : count;
}
