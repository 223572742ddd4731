/**
 * Symmetric systems of a few dozen unknowns: factorised after Cholesky, solved, inverted.
 *
 * A matrix is an array of rows, of which only the lower triangle is read. An unknown that no equation pins, or that others
 * before it determine, has a pivot of zero; it is left at zero.
 *
 * ```ts
 * new Cholesky([[4, 0], [2, 5]]).solve([2, 9]); // [-0.5, 2]
 * ```
 *
 * @module
 */

/** A pivot below this share of its diagonal element is what rounding leaves of zero. */
const PIVOT_SHARE = 1e-13;

/** A factorised matrix. */
export class Cholesky {
  /** Rows of the lower triangle L, with L Lᵀ = the matrix; 0 on the diagonal where there was no pivot. */
  readonly #rows: Float64Array[] = [];

  /** Factorises a positive semi-definite matrix, which stays as it is. */
  constructor(matrix: readonly ArrayLike<number>[]) {
    for (const [i, given] of matrix.entries()) {
      const row = new Float64Array(i + 1);
      this.#rows.push(row);
      for (let j = 0; j <= i; j++) {
        const rest = given[j]! - dot(row, this.#rows[j]!, j);
        if (j === i) row[i] = rest > PIVOT_SHARE * given[i]! ? Math.sqrt(rest) : 0;
        else row[j] = this.#rows[j]![j] === 0 ? 0 : rest / this.#rows[j]![j]!;
      }
    }
  }

  /** The solution of matrix x = right side. */
  solve(right: ArrayLike<number>): Float64Array {
    const rows = this.#rows;
    const x = new Float64Array(rows.length);
    for (const [i, row] of rows.entries()) x[i] = row[i] === 0 ? 0 : (right[i]! - dot(row, x, i)) / row[i]!;
    for (let i = rows.length - 1; i >= 0; i--) {
      const pivot = rows[i]![i]!;
      x[i] = pivot === 0 ? 0 : x[i]! / pivot;
      for (let j = 0; j < i; j++) x[j] = x[j]! - rows[i]![j]! * x[i]!;
    }
    return x;
  }

  /** Diagonal of the inverse. */
  inverseDiagonal(): Float64Array {
    return Float64Array.from(this.#rows, (_, i) => this.solve(this.#rows.map((_, j) => j === i ? 1 : 0))[i]!);
  }
}

/** Sum of the products of the first `count` elements. */
function dot(a: ArrayLike<number>, b: ArrayLike<number>, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += a[i]! * b[i]!;
  return sum;
}
