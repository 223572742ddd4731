/**
 * One row of a fit, played: what the model says of it, and what its CPUs did to get there.
 *
 * ```ts
 * const played = await playRow({ input, resolved, profile });
 * played.figures.gbps; // as column goodput_gbps of summary.csv
 * ```
 *
 * @module
 */

import type { ResolvedConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import { quantitiesOf } from "../cost/quantities.ts";
import { type CaptureInput, replay, type Run } from "../replay/run.ts";
import type { Figures } from "../report/comparison.ts";
import { durationNs, goodputGbps, wireGbps } from "../report/rates.ts";

/** Whose load a measured CPU figure is: that of the busiest CPU of a host, or all of them together, in % of one. */
export type CpuOf = "busiest" | "all";

/** All of these. */
export const CPU_OF: readonly CpuOf[] = ["busiest", "all"];

/** What a run says, and why. */
export interface Played {
  /** What the run says. */
  readonly figures: Figures;
  /** Busy time of each CPU in ns. */
  readonly busyNs: readonly number[];
  /** Whose load the figures are. */
  readonly cpuOf: CpuOf;
  /** How many of these CPUs, the first ones, are of the host that sends, or the only one. */
  readonly ownCpus: number;
  /** Time that the link was occupied, in ns. */
  readonly linkNs: number;
  /** For each CPU the quantity of each coefficient; none for a CPU that did nothing. */
  readonly quantities: readonly (Float64Array | undefined)[];
  /** What the user should know of the run. */
  readonly warnings: readonly string[];
}

/** Plays the capture under a configuration and a profile. Throws as `replay()` does. */
export async function playRow(
  { input, resolved, profile, cpuOf = "busiest" }: {
    input: CaptureInput;
    resolved: ResolvedConfig;
    profile: Profile;
    cpuOf?: CpuOf | undefined;
  },
): Promise<Played> {
  const run = await replay({ input, resolved, profile });
  const ownCpus = run.busyNs.length - run.peerCpus;
  return {
    figures: {
      gbps: goodputGbps(run),
      cpuPercent: percentOf(run, run.busyNs.slice(0, ownCpus), cpuOf),
      rxCpuPercent: percentOf(run, run.busyNs.slice(ownCpus), cpuOf),
    },
    busyNs: run.busyNs,
    cpuOf,
    ownCpus,
    linkNs: (wireGbps(run) ?? 0) / resolved.config.link_gbps * (durationNs(run) ?? 0),
    quantities: quantitiesOf(profile, run.tally.work()),
    warnings: run.warnings,
  };
}

function percentOf({ elapsedNs }: Run, busyNs: readonly number[], cpuOf: CpuOf): number | undefined {
  if (busyNs.length === 0 || elapsedNs === 0) return undefined;
  if (cpuOf === "all") return 100 * busyNs.reduce((sum, ns) => sum + ns, 0) / elapsedNs;
  return Math.min(100, 100 * Math.max(...busyNs) / elapsedNs);
}
