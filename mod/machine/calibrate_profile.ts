/**
 * From measurements of a machine to a cost profile.
 *
 * Three kinds of coefficients are written over those of the base, whose other prices hold:
 *
 * - What was measured (`calibrate_charges.ts`): a straight line through the least of the runs over the lengths
 *   (`fitted_work.ts`), one coefficient for each call and one for each byte. Low and high are both parts times one factor
 *   each, so that at every length three quarters of the runs lie between the two lines; where memory may be in the other
 *   state the range reaches as far as its lines. Entries of a cipher's request have a price besides (`calibrate_amounts.ts`).
 * - Accesses to memory that the base has in ns: the latencies of this machine.
 * - All that the base has in ns otherwise: work that was not measured, in the ratio of the two clocks. What the base has in
 *   cycles needs no coefficient: cycles become time by the clock of the profile.
 *
 * A coefficient replaces that of the base with the same unit and adds to one with another. So each is written in the unit
 * that the base has it in, and where the base has both, the other is written as 0.
 *
 * Departure: the base's fixed cost of an ESP packet may hold some of what a call of a cipher costs, which then counts twice.
 *
 * ```ts
 * import { PROFILES } from "../cost/profiles.ts";
 * import { calibratedProfile } from "./calibrate_profile.ts";
 * calibratedProfile("mine", calibration, PROFILES.get("published")!).base; // "published"
 * ```
 *
 * @module
 */

import type { Coefficient, CostUnit, Profile } from "../cost/profile.ts";
import { type Amount, entryAmount, less, lineAmount, reaching } from "./calibrate_amounts.ts";
import { type Charge, CHARGES, LINE_CHARGES, type LineCharge, takenAs } from "./calibrate_charges.ts";
import {
  type Calibration,
  type CipherEvent,
  FULL_TEXT_BYTES,
  type LineLevel,
  type Measured,
  type MemoryState,
  PIECES,
} from "./calibration.ts";
import { type FittedWork, fittedWork, leastNs } from "./fitted_work.ts";
import type { Line } from "./line_fit.ts";

/** Digits that a number keeps: more than any measurement has. */
const DIGITS = 5;

/** What stands in front of the work that was measured, as a source. */
const SOURCE = "tailbits calibrate";

/** What a coefficient is about: all of it but its numbers. */
type Priced = Pick<Coefficient, "event" | "stage" | "reason" | "unit">;

/**
 * The profile called `name` of the machine that was measured. `base` is a profile that comes with tailbits. `memory` is
 * where bytes are taken to be that were not touched before: warm, they lie in caches.
 *
 * @throws {RangeError} if a work that prices an event was not measured, with two lengths at least, in each state.
 */
export function calibratedProfile(
  name: string,
  calibration: Calibration,
  base: Profile,
  memory: MemoryState = "cold",
): Profile {
  const clockGhz = rounded(calibration.clock.ghz);
  const own = [
    ...CHARGES.flatMap((charge) => chargeCoefficients(takenAs(memory, charge), calibration, base)),
    ...LINE_CHARGES.filter((charge) => has(base, charge)).map((charge) => lineCoefficient(charge, calibration)),
  ];
  const rest = base.coefficients.filter((coefficient) => {
    return coefficient.unit.startsWith("ns/") && !own.some((other) => isSame(coefficient, other));
  });
  return {
    name,
    description: description(calibration, base, memory),
    base: base.name,
    clock_ghz: clockGhz,
    coefficients: [...own, ...rest.map((coefficient) => scaledByClock(coefficient, base, clockGhz))],
  };
}

