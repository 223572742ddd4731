/**
 * What other prices would make of a run whose events stay as they are: a smooth approximation, with derivatives.
 *
 * The busy time of each CPU is linear in the prices. The duration follows the busiest of all CPUs and the link, and the load
 * of a host is that of its busiest CPU, where it was not measured of all together. Both maxima are soft, p-norms, because with a hard one a sender that is the bottleneck
 * stays at 100 % whatever a small step does, and nothing leads to prices under which it is not. Duration and loads are scaled to
 * those of the run, so that the approximation is exact where it was made.
 *
 * Departures: what waits for a window or a delayed interrupt is taken as a share of the duration that stays the same; an
 * engine beside the CPUs (`crypto=accel`) is not seen.
 *
 * ```ts
 * const surrogate = new Surrogate(played, prior, unknowns, shares, 4); // p = 2^4
 * surrogate.predict(others).gbps.value;
 * ```
 *
 * @module
 */

import type { Profile } from "../cost/profile.ts";
import { nsOfValue } from "../cost/quantities.ts";
import type { Played } from "./play.ts";
import type { Unknown } from "./unknowns.ts";

/** A number and its derivative by the share of each unknown. */
export interface Sloped {
  /** The number. */
  readonly value: number;
  /** Its derivatives. */
  readonly slopes: Float64Array;
}

/** What the approximation says. */
export interface SlopedFigures {
  /** Payload, Gbit/s. */
  readonly gbps: Sloped | undefined;
  /** Busiest CPU of the sending host, in %. */
  readonly cpuPercent: Sloped | undefined;
  /** The same of the receiving host. */
  readonly rxCpuPercent: Sloped | undefined;
}

/** One run under other prices. */
export class Surrogate {
  /** For each CPU ns by share of each unknown. */
  readonly #slopes: readonly Float64Array[];
  readonly #durationThen: number;
  readonly #ownThen: number;
  readonly #peerThen: number;

  /** Approximates a run that was played with the values of `shares`, with p = 2^doublings. */
  constructor(
    readonly played: Played,
    profile: Profile,
    unknowns: readonly Unknown[],
    readonly shares: ArrayLike<number>,
    readonly doublings: number,
  ) {
    this.#slopes = played.busyNs.map((_, cpu) => {
      return Float64Array.from(unknowns, (unknown) => slopeOf(unknown, profile, played.quantities[cpu]));
    });
    const { duration, own, peer } = this.#times(shares);
    [this.#durationThen, this.#ownThen, this.#peerThen] = [duration.value, own.value, peer.value];
  }

  /** What the run would say with the values of other shares. */
  predict(shares: ArrayLike<number>): SlopedFigures {
    const { gbps, cpuPercent, rxCpuPercent } = this.played.figures;
    const { duration, own, peer } = this.#times(shares);
    const longer = scaled(duration, 1 / this.#durationThen);
    return {
      gbps: gbps === undefined ? undefined : quotient({ value: gbps, slopes: new Float64Array(shares.length) }, longer),
      cpuPercent: loadOf(own, this.#ownThen, cpuPercent, longer),
      rxCpuPercent: loadOf(peer, this.#peerThen, rxCpuPercent, longer),
    };
  }

  /** The soft maxima in ns: over everything, over the CPUs of the first host, over those of the second. */
  #times(shares: ArrayLike<number>): { duration: Sloped; own: Sloped; peer: Sloped } {
    const { played, doublings } = this;
    const cpus = this.#slopes.map((slopes, cpu): Sloped => {
      const ns = slopes.reduce((sum, slope, i) => sum + slope * (shares[i]! - this.shares[i]!), played.busyNs[cpu]!);
      return { value: Math.max(0, ns), slopes };
    });
    const link: Sloped = { value: played.linkNs, slopes: new Float64Array(shares.length) };
    return {
      duration: softMaximum([...cpus, link], doublings),
      own: this.#loadNs(cpus.slice(0, played.ownCpus)),
      peer: this.#loadNs(cpus.slice(played.ownCpus)),
    };
  }

  /** Time of the CPUs of a host that counts as its load. */
  #loadNs(cpus: readonly Sloped[]): Sloped {
    return this.played.cpuOf === "all" ? sumOf(cpus) : softMaximum(cpus, this.doublings);
  }
}

/** The load of a host whose busiest CPU, or whose CPUs together, was busy for `then` ns, `percent` of the time; one that did nothing does nothing. */
function loadOf(busy: Sloped, then: number, percent: number | undefined, longer: Sloped): Sloped | undefined {
  return percent === undefined ? undefined : quotient(scaled(busy, then === 0 ? 0 : percent / then), longer);
}

/** What the whole range of an unknown is on a CPU, in ns. */
function slopeOf({ members, low, high }: Unknown, profile: Profile, quantities: Float64Array | undefined): number {
  return members.reduce((sum, index) => {
    const perUnit = nsOfValue(profile.coefficients[index]!, profile.clock_ghz);
    return sum + (quantities?.[index] ?? 0) * perUnit * (high - low);
  }, 0);
}

/** The p-norm of numbers from 0 up, p = 2^doublings: by squares and square roots alone, which are exact everywhere. */
export function softMaximum(terms: readonly Sloped[], doublings: number): Sloped {
  const greatest = Math.max(0, ...terms.map(({ value }) => value));
  const slopes = new Float64Array(terms[0]?.slopes.length ?? 0);
  if (greatest === 0) return { value: 0, slopes };
  let root = terms.reduce((sum, { value }) => sum + raised(value / greatest, doublings), 0);
  for (let i = 0; i < doublings; i++) root = Math.sqrt(root);
  for (const term of terms) {
    const share = term.value / (greatest * root);
    if (share === 0) continue;
    const weight = raised(share, doublings) / share;
    term.slopes.forEach((slope, i) => slopes[i] = slopes[i]! + weight * slope);
  }
  return { value: greatest * root, slopes };
}

function sumOf(terms: readonly Sloped[]): Sloped {
  const slopes = new Float64Array(terms[0]?.slopes.length ?? 0);
  for (const term of terms) term.slopes.forEach((slope, i) => slopes[i] = slopes[i]! + slope);
  return { value: terms.reduce((sum, { value }) => sum + value, 0), slopes };
}

/** base^(2^doublings). */
function raised(base: number, doublings: number): number {
  for (let i = 0; i < doublings; i++) base *= base;
  return base;
}

function scaled({ value, slopes }: Sloped, factor: number): Sloped {
  return { value: value * factor, slopes: slopes.map((slope) => slope * factor) };
}

function quotient(over: Sloped, under: Sloped): Sloped {
  const value = over.value / under.value;
  return { value, slopes: over.slopes.map((slope, i) => (slope - value * under.slopes[i]!) / under.value) };
}
