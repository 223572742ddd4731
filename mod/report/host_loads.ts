/**
 * How busy the CPUs of each host were: that which sends, or is the only one, and that which receives (`path=host-to-host`).
 *
 * @module
 */

import type { Run } from "../replay/run.ts";

/** Busy time of the CPUs of one host, in ns. */
export interface HostLoad {
  /** Those that run the network stack. */
  readonly netNs: readonly number[];
  /** Those set apart for crypto. */
  readonly cryptoNs: readonly number[];
}

/** One load, or that of the sending and then that of the receiving host. */
export function hostLoads({ busyNs, peerCpus, resolved: { config } }: Run): HostLoad[] {
  const own = busyNs.length - peerCpus;
  const hosts = peerCpus === 0 ? [busyNs] : [busyNs.slice(0, own), busyNs.slice(own)];
  return hosts.map((cpus) => ({ netNs: cpus.slice(0, config.net_cpus), cryptoNs: cpus.slice(config.net_cpus) }));
}

/** Busy time of the busiest CPU of the sending host, or of the receiving one; undefined where there are not two. */
export function busiestNs(run: Run, host: "tx" | "rx"): number | undefined {
  const loads = hostLoads(run);
  if (loads.length < 2) return undefined;
  const { netNs, cryptoNs } = loads[host === "tx" ? 0 : 1]!;
  return Math.max(...netNs, ...cryptoNs);
}