function description({ clock, measured }: Calibration, base: Profile, memory: MemoryState): string {
  const makers = (works: RegExp): string => {
    return [...new Set(measured.filter(({ work }) => works.test(work)).map(({ by }) => by))].join(" and ");
  };
  const warm = memory === "cold"
    ? ""
    : "All bytes are taken to lie in caches (--memory warm), as those of tailbits bench do, which is wrong after DMA. ";
  return "A machine measured by tailbits calibrate, doing the work as tailbits does it: copies and checksums by " +
    `${makers(/^(copy|checksum)/)}, ciphers (AES-GCM and ChaCha20-Poly1305) by ${makers(/^(seal|open)/)}. ${warm}` +
    `Clock: ${clock.source}. What is not measured, such as other ciphers and the work of the kernel on each packet, is that ` +
    `of profile ${base.name}`;
}

/** Whether two coefficients price the same in the same unit. */
function isSame(one: Priced, other: Priced): boolean {
  return one.event === other.event && one.stage === other.stage && one.reason === other.reason &&
    one.unit === other.unit;
}

function has(base: Profile, priced: Priced): boolean {
  return base.coefficients.some((coefficient) => isSame(coefficient, priced));
}

const PARTS: readonly (readonly [per: "op" | "byte", part: (line: Line) => number])[] = [
  ["op", ({ nsPerCall }) => nsPerCall],
  ["byte", ({ nsPerByte }) => nsPerByte],
];

function chargeCoefficients(charge: Charge, calibration: Calibration, base: Profile): Coefficient[] {
  const { work, besides, state, also, why } = charge;
  const { measured } = calibration;
  const fitted = fittedWork(measured, work, state);
  const source = sourceOf(fitted.rows[0]!);
  const lined = PARTS.flatMap(([per, part]) => {
    const amountIn = (state: MemoryState): Amount => {
      const paidNs = per === "op" ? paidByEntries(charge, calibration, state, base) : 0;
      return less(lineAmount(charge, measured, state, part), paidNs);
    };
    const other = amountIn(also ?? state);
    const paid = besides === undefined ? "" : `, less that of ${besides}`;
    const entry = per === "op" && charge.pieces !== undefined ? ", less one entry, which has a price of its own" : "";
    const reach = also === undefined ? "" : `; the range reaches as far as ${also} memory, ${rounded(other.value)} ns`;
    const kernel = work.includes("checksum") ? "; the sum of a kernel is several times as fast" : "";
    const note = `${said(fitted, state)}${paid}${entry}; ${why}${reach}${kernel}`;
    return inUnitOfBase(charge, per, reaching(amountIn(state), other), { source, note }, calibration, base);
  });
  return charge.pieces === undefined ? lined : [...lined, ...entryCoefficients(charge, calibration, base)];
}

function sourceOf({ work, by }: Measured): string {
  return `${SOURCE}: ${work} by ${by}`;
}

/** The price of one entry of a request that may be in pieces, beside that of all requests. */
function entryCoefficients(charge: Charge, calibration: Calibration, base: Profile): Coefficient[] {
  const { event, work, state, also = state, pieces, alsoPieces = pieces } = charge;
  if (pieces === undefined || alsoPieces === undefined) return [];
  const { measured } = calibration;
  const amounts = [[pieces, state], [pieces, also], [alsoPieces, state], [alsoPieces, also]] as const;
  const ranged = amounts.map(([each, where]) => entryAmount(each, measured, where)).reduce(reaching);
  const row = measured.find((each) => each.work === pieces && each.state === state)!;
  const bytes = PIECES[event as CipherEvent];
  const reach = alsoPieces === pieces ? "" : `; the range reaches as far as ${alsoPieces}, which cuts the text`;
  const cause = row.by === "OpenSSL"
    ? "mostly the call of the runtime for each piece, and pieces too short for the fast loops of OpenSSL"
    : "pieces are gathered into one, and put back";
  const note = `${state}: what a text of ${FULL_TEXT_BYTES} bytes takes longer in ${bytes.length} pieces ` +
    `(${bytes.join(" + ")}) than in one, for each entry behind the first, less the cache line of any: ${cause}${reach}`;
  const words = { source: `${sourceOf(row)} less ${work}`, note };
  return inUnitOfBase(charge, "count", less(ranged, lineOfEntry(charge, calibration, base)), words, calibration, base);
}

