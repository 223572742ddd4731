/**
 * What a fit may move: the coefficients of a profile that have a range and that a run asks for, tied ones as one.
 *
 * A point of the fit has a share for each unknown: 0 is the lower end of its range, 1 the upper.
 *
 * ```ts
 * const unknowns = unknownsOf(prior, [], (index) => index === 3);
 * profileAt(prior, unknowns, [0.5]); // the prior with coefficient 3 in the middle of its range
 * ```
 *
 * @module
 */

import type { Profile } from "../cost/profile.ts";
import { FitError } from "./errors.ts";
import { labelOf, type Tie } from "./labels.ts";

/** A coefficient, or several that have one value. */
export interface Unknown {
  /** Indices of its coefficients in the profile, in order. */
  readonly members: readonly number[];
  /** Least value: the greatest of the members' lower ends. */
  readonly low: number;
  /** Greatest value. */
  readonly high: number;
  /** Where nothing is known: the mean of the members' values, inside the range. */
  readonly prior: number;
}

/** The unknowns of a profile, by their first coefficient; `isAsked` says whether a run asks for a coefficient. Throws FitError. */
export function unknownsOf(profile: Profile, ties: readonly Tie[], isAsked: (index: number) => boolean): Unknown[] {
  return groupsOf(profile, ties)
    .filter((members) => members.some(isAsked))
    .map((members) => unknownOf(profile, members))
    .filter(({ low, high }) => low < high);
}

/** Indices of coefficients, those that are tied together. */
function groupsOf(profile: Profile, ties: readonly Tie[]): number[][] {
  const groups = profile.coefficients.map((_, index) => [index]);
  for (const [first, second] of ties) {
    if (groups[first] === groups[second]) continue;
    const joined = [...groups[first]!, ...groups[second]!].sort((a, b) => a - b);
    for (const member of joined) groups[member] = joined;
  }
  return groups.filter((members, index) => members[0] === index);
}

function unknownOf({ coefficients }: Profile, members: readonly number[]): Unknown {
  const tied = members.map((index) => coefficients[index]!);
  const low = Math.max(...tied.map((coefficient) => coefficient.low));
  const high = Math.min(...tied.map((coefficient) => coefficient.high));
  if (members.length > 1 && low >= high) {
    throw new FitError(`Cannot tie ${tied.map(labelOf).join(" to ")}: their ranges do not overlap`);
  }
  const mean = tied.reduce((sum, { value }) => sum + value, 0) / tied.length;
  return { members, low, high, prior: Math.min(high, Math.max(low, mean)) };
}

/** Where the prior value of each unknown is in its range. */
export function priorShares(unknowns: readonly Unknown[]): Float64Array {
  return Float64Array.from(unknowns, ({ low, high, prior }) => (prior - low) / (high - low));
}

/** The profile with the values of a point. */
export function profileAt(profile: Profile, unknowns: readonly Unknown[], shares: ArrayLike<number>): Profile {
  return withValues(
    profile,
    unknowns,
    unknowns.map(({ low, high }, i) => {
      return Math.min(high, Math.max(low, low + shares[i]! * (high - low)));
    }),
  );
}

/** The profile with other values of the unknowns. */
export function withValues(profile: Profile, unknowns: readonly Unknown[], values: ArrayLike<number>): Profile {
  const coefficients = [...profile.coefficients];
  unknowns.forEach(({ members }, i) => {
    for (const index of members) coefficients[index] = { ...coefficients[index]!, value: values[i]! };
  });
  return { ...profile, coefficients };
}

/** Significant digits of a fitted value: more would say that it is known better than it is. */
const DIGITS = 4;

/** A point of the fit with the digits that a file has, inside the ranges. */
export function roundedValues(unknowns: readonly Unknown[], shares: ArrayLike<number>): number[] {
  return unknowns.map(({ low, high, prior }, i) => {
    const value = Number((low + shares[i]! * (high - low)).toPrecision(DIGITS));
    // What did not move keeps all its digits.
    const moved = value === Number(prior.toPrecision(DIGITS)) ? prior : value;
    return Math.min(high, Math.max(low, moved));
  });
}
