/**
 * What tests of queues share: arrival times that look random, the same in every run, and captures of frames that arrive then. Not
 * part of the library.
 *
 * @module
 */

import { buildPcap } from "../capture/testing.ts";
import { splitmix64 } from "../esp/splitmix.ts";
import type { CaptureInput } from "./run.ts";
import { inputOf } from "./testing.ts";

const NS_PER_SECOND = 1e9;
/** Step of the state of SplitMix64. */
const GOLDEN_GAMMA = 0x9e3779b97f4a7c15n;

/** A capture of frames stamped with these times in ns, to the nanosecond; `frameAt` builds the n-th. */
export function stamped(arrivalsNs: ArrayLike<number>, frameAt: (index: number) => Uint8Array): CaptureInput {
  const records = Array.from(arrivalsNs, (tNs, i) => {
    const seconds = Math.floor(tNs / NS_PER_SECOND);
    return { seconds: 1 + seconds, fraction: tNs - seconds * NS_PER_SECOND, bytes: frameAt(i) };
  });
  return inputOf(buildPcap({ magic: 0xa1b23c4d }, records));
}

/** Numbers from 0 to below 1. */
export function uniformFrom(seed: bigint): () => number {
  let state = seed;
  return () => {
    state += GOLDEN_GAMMA;
    return Number(splitmix64(state) >> 11n) / 2 ** 53;
  };
}

/**
 * A number with an exponential distribution of mean 1, by comparisons alone (J. von Neumann, "Various techniques used in
 * connection with random digits", 1951): runs of falling numbers; the first that ends after an odd count gives the fraction,
 * each before it adds 1.
 */
export function exponential(uniform: () => number): number {
  for (let whole = 0;; whole++) {
    const first = uniform();
    let last = first;
    let length = 1;
    for (let next = uniform(); next <= last; next = uniform()) {
      last = next;
      length += 1;
    }
    if (length % 2 === 1) return whole + first;
  }
}

/** Arrival times of a Poisson process, rounded to whole ns, the first at 0. */
export function poissonNs(packets: number, meanNs: number, seed: bigint): Float64Array {
  const uniform = uniformFrom(seed);
  const times = new Float64Array(packets);
  let tNs = 0;
  for (let i = 1; i < packets; i++) {
    tNs += meanNs * exponential(uniform);
    times[i] = Math.round(tNs);
  }
  return times;
}
