/**
 * What limits a run, what would limit it next, and how far that is away: columns `bottleneck`, `next_bottleneck`, `next_gbps`.
 *
 * A resource that works has a utilisation: the share of the time in which it was busy. At full speed the busiest of them sets
 * the pace, and were it free, all others would be used more by the same factor until the next one is as busy as it was. So
 * `next_gbps` is the goodput times the quotient of both utilisations.
 *
 * With several networking CPUs the one TX queue of the device is a resource of its own where aggregates are cut, and with
 * `gso=l2` encrypted, on their way out of it: one CPU at a time does that.
 *
 * Where nothing that works is busy, something waits: a sender for its window, a ring for its delayed interrupt (`rx_usecs`), or
 * for bursts that are longer than it. Without that the busiest resource that works would set the pace. Traffic that comes at a
 * pace of its own (`pace=line`, `rate:`, `capture`) is a limit too: no more comes out than was offered.
 *
 * What the estimate does not know: that a freed resource changes the work of others. A driver that never is busy refuses nothing,
 * GRO merges less where polls are shorter, and packets that were dropped have cost what was done to them before. CPUs
 * that share a TX queue send each other's packets when they have much to do: the busiest has some percent more work then.
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import type { Run } from "../replay/run.ts";
import { hostLoads } from "./host_loads.ts";
import { goodputBytes, goodputGbps, wireGbps } from "./rates.ts";

/**
 * What can limit a run, as it is called in traces; `tx-cpu` and `rx-cpu` are the networking CPUs of two hosts, `reader-cpu` the
 * CPUs on which the processes of the second read.
 */
export type ResourceName =
  | "net-cpu"
  | "tx-cpu"
  | "rx-cpu"
  | "reader-cpu"
  | "crypto-cpu"
  | "accel"
  | "tx-queue"
  | "link"
  | "traffic"
  | "rx-ring"
  | "window";

/** A resource and the goodput that it would allow, were all others free. */
export interface Limit {
  readonly name: ResourceName;
  /** In Gbit/s; undefined where it would allow any. */
  readonly gbps: number | undefined;
}

/** What limits a run, and what would if that were free. */
export interface Limits {
  readonly first: ResourceName;
  /** Undefined where nothing else would limit it. */
  readonly next: Limit | undefined;
}

/** A resource that works, and the share of the time in which it was busy. */
interface Worker {
  readonly name: ResourceName;
  readonly utilisation: number;
}

/** Below this utilisation of the busiest resource something else makes it wait. */
const BUSY = 0.9;

/** Drops of which there would be none, were the host faster. */
const CONGESTION = [
  REASON.rxRingFull,
  REASON.queueLimit,
  REASON.bandLimit,
  REASON.fattestFlow,
  REASON.codel,
  REASON.cryptoFull,
  REASON.cellFull,
  REASON.backlogFull,
  REASON.transQueueFull,
];

/** Busy times, in ns, that follow from the events of a run and their prices. */
export interface BusyTimes {
  /** Of each CPU, in the order of `Run.busyNs`. */
  readonly cpusNs: readonly number[];
  /** Of all CPUs together in the stages of the one queue of the device (`isQueueWork()`). */
  readonly queueNs: number;
}

/** What sets the pace of a run. */
interface Pace {
  /** In Gbit/s. */
  readonly goodput: number;
  /** All resources that work, the busiest first. */
  readonly workers: readonly [Worker, ...Worker[]];
  /** Utilisation of a resource that sets the pace. */
  readonly saturated: number;
  /** What holds up those that work; undefined where the busiest of them sets the pace. */
  readonly waiting: ResourceName | undefined;
  /** What was offered; undefined where it comes as fast as it is taken. */
  readonly traffic: Limit | undefined;
}

/** The limits of a run; undefined where too little came out to tell. */
export function limitsOf(run: Run): Limits | undefined {
  const pace = paceOf(run);
  if (pace === undefined) return undefined;
  const { goodput, workers, saturated, waiting, traffic } = pace;
  const limitOf = ({ name, utilisation }: Worker): Limit => {
    return { name, gbps: utilisation > 0 ? goodput * saturated / utilisation : undefined };
  };
  if (waiting === "traffic") return { first: waiting, next: limitOf(workers[0]) };
  const others = workers.slice(waiting === undefined ? 1 : 0).map(limitOf);
  return { first: waiting ?? workers[0].name, next: lowest(traffic === undefined ? others : [...others, traffic]) };
}

/**
 * How many times as long the run would take, had its CPUs been busy for other times with the same events: 1 with its own. What
 * it waits for stays as it is until a resource that works would be busier than that allows. But for a window: in each round
 * trip what the busiest CPU does for it comes on top of the way, and so does the difference. Undefined where `limitsOf()` is.
 */
export function stretchOf(run: Run, busy: BusyTimes): number | undefined {
  const pace = paceOf(run);
  if (pace === undefined) return undefined;
  const { goodput, saturated, waiting, traffic } = pace;
  const workers = workersOf(run, busy);
  const { utilisation } = workers[0]!;
  if (waiting === "window") return Math.max(1 + cpuUtilisation(workers) - cpuUtilisation(pace.workers), utilisation);
  if (waiting !== undefined) return Math.max(1, utilisation / saturated);
  const before = pace.workers[0].utilisation;
  const stretch = utilisation === before ? 1 : utilisation / before;
  return traffic?.gbps === undefined ? stretch : Math.max(stretch, Math.min(1, goodput / traffic.gbps));
}

