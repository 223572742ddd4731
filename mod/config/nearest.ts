/**
 * The name that was probably meant: nearest by edit distance.
 *
 * Distance is the restricted Damerau-Levenshtein distance (insert, delete, replace, swap of neighbours; no part is edited
 * twice), after lower case. Example: `nearest("gr0", ["gso", "gro"])` is `gro`.
 *
 * @module
 */

import { showText } from "./errors.ts";

/** Names longer than this are nobody's misspelling; it also bounds the work that hostile input can cause. */
const NAME_CHARACTERS_MAX = 64;

/** Returns how many inserted, deleted, replaced or swapped characters lead from `source` to `target`. */
export function editDistance(source: string, target: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: target.length + 1 }, (_, column) => column);
  for (let row = 1; row <= source.length; row++) {
    const current = [row];
    for (let column = 1; column <= target.length; column++) {
      const same = source[row - 1] === target[column - 1];
      let distance = Math.min(
        previous[column]! + 1,
        current[column - 1]! + 1,
        previous[column - 1]! + (same ? 0 : 1),
      );
      const swapped = row > 1 && column > 1 && source[row - 1] === target[column - 2] &&
        source[row - 2] === target[column - 1];
      if (swapped) distance = Math.min(distance, beforePrevious[column - 2]! + 1);
      current.push(distance);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[target.length]!;
}

/**
 * Returns the candidate nearest to `name`, the first of equals; undefined when none is near enough to have been meant: the
 * name is not the beginning of it, and more than a third of the longer of the two (one character at least) would change.
 */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (name === "" || name.length > NAME_CHARACTERS_MAX) return undefined;
  const written = name.toLowerCase();
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const distance = editDistance(written, candidate.toLowerCase());
    const limit = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    const near = distance <= limit || candidate.toLowerCase().startsWith(written);
    if (near && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Returns `nearest` over what is built and what is planned, in words that say which; undefined when nothing is near. */
export function nearestInWords(
  name: string,
  built: readonly string[],
  planned: readonly string[],
): string | undefined {
  const found = nearest(name, [...built, ...planned]);
  if (found === undefined || built.includes(found)) return found;
  return `${showText(found)}, which is not built yet`;
}
