/**
 * A generator that turns a seed into numbers that look random: SplitMix64 (Steele, Lea and Flood, "Fast splittable
 * pseudorandom number generators", OOPSLA 2014). Not for secrets.
 *
 * It works in BigInt, because it runs once per security association and not per packet.
 *
 * ```ts
 * import { splitmix64 } from "./splitmix.ts";
 * splitmix64(0n); // 0xe220a8397b1dcdafn
 * ```
 *
 * @module
 */

/** The first output for the state `seed`, both taken as unsigned 64-bit numbers. */
export function splitmix64(seed: bigint): bigint {
  let z = BigInt.asUintN(64, seed + 0x9e3779b97f4a7c15n);
  z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
  z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
  return z ^ (z >> 31n);
}
