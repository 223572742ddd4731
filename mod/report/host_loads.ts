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
  /** Those on which processes read, and nothing else runs (`reader_cpu=own`). */
  readonly readerNs: readonly number[];
}

/** One load, or that of the sending and then that of the receiving host. */
export function hostLoads({ busyNs, peerCpus, resolved: { config } }: Run): HostLoad[] {
  const own = busyNs.length - peerCpus;
  const hosts = peerCpus === 0 ? [busyNs] : [busyNs.slice(0, own), busyNs.slice(own)];
  const [crypto, reader] = [config.net_cpus, config.net_cpus + config.crypto_cpus];
  return hosts.map((cpus) => {
    return { netNs: cpus.slice(0, crypto), cryptoNs: cpus.slice(crypto, reader), readerNs: cpus.slice(reader) };
  });
}

/** Busy time of the busiest CPU of the sending host, or of the receiving one; undefined where there are not two. */
export function busiestNs(run: Run, host: "tx" | "rx"): number | undefined {
  const cpusNs = cpusOf(run, host);
  return cpusNs === undefined ? undefined : Math.max(...cpusNs);
}

/** Busy time of all CPUs of the sending host together, or of the receiving one; undefined where there are not two. */
export function hostBusyNs(run: Run, host: "tx" | "rx"): number | undefined {
  return cpusOf(run, host)?.reduce((sum, ns) => sum + ns, 0);
}

function cpusOf({ busyNs, peerCpus }: Run, host: "tx" | "rx"): readonly number[] | undefined {
  if (peerCpus === 0) return undefined;
  const own = busyNs.length - peerCpus;
  return host === "tx" ? busyNs.slice(0, own) : busyNs.slice(own);
}