/** Utilisation of the busiest CPU. */
function cpuUtilisation(workers: readonly Worker[]): number {
  return workers.find(({ name }) => name.endsWith("-cpu"))?.utilisation ?? 0;
}

function paceOf(run: Run): Pace | undefined {
  const [busiest, ...others] = workersOf(run, busyTimesOf(run));
  const goodput = goodputGbps(run);
  if (busiest === undefined || goodput === undefined) return undefined;
  const traffic = trafficLimit(run);
  const isOffered = traffic !== undefined && congestion(run, "rows") === 0;
  const isIdle = busiest.utilisation < BUSY;
  return {
    goodput,
    workers: [busiest, ...others],
    saturated: isIdle ? 1 : busiest.utilisation,
    waiting: isOffered ? "traffic" : isIdle ? whatWaits(run) : undefined,
    traffic,
  };
}

/** The busy times of a run as it was. */
export function busyTimesOf(run: Run): BusyTimes {
  return { cpusNs: run.busyNs, queueNs: queueNs(run) };
}

/** All resources that work, the busiest first, with other busy times of the CPUs. */
function workersOf(run: Run, busy: BusyTimes): Worker[] {
  const { elapsedNs, tally, resolved: { config } } = run;
  const wire = wireGbps(run);
  if (elapsedNs === 0 || wire === undefined) return [];
  const hosts = hostLoads({ ...run, busyNs: busy.cpusNs });
  const names = hosts.length > 1 ? ["tx-cpu", "rx-cpu"] as const : ["net-cpu"] as const;
  const workers: Worker[] = names.map((name, i) => ({ name, utilisation: Math.max(...hosts[i]!.netNs) / elapsedNs }));
  const readerNs = hosts.flatMap((host) => host.readerNs);
  if (readerNs.length > 0) workers.push({ name: "reader-cpu", utilisation: Math.max(...readerNs) / elapsedNs });
  const cryptoNs = hosts.flatMap((host) => host.cryptoNs);
  if (cryptoNs.length > 0) workers.push({ name: "crypto-cpu", utilisation: Math.max(...cryptoNs) / elapsedNs });
  if (config.crypto === "accel") {
    const bits = 8 * (tally.sum({ event: "seal" }).bytes + tally.sum({ event: "open" }).bytes);
    workers.push({ name: "accel", utilisation: bits / config.accel_gbps / elapsedNs / hosts.length });
  }
  const isCutInQueue = config.gso === "l2" || config.path === "receive" || config.mode === "none";
  if (config.net_cpus > 1 && hosts.length === 1 && isCutInQueue) {
    workers.push({ name: "tx-queue", utilisation: busy.queueNs / elapsedNs });
  }
  if (run.delivery.frames > 0) workers.push({ name: "link", utilisation: wire / config.link_gbps });
  return workers.sort((a, b) => b.utilisation - a.utilisation);
}

/** Stages of the queue of the device, with `gso=l2` and where packets are clear. */
const QUEUE_STAGES = ["qdisc", "gso", "esp-output", "driver-tx"] as const;

/** What a CPU does for itself there, before a packet lies in the queue. */
const BEFORE_QUEUE: readonly number[] = [EVENT.visit, EVENT.enqueue];

/** Whether this is work of the queue of the device, which one CPU at a time does, whichever it is. */
export function isQueueWork(event: number, stage: number): boolean {
  if (stage === STAGE.qdisc) return !BEFORE_QUEUE.includes(event);
  return QUEUE_STAGES.some((name) => STAGE[name] === stage);
}

function queueNs({ tally }: Run): number {
  let costPs = 0;
  for (const event of Object.values(EVENT)) {
    tally.forEach(event, (stage, _, sums) => costPs += isQueueWork(event, stage) ? sums.costPs : 0);
  }
  return costPs / PS_PER_NS;
}

/** Whether frames arrive when they want to; a connection between two hosts makes its own (`pace` is idle there). */
function hasOwnPace({ resolved: { config } }: Run): boolean {
  return config.pace !== "max" && config.path !== "host-to-host";
}

/** The limit that the traffic itself is; undefined where it comes as fast as it is taken. */
function trafficLimit(run: Run): Limit | undefined {
  const { firstArrivalNs, lastArrivalNs } = run.delivery;
  if (!hasOwnPace(run)) return undefined;
  const bytes = goodputBytes(run) + congestion(run, "payloadBytes");
  return {
    name: "traffic",
    gbps: lastArrivalNs > firstArrivalNs ? 8 * bytes / (lastArrivalNs - firstArrivalNs) : undefined,
  };
}

/** What was dropped where there was no room. */
function congestion({ tally }: Run, column: "rows" | "payloadBytes"): number {
  return CONGESTION.reduce((sum, reason) => sum + tally.sum({ event: "drop", reason })[column], 0);
}

/** What is not busy and yet holds the others up. */
function whatWaits(run: Run): ResourceName | undefined {
  const { path, rx_usecs } = run.resolved.config;
  if (run.windowClosedNs > run.elapsedNs / 2) return "window";
  const isLate = !hasOwnPace(run) && rx_usecs > 0;
  const isShort = run.tally.sum({ event: "drop", reason: REASON.rxRingFull }).rows > 0;
  return path !== "send" && (isLate || isShort) ? "rx-ring" : undefined;
}

/** The one that allows least; of equals the first. */
function lowest(limits: readonly Limit[]): Limit | undefined {
  const known = limits.filter(({ gbps }) => gbps !== undefined);
  const least = Math.min(...known.map(({ gbps }) => gbps!));
  return known.find(({ gbps }) => gbps === least);
}