/** What the prices of entries make of a request of one. */
function paidByEntries(charge: Charge, calibration: Calibration, state: MemoryState, base: Profile): number {
  if (charge.pieces === undefined) return 0;
  const { value } = entryAmount(charge.pieces, calibration.measured, state);
  return Math.max(value, lineOfEntry(charge, calibration, base));
}

/** What an entry of any request costs, if the base has a price of it. */
function lineOfEntry({ event }: Charge, { measured }: Calibration, base: Profile): number {
  const charge = LINE_CHARGES.find((each) => each.event === event && each.reason === undefined);
  return charge === undefined || !has(base, charge) ? 0 : lineNs(measured, charge.value);
}

/** How the line was found. */
function said({ rows, residual }: FittedWork, state: MemoryState): string {
  const lengths = rows.map(({ bytes }) => bytes);
  const runs = Math.min(...rows.map(({ nsPerCall }) => nsPerCall.length));
  return `${state}: line through the least of ${runs} ${runs === 1 ? "run" : "runs"} at ${lengths.join(", ")} bytes, ` +
    `which lie within ${(100 * residual).toFixed(1)} % of it`;
}

/** The coefficient in the unit that the base has it in, and one of 0 in place of what it has in the other unit. */
function inUnitOfBase(
  { event, reason }: Charge,
  per: "op" | "byte" | "count",
  ns: Amount,
  words: Pick<Coefficient, "source" | "note">,
  { clock }: Calibration,
  base: Profile,
): Coefficient[] {
  const priced = (unit: CostUnit): Priced => ({ event, ...reason === undefined ? {} : { reason }, unit });
  const [inCycles, inNs] = [priced(`cycles/${per}`), priced(`ns/${per}`)];
  const factor = has(base, inCycles) ? rounded(clock.ghz) : 1;
  const numbers = {
    value: rounded(ns.value * factor),
    low: rounded(ns.low * factor),
    high: rounded(ns.high * factor),
  };
  if (!has(base, inCycles)) return [{ ...inNs, ...numbers, ...words }];
  const coefficient = { ...inCycles, ...numbers, ...words };
  if (!has(base, inNs)) return [coefficient];
  const note = `nothing: all of it is in the price in ${inCycles.unit}`;
  return [coefficient, { ...inNs, value: 0, low: 0, high: 0, source: words.source, note }];
}

function lineCoefficient(
  { event, reason, unit, value, low, high, why }: LineCharge,
  calibration: Calibration,
): Coefficient {
  const likely = lineNs(calibration.measured, value);
  return {
    event,
    ...reason === undefined ? {} : { reason },
    unit,
    value: likely,
    low: low === undefined ? 0 : Math.min(likely, lineNs(calibration.measured, low)),
    high: Math.max(likely, lineNs(calibration.measured, high)),
    source: `${SOURCE}: one access to memory that the next one waits for`,
    note: why,
  };
}

/** Levels from the nearest to the farthest, as the lines are measured. */
const LEVELS: readonly LineLevel[] = ["l2", "l3", "memory"];

function lineNs(measured: readonly Measured[], level: LineLevel): number {
  const lines = measured.filter(({ work }) => work === "line").toSorted((a, b) => a.bytes - b.bytes);
  const row = lines[LEVELS.indexOf(level)];
  if (row === undefined) throw new RangeError(`Cannot price an access to ${level}: it was not measured`);
  return rounded(leastNs(row));
}

/** What was not measured takes as many cycles as in the base. */
function scaledByClock(coefficient: Coefficient, base: Profile, clockGhz: number): Coefficient {
  const factor = base.clock_ghz / clockGhz;
  return {
    ...coefficient,
    value: rounded(coefficient.value * factor),
    low: rounded(coefficient.low * factor),
    high: rounded(coefficient.high * factor),
    note: `${coefficient.note}; scaled by clock from profile ${base.name}; not measured`,
  };
}

/** Rounding keeps the order of numbers. */
function rounded(value: number): number {
  return Number(value.toPrecision(DIGITS));
}
