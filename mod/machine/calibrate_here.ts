/**
 * A calibration with the clock of this machine, and the fastest ciphers that can be called here.
 *
 * ```ts
 * import { calibrateHere } from "./calibrate_here.ts";
 * const { times, slowCiphers } = await calibrateHere({ runs: 5 });
 * ```
 *
 * @module
 */

import process from "node:process";
import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import { calibrate, type CalibrationOptions, type CalibrationTimes } from "./calibrate.ts";
import { nowNs } from "./stopwatch.ts";

/** What was measured here. */
export interface MeasuredHere {
  /** All times. */
  readonly times: CalibrationTimes;
  /** Why ciphers are not those of OpenSSL, to stand behind a colon; undefined where they are. */
  readonly slowCiphers: string | undefined;
  /** The share of the time for which this process had a CPU: less than 1 where other work kept it waiting. */
  readonly cpuShare: number;
}

/** A way to measure. */
export type Measure = (options: Pick<CalibrationOptions, "runs" | "progress">) => Promise<MeasuredHere>;

const NS_PER_US = 1000;

/** Measures this machine: with OpenSSL where `--allow-ffi` is granted and it is there, else with noble. */
export async function calibrateHere(
  options: Pick<CalibrationOptions, "runs" | "progress">,
): Promise<MeasuredHere> {
  const engine = ENGINES[fastestEngine()];
  const [startNs, before] = [nowNs(), process.cpuUsage()];
  const times = await calibrate({ ...options, engine, nowNs });
  const { user, system } = process.cpuUsage(before);
  const cpuShare = Math.min(1, (user + system) * NS_PER_US / (nowNs() - startNs));
  return { times, slowCiphers: ENGINES.openssl.whyUnavailable(), cpuShare };
}
