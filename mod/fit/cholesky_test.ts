import { assertAlmostEquals, assertEquals } from "@std/assert";
import { Cholesky } from "./cholesky.ts";

function assertNear(found: ArrayLike<number>, wanted: readonly number[]): void {
  assertEquals(found.length, wanted.length);
  wanted.forEach((value, i) => assertAlmostEquals(found[i]!, value, 1e-12));
}

Deno.test("Cholesky solves a system of two that was solved by hand", () => {
  // 4x + 2y = 2, 2x + 5y = 9.
  assertNear(new Cholesky([[4, 0], [2, 5]]).solve([2, 9]), [-0.5, 2]);
});

Deno.test("Cholesky solves a system of three that was solved by hand", () => {
  // L = [2], [6, 1], [-8, 5, 3], a matrix of textbooks; x = (1, 1, 1) gives these right sides.
  assertNear(new Cholesky([[4], [12, 37], [-16, -43, 98]]).solve([0, 6, 39]), [1, 1, 1]);
});

Deno.test("Cholesky leaves an unknown at zero that no equation pins, or that others determine", () => {
  assertNear(new Cholesky([[4], [0, 0], [0, 0, 2]]).solve([8, 0, 6]), [2, 0, 3]);
  assertNear(new Cholesky([[1], [1, 1]]).solve([3, 3]), [3, 0]);
  assertNear(new Cholesky([]).solve([]), []);
});

Deno.test("Cholesky.inverseDiagonal() is that of the inverse", () => {
  // The inverse of [[4, 2], [2, 5]] is [[5, -2], [-2, 4]] / 16.
  assertNear(new Cholesky([[4], [2, 5]]).inverseDiagonal(), [5 / 16, 4 / 16]);
});
