/**
 * Least squares with bounds: Gauss-Newton steps, damped after Levenberg and Marquardt, inside a box.
 *
 * Each step minimises the linearised problem on the box: unknowns at a bound that the sum of squares pushes outwards stay
 * there, those that a step would carry past a bound end at it, and the rest is solved again. Where a step does not help, it is
 * damped more, until it is a short way downhill. The unknowns should be scaled to like ranges.
 *
 * ```ts
 * // The nearest point to (3, 1) in the unit square: (1, 1).
 * minimise({
 *   start: [0, 0],
 *   low: [0, 0],
 *   high: [1, 1],
 *   linearise: ([x, y]) => ({ residuals: [x - 3, y - 1], jacobian: [[1, 0], [0, 1]] }),
 * });
 * ```
 *
 * @module
 */

import { Cholesky } from "./cholesky.ts";

/** Residuals at a point, and their derivatives. */
export interface Linearised {
  /** What is squared and summed. */
  readonly residuals: ArrayLike<number>;
  /** For each residual its derivative by each unknown. */
  readonly jacobian: readonly ArrayLike<number>[];
}

/** What is to be minimised, where. */
export interface BoundedProblem {
  /** Where to begin; a start outside the box begins at its border. */
  readonly start: ArrayLike<number>;
  /** Least value of each unknown. */
  readonly low: ArrayLike<number>;
  /** Greatest value of each unknown. */
  readonly high: ArrayLike<number>;
  /** Residuals and derivatives at a point of the box, which the callee must not keep. */
  linearise(at: Float64Array): Linearised;
}

const STEPS_MAX = 500;
const FIRST_DAMPING = 1e-3;
/** Damped more than this, a step goes nowhere. */
const DAMPING_MAX = 1e12;
/** No unknown moves by more than this share of its range: done. */
const NO_STEP = 1e-11;
/** An unknown this near to a bound, as a share of its range, is at it when it is pushed there. */
const AT_BOUND = 1e-9;
/** Least damping of an unknown that no residual depends on, as a share of the greatest. */
const LEAST_SHARE = 1e-12;

/** A point of the box where no small step makes the sum of squares less. */
export function minimise({ start, low, high, linearise }: BoundedProblem): Float64Array {
  let at = Float64Array.from(start, (value, i) => Math.min(high[i]!, Math.max(low[i]!, value)));
  let here = linearise(at);
  let damping = FIRST_DAMPING;
  for (let step = 0; step < STEPS_MAX && damping < DAMPING_MAX; step++) {
    const normal = normalMatrix(here.jacobian, at.length);
    const moves = boundedMoves(damped(normal, damping), gradientOf(here, at.length), at, low, high);
    if (moves.every((move, i) => Math.abs(move) <= NO_STEP * (high[i]! - low[i]!))) break;
    const next = at.map((value, i) => Math.min(high[i]!, Math.max(low[i]!, value + moves[i]!)));
    const there = linearise(next);
    if (sumOfSquares(there.residuals) < sumOfSquares(here.residuals)) {
      [at, here] = [next, there];
      damping /= 10;
    } else {
      damping *= 10;
    }
  }
  return at;
}

/** The sum of squares of some residuals. */
export function sumOfSquares(residuals: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < residuals.length; i++) sum += residuals[i]! * residuals[i]!;
  return sum;
}

/** The matrix JᵀJ of the normal equations, as rows. */
export function normalMatrix(jacobian: readonly ArrayLike<number>[], unknowns: number): Float64Array[] {
  return Array.from({ length: unknowns }, (_, i) => {
    return Float64Array.from({ length: unknowns }, (_, j) => {
      return jacobian.reduce((sum, slopes) => sum + slopes[i]! * slopes[j]!, 0);
    });
  });
}

/** Half the gradient of the sum of squares: Jᵀr. */
function gradientOf({ residuals, jacobian }: Linearised, unknowns: number): Float64Array {
  return Float64Array.from({ length: unknowns }, (_, i) => {
    return jacobian.reduce((sum, slopes, row) => sum + slopes[i]! * residuals[row]!, 0);
  });
}

function damped(normal: readonly Float64Array[], damping: number): Float64Array[] {
  const greatest = Math.max(...normal.map((row, i) => row[i]!));
  return normal.map((row, i) => {
    const copy = row.slice();
    copy[i] = copy[i]! + damping * Math.max(copy[i]!, LEAST_SHARE * greatest);
    return copy;
  });
}

/** The moves that minimise the linearised sum of squares and end in the box. */
function boundedMoves(
  normal: readonly Float64Array[],
  gradient: Float64Array,
  at: Float64Array,
  low: ArrayLike<number>,
  high: ArrayLike<number>,
): Float64Array {
  const moves = new Float64Array(at.length);
  const isHeld = Array.from(at, (value, i) => {
    const end = gradient[i]! >= 0 ? low[i]! : high[i]!;
    // Were one that is almost there free, it might carry others to their bounds with it, and nothing would move.
    if (Math.abs(end - value) > AT_BOUND * (high[i]! - low[i]!)) return false;
    moves[i] = end - value;
    return true;
  });
  for (let isOutside = true; isOutside;) {
    const free = [...isHeld.keys()].filter((i) => !isHeld[i]);
    const held = [...isHeld.keys()].filter((i) => isHeld[i]);
    const matrix = free.map((i) => free.map((j) => normal[i]![j]!));
    const right = free.map((i) => held.reduce((sum, j) => sum - normal[i]![j]! * moves[j]!, -gradient[i]!));
    const solved = new Cholesky(matrix).solve(right);
    free.forEach((i, index) => moves[i] = solved[index]!);
    isOutside = false;
    for (const i of free) {
      const inside = Math.min(high[i]! - at[i]!, Math.max(low[i]! - at[i]!, moves[i]!));
      if (inside === moves[i]) continue;
      moves[i] = inside;
      isHeld[i] = true;
      isOutside = true;
    }
  }
  return moves;
}
