/**
 * A histogram of whole numbers to three significant digits: exact below 1000, above that in steps of 0.1 to 1 percent.
 *
 * Fixed buckets, so percentiles do not depend on the order of what is counted, and the memory does not on how much is: there
 * are buckets as far as the largest number.
 *
 * ```ts
 * const histogram = new Histogram();
 * histogram.add(12_345);
 * histogram.percentile(50); // 12300
 * ```
 *
 * @module
 */

const EXACT_BELOW = 1000;
const BUCKETS_PER_DECADE = 900;

/** Counts non-negative whole numbers. */
export class Histogram {
  /** Numbers counted. */
  total = 0;
  #buckets = new Float64Array(EXACT_BELOW);

  /** Counts one number. */
  add(value: number): void {
    const bucket = bucketOf(value);
    if (bucket >= this.#buckets.length) this.#reach(bucket);
    this.#buckets[bucket]! += 1;
    this.total += 1;
  }

  /** The smallest value that at least `percent` percent of the numbers do not exceed; undefined when there are none. */
  percentile(percent: number): number | undefined {
    if (this.total === 0) return undefined;
    const rank = Math.max(1, Math.ceil(this.total * percent / 100));
    let seen = 0;
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) {
      seen += this.#buckets[bucket]!;
      if (seen >= rank) return valueOf(bucket);
    }
    return undefined;
  }

  /** Makes buckets as far as the end of the decade of `bucket`. */
  #reach(bucket: number): void {
    const decades = Math.floor((bucket - EXACT_BELOW) / BUCKETS_PER_DECADE) + 1;
    const buckets = new Float64Array(EXACT_BELOW + decades * BUCKETS_PER_DECADE);
    buckets.set(this.#buckets);
    this.#buckets = buckets;
  }
}

function bucketOf(value: number): number {
  let digits = value;
  let decade = 0;
  while (digits >= EXACT_BELOW) {
    digits = Math.floor(digits / 10);
    decade += 1;
  }
  return decade === 0 ? digits : EXACT_BELOW + (decade - 1) * BUCKETS_PER_DECADE + digits - 100;
}

function valueOf(bucket: number): number {
  if (bucket < EXACT_BELOW) return bucket;
  const above = bucket - EXACT_BELOW;
  let value = 100 + above % BUCKETS_PER_DECADE;
  for (let decade = Math.floor(above / BUCKETS_PER_DECADE); decade >= 0; decade--) value *= 10;
  return value;
}
