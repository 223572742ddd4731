/**
 * What the ranges of a profile's coefficients do to the busy times of a run.
 *
 * Coefficients whose `source` names the same publication first rest on it, and if that is off, it is off for all of them: they
 * move together, all to their `low` or all to their `high`. Different sources know nothing of each other. So a
 * profile is a set of independent sources, and each source shifts the busy time of each CPU by the sum of quantity x (end of the
 * range - value) over its coefficients (`cost/quantities.ts`).
 *
 * Departure: the events stay as they are. A CPU that is slower finds fuller rings, merges more and refuses other packets; none
 * of that is in a shift.
 *
 * ```ts
 * const { high } = shiftsOf(run).get("copy-bench")!;
 * high.cpusNs[0]; // so many ns more were CPU 0 busy, were the prices from there at their upper ends
 * ```
 *
 * @module
 */

import type { Coefficient, Profile } from "../cost/profile.ts";
import { nsOfValue, quantitiesOf } from "../cost/quantities.ts";
import type { WorkCell } from "../ledger/tally.ts";
import type { Run } from "../replay/run.ts";
import { type BusyTimes, isQueueWork } from "./bottleneck.ts";

/** Differences to the busy times of a run with the coefficients of one source at the ends of their ranges. */
export interface Shift {
  /** At `low`: none is above 0. */
  readonly low: BusyTimes;
  /** At `high`: none is below 0. */
  readonly high: BusyTimes;
}

/** The publication that a coefficient rests on: the first that its source names. */
export function mainSource({ source }: Coefficient): string {
  return source.split(",", 1)[0]!.trim();
}

/** The shifts of a run by the main source of the coefficients; sources that shift nothing are left out. */
export function shiftsOf(run: Run): Map<string, Shift> {
  const { profile } = run;
  const work = run.tally.work();
  const cpus = quantitiesOf(profile, work);
  const queue = quantitiesOf(profile, work.filter(({ event, stage }) => isQueueWork(event, stage)).map(onOneCpu))[0];
  const shifts = new Map<string, Shift>();
  for (
    const [source, members] of Map.groupBy(profile.coefficients.keys(), (i) => mainSource(profile.coefficients[i]!))
  ) {
    const shiftTo = (end: "low" | "high"): BusyTimes => ({
      cpusNs: run.busyNs.map((_, cpu) => shiftNs(profile, members, cpus[cpu], end)),
      queueNs: shiftNs(profile, members, queue, end),
    });
    const shift = { low: shiftTo("low"), high: shiftTo("high") };
    if (isShift(shift.low) || isShift(shift.high)) shifts.set(source, shift);
  }
  return shifts;
}

/** Busy times with those of a shift added. */
export function shifted(busy: BusyTimes, shift: BusyTimes): BusyTimes {
  return { cpusNs: busy.cpusNs.map((ns, cpu) => ns + shift.cpusNs[cpu]!), queueNs: busy.queueNs + shift.queueNs };
}

/** How much busier these coefficients make whoever asks for `quantities` when they move to an end of their ranges, in ns. */
function shiftNs(
  { coefficients, clock_ghz }: Profile,
  members: readonly number[],
  quantities: Float64Array | undefined,
  end: "low" | "high",
): number {
  if (quantities === undefined) return 0;
  return members.reduce((sum, i) => {
    const coefficient = coefficients[i]!;
    return sum + quantities[i]! * (coefficient[end] - coefficient.value) * nsOfValue(coefficient, clock_ghz);
  }, 0);
}

function isShift({ cpusNs, queueNs }: BusyTimes): boolean {
  return queueNs !== 0 || cpusNs.some((ns) => ns !== 0);
}

/** One CPU at a time serves a queue: for its load it does not matter which. */
function onOneCpu(cell: WorkCell): WorkCell {
  return { ...cell, cpu: 0 };
}
