/**
 * Rows of `fixtures/published-results.csv`: throughput and CPU that others measured and published.
 *
 * ```ts
 * parsePublished(text)[0]; // { id: "seed-1", role: "fitted", gbps: 2.6, cpuOf: "busiest", txCpuPercent: 71, ... }
 * ```
 *
 * @module
 */

import { parse } from "@std/csv";

/** What a row is for: a profile may be fitted to it; only predicted; only its order of magnitude and its neighbours count. */
export const ROLES = ["fitted", "held-out", "shape-only"] as const;

/** One measurement. */
export interface PublishedRow {
  /** Name of the row. */
  readonly id: string;
  /** What it is for. */
  readonly role: typeof ROLES[number];
  /** Clock of its CPUs in GHz; undefined when not published. */
  readonly clockGhz: number | undefined;
  /** As published, Gbit/s. */
  readonly gbps: number;
  /** Of which CPUs the CPU time is: of the busiest of a host, or of all its CPUs together. */
  readonly cpuOf: "busiest" | "all";
  /** CPU time of the sender in % of one CPU; where it is not said of which host, of this; undefined when not published so. */
  readonly txCpuPercent: number | undefined;
  /** The same of the receiver. */
  readonly rxCpuPercent: number | undefined;
}

const ROLE_OF: Readonly<Record<string, PublishedRow["role"]>> = {
  FIT: "fitted",
  HELD: "held-out",
  CHECK: "shape-only",
};

/** `71`: of CPU time, that of one CPU. */
const NUMBER = /^\d+(\.\d+)?$/;
/** `send 4 / recv 5 (avg over 24)`: the mean over all CPUs of a host, whose number stands in column `cores`. */
const OF_ALL = /^send ([\d.]+) \/ recv ([\d.]+) \(avg/;

/** Reads the table, fitted rows first, then held-out, then shape-only. Throws RangeError for a row that cannot be read. */
export function parsePublished(text: string): PublishedRow[] {
  const rows = parse(text, { skipFirstRow: true }).map(rowOf);
  return ROLES.flatMap((role) => rows.filter((row) => row.role === role));
}

function rowOf(cells: Readonly<Record<string, string | undefined>>): PublishedRow {
  const { id = "", ghz = "", gbps = "", cpu_percent: cpu = "", cores = "", notes = "" } = cells;
  const role = ROLE_OF[/\brole=(\w+)/.exec(notes)?.[1] ?? ""];
  if (role === undefined) throw new RangeError(`Cannot read published results: row ${id} has no known role`);
  if (!NUMBER.test(gbps)) throw new RangeError(`Cannot read published results: gbps of row ${id} is not a number`);
  const clockGhz = NUMBER.test(ghz) ? Number(ghz) : undefined;
  return { id, role, clockGhz, gbps: Number(gbps), ...cpuTimes(cpu, cores) };
}

/** In % of one CPU; a mean over all CPUs is what they do together, divided by their number. */
function cpuTimes(cpu: string, cores: string): Pick<PublishedRow, "cpuOf" | "txCpuPercent" | "rxCpuPercent"> {
  if (NUMBER.test(cpu)) return { cpuOf: "busiest", txCpuPercent: Number(cpu), rxCpuPercent: undefined };
  const means = OF_ALL.exec(cpu);
  const cpus = Number.parseInt(cores, 10);
  if (means === null || Number.isNaN(cpus)) {
    return { cpuOf: "busiest", txCpuPercent: undefined, rxCpuPercent: undefined };
  }
  return { cpuOf: "all", txCpuPercent: Number(means[1]) * cpus, rxCpuPercent: Number(means[2]) * cpus };
}
