/**
 * How a coefficient of a profile is called in tables and on the command line: `event[@stage][ reason] unit`.
 *
 * Example: `seal aes-gcm cycles/byte`, `visit@esp-input ns/op`.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { showText } from "../config/errors.ts";
import type { Coefficient, Profile } from "../cost/profile.ts";
import { FitError } from "./errors.ts";

/** The label of a coefficient; no other of its profile has it. */
export function labelOf({ event, stage, reason, unit }: Coefficient): string {
  return [stage === undefined ? event : `${event}@${stage}`, ...(reason === undefined ? [] : [reason]), unit].join(" ");
}

/** Two coefficients of a profile, by their index, that have one value. */
export type Tie = readonly [number, number];

/** Reads `A=B`, two labels of coefficients of the profile. Throws FitError. */
export function parseTie(text: string, profile: Profile): Tie {
  const labels = text.split("=");
  if (labels.length !== 2) {
    throw new FitError(`Cannot tie ${showText(text)}: two labels with = between them are needed`);
  }
  const [first, second] = labels.map((label) => indexOf(label.trim().replace(/\s+/g, " "), profile)) as [
    number,
    number,
  ];
  const [a, b] = [profile.coefficients[first]!, profile.coefficients[second]!];
  if (first === second) throw new FitError(`Cannot tie ${labelOf(a)}: it is named twice`);
  if (a.unit !== b.unit) throw new FitError(`Cannot tie ${labelOf(a)} to ${labelOf(b)}: their units differ`);
  return [first, second];
}

function indexOf(label: string, profile: Profile): number {
  const labels = profile.coefficients.map(labelOf);
  const index = labels.indexOf(label);
  if (index !== -1) return index;
  const near = nearest(label, labels);
  const hint = near === undefined ? "labels are event@stage reason unit" : `the nearest is ${near}`;
  throw new FitError(`Cannot tie ${showText(label)}: profile ${profile.name} has no such coefficient, ${hint}`);
}
