/**
 * `tailbits compare`: several configurations over the same captures, one row each.
 *
 * @module
 */

import { describeIdle } from "../config/idle.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import type { Profile } from "../cost/profile.ts";
import { type CaptureInput, timesOpened } from "../replay/run.ts";
import type { Arguments, Command } from "./command.ts";
import { captureInputs, profileFrom } from "./inputs.ts";
import { configFlags, configsFrom } from "./named_configs.ts";
import { concludeJobs, type Job, JOB_FLAGS, jobOptionsFrom, runJobs } from "./run_jobs.ts";
import { associationsFrom, withAssociations } from "./sa_input.ts";
import { say } from "./terminal.ts";

/** Compared when `-c` does not say what: the presets of the design's default that are built. */
const DEFAULT_CONFIGS = "baseline,nocopy,linux-4.14,linux-6.1-module,offload-packet";

/** The verb. */
export const compareCommand: Command = {
  name: "compare",
  operands: "CAPTURE... [-c A,B,...] [--set key=value]... [-o DIR]",
  summary: "Replay captures through several configurations, one row each.",
  doc: "Replays captures through several configurations and prints one row of summary.csv for each.\n" +
    "-o writes DIR/summary.csv, and the other traces of each configuration into DIR/CONFIG (of several captures into\n" +
    "DIR/NUMBER-NAME/CONFIG). Column alike names the configurations that a row cannot be told apart from: within the\n" +
    "ranges of the profile's costs, either goodput may be the higher. A table marks them with ~.",
  flags: [
    ...configFlags(DEFAULT_CONFIGS),
    ...JOB_FLAGS,
  ],
  plannedFlags: ["report"],
  examples: [
    "tailbits compare fixtures/bulk-tcp-ipv4.pcap --format table",
    "tailbits compare trace.pcap -c baseline,nocopy,my.jsonc -o out",
    "tailbits compare trace.pcap --columns config,copied_bytes,goodput_gbps --delimiter ';'",
  ],
  run: runCompare,
};

async function runCompare(args: Arguments): Promise<number> {
  const options = jobOptionsFrom("compare", args);
  const associations = await associationsFrom(args);
  const configs = (await configsFrom(args, "compare", DEFAULT_CONFIGS)).map((resolved) =>
    withAssociations(resolved, associations)
  );
  const profiles: Profile[] = [];
  for (const config of configs) profiles.push(await profileFrom(config));
  const passes = configs.reduce((sum, { config }) => sum + timesOpened(config), 0);
  const inputs = await captureInputs(args.operands, passes);
  const jobs = jobsOf(inputs, configs, profiles).map((job) => ({ ...job, associations: associations?.entries }));
  const runs = await runJobs(jobs, options);
  if (!options.quiet) sayIdle(configs);
  return concludeJobs(jobs, runs, options);
}

function jobsOf(
  inputs: readonly CaptureInput[],
  configs: readonly ResolvedConfig[],
  profiles: readonly Profile[],
): Job[] {
  return inputs.flatMap((input, i) => {
    return configs.map((resolved, k) => ({
      input,
      resolved,
      profile: profiles[k]!,
      label: inputs.length === 1 ? resolved.name : `${input.name} ${resolved.name}`,
      folder: inputs.length === 1 ? resolved.name : `${i + 1}-${input.name}/${resolved.name}`,
    }));
  });
}

/** Two configurations that differ only in what this path does not look at will give the same figures. */
function sayIdle(configs: readonly ResolvedConfig[]): void {
  configs.forEach((a, i) => {
    for (const b of configs.slice(i + 1)) {
      const { path } = a.config;
      const keys = describeIdle(a.config, b.config, path);
      if (keys.length === 0) continue;
      say(`tailbits: Warning: ${a.name} and ${b.name} differ only in ${keys.join(", ")}: idle on path ${path}`);
    }
  });
}
