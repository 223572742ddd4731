/**
 * The CPUs of a receiving host on which processes read, and the stack does not run.
 *
 * Example: `readerCpusOf(config)` is 2 on path host-to-host with net_cpus=2, and 0 with reader_cpu=same.
 *
 * @module
 */

import type { Config } from "./schema.ts";

/** How many there are; they are the last of host B, behind those of net_cpus and crypto_cpus. */
export function readerCpusOf({ path, reader_cpu, net_cpus }: Config): number {
  return path === "host-to-host" && reader_cpu === "own" ? net_cpus : 0;
}
