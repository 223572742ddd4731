/**
 * Measures what work on bytes takes on this machine, cold and warm, in many short runs.
 *
 * In each run every kind of work has its turn for every length. First those with cold memory: what they need is put into
 * their slots, then far more memory is read than a last-level cache holds, and then each slot is used once. (Where its page
 * is, the CPU may know: the memory of a kernel lies in large pages.) Then those with warm memory: few slots, used again and
 * again (or, where the work cannot be done twice, right after they were made ready). A turn is cut into batches of some
 * 50 us, of which the middle one counts in cold memory, and the least in warm.
 *
 * What disturbs a machine makes work longer, never shorter, and lasts from microseconds to minutes. So the least of the runs
 * is what the work takes (`fitted_work.ts`): on a machine that is busy with other things it comes out the same within some
 * percent as soon as one of the runs meets a quiet moment, where medians of the runs differ by a third. How far the other
 * runs lie above it is the spread. A run that comes before the first is not kept: the compiler is at work in it.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { calibrate } from "./calibrate.ts";
 * import { nowNs } from "./stopwatch.ts";
 * const { clockGhz, measured } = await calibrate({ engine: ENGINES.noble, nowNs, runs: 25 });
 * ```
 *
 * @module
 */

import type { CryptoEngine } from "../crypto/aead.ts";
import { clockGhzNow } from "./calibrate_clock.ts";
import { LINE_BYTES, LineChain } from "./calibrate_lines.ts";
import { CIPHERS, OpenWork, packetStride, SealWork } from "./calibrate_ciphers.ts";
import { Arena, ChecksumWork, CopyWork, FusedWork, slotsIn, type SlottedWork, strideOf } from "./calibrate_works.ts";
import {
  CIPHER_REASONS,
  type CipherReason,
  FULL_SEGMENT_BYTES,
  FULL_TEXT_BYTES,
  LINE_SPAN_BYTES,
  type Measured,
  PIECES,
  type Work,
} from "./calibration.ts";
import { medianOf } from "./statistics.ts";

/**
 * Lengths of messages: of headers, small and full packets, pages, jumbo frames and aggregates. Ciphers have texts of
 * `FULL_TEXT_BYTES` in place of full segments, and no aggregates: ESP packets are no longer than frames.
 */
export const LENGTHS: readonly number[] = [64, 256, 1024, FULL_SEGMENT_BYTES, 4096, 9000, 65536];

/** Memory of one kind of work on cold messages of one length: each is used once in a run. */
const COLD_BYTES = 1 << 20;
/** Likewise on warm ones: as much as a poll of 64 full packets. Source and target together fit into the second cache level. */
const WARM_BYTES = LINE_SPAN_BYTES.l2 / 2;
/** No text is longer: that of a jumbo frame. */
const LONGEST_TEXT_BYTES = 9000;
/** A turn is cut into so many batches. */
const BATCHES = 16;
/** Batches of warm memory last as long, at least. */
const BATCH_NS = 50_000;
/** A turn that has lasted as long begins no further batch. */
const TURN_NS = 3_000_000;
/** Accesses of one batch of `line`. */
const LINE_ACCESSES = 4096;
/** What is to be measured, and how. */
export interface CalibrationOptions {
  /** What seals and opens. */
  readonly engine: CryptoEngine;
  /** A clock in ns; it never runs backwards. */
  readonly nowNs: () => number;
  /** Runs: the rounds are dealt out to them. */
  readonly runs: number;
  /** Lengths of messages; `LENGTHS` unless given. */
  readonly lengths?: readonly number[];
  /** Memory that is read to empty the caches, in bytes; 256 MiB unless given. */
  readonly memoryBytes?: number;
  /** Is told before each run how many of how many are done, and may wait for something else. */
  readonly progress?: (done: number, runs: number) => Promise<void>;
}

/** What came out. */
export interface CalibrationTimes {
  /** Estimates of the clock, one of each run, in GHz. */
  readonly clockGhz: readonly number[];
  /** Times, by kind of work, state and length. */
  readonly measured: readonly Measured[];
}

/** One kind of work, one length, one state of memory, and the times of its runs. */
interface Turn extends Measured {
  readonly nsPerCall: number[];
  /** Makes it ready, if its memory is cold. */
  prepare(): void;
  /** Takes its turn; returns the time of one call in ns. */
  take(nowNs: () => number): number;
}

/** Measures. A run takes some 200 ms with OpenSSL, and 500 ms with noble; 400 MiB of memory are needed. */
export async function calibrate(options: CalibrationOptions): Promise<CalibrationTimes> {
  const { nowNs, runs, progress, memoryBytes = LINE_SPAN_BYTES.memory } = options;
  const memory = new LineChain(memoryBytes);
  const turns = [...turnsOf(options, clockReadNsOf(nowNs)), ...lineTurns(memory)];
  const clockGhz: number[] = [];
  // Run -1 is for the compiler.
  for (let run = -1; run < runs; run++) {
    await progress?.(Math.max(0, run), runs);
    for (const turn of turns) turn.prepare();
    memory.readAll();
    const times = turns.map((turn) => turn.take(nowNs));
    const ghz = clockGhzNow(nowNs);
    if (run < 0) continue;
    turns.forEach((turn, i) => turn.nsPerCall.push(times[i]!));
    clockGhz.push(ghz);
  }
  const measured = turns.map(({ work, bytes, state, by, nsPerCall }) => ({ work, bytes, state, by, nsPerCall }));
  return { clockGhz, measured };
}

/** The turns of all works on messages, those with cold memory first; each has slots of its own. */
function turnsOf({ engine, lengths = LENGTHS }: CalibrationOptions, clockReadNs: number): Turn[] {
  const states = [["cold", COLD_BYTES], ["warm", WARM_BYTES]] as const;
  const planned = states.flatMap(([state, regionBytes]) => {
    return lengths.flatMap((bytes) => plannedWorks(bytes, regionBytes, engine).map((plan) => ({ state, plan })));
  });
  const arena = new Arena(planned.reduce((sum, { plan }) => sum + plan.roomBytes, 0));
  return planned.map(({ state, plan: { work, bytes, by, make } }) => {
    return turnOf({ work, bytes, state, by }, arena, make, clockReadNs);
  });
}

/** A work that is going to be measured, and the memory that it needs. */
interface PlannedWork extends Pick<Measured, "work" | "bytes" | "by"> {
  readonly roomBytes: number;
  make(arena: Arena): SlottedWork;
}

/** All works on messages of one length. */
function plannedWorks(bytes: number, regionBytes: number, engine: CryptoEngine): PlannedWork[] {
  const slots = slotsIn(regionBytes, bytes);
  const regionOf = (work: Work, regions: number, make: (arena: Arena) => SlottedWork): PlannedWork => {
    return { work, bytes, by: "JavaScript", roomBytes: regions * slots * strideOf(bytes), make };
  };
  return [
    regionOf("copy", 2, (arena) => new CopyWork(arena, bytes, slots)),
    regionOf("checksum", 1, (arena) => new ChecksumWork(arena, bytes, slots)),
    regionOf("copy+checksum", 2, (arena) => new FusedWork(arena, bytes, slots)),
    ...bytes > LONGEST_TEXT_BYTES
      ? []
      : CIPHER_REASONS.flatMap((reason) => plannedCiphers(reason, bytes, slots, engine)),
  ];
}

/** Full packets are sealed and opened in one piece and in several, one right behind the other. */
function plannedCiphers(reason: CipherReason, bytes: number, slots: number, engine: CryptoEngine): PlannedWork[] {
  const by = engine.name === "openssl" ? "OpenSSL" : engine.name;
  const name = CIPHERS[reason];
  const planned = (work: Work, Work: typeof SealWork | typeof OpenWork, pieces: readonly number[]): PlannedWork => {
    const textBytes = pieces.reduce((sum, each) => sum + each, 0);
    const make = (arena: Arena): SlottedWork => new Work(arena, pieces, slots, name, engine);
    return { work, bytes: textBytes, by, roomBytes: slots * packetStride(pieces), make };
  };
  if (bytes !== FULL_SEGMENT_BYTES) {
    return [planned(`seal ${reason}`, SealWork, [bytes]), planned(`open ${reason}`, OpenWork, [bytes])];
  }
  return [
    planned(`seal ${reason}`, SealWork, [FULL_TEXT_BYTES]),
    planned(`seal ${reason} in pieces`, SealWork, PIECES.seal),
    planned(`open ${reason}`, OpenWork, [FULL_TEXT_BYTES]),
    planned(`open ${reason} in pieces`, OpenWork, PIECES.open),
  ];
}

function turnOf(
  what: Omit<Measured, "nsPerCall">,
  arena: Arena,
  make: (arena: Arena) => SlottedWork,
  clockReadNs: number,
): Turn {
  const from = arena.taken;
  const slotted = make(arena);
  const to = arena.taken;
  const cold = (nowNs: () => number): number => {
    arena.visitPages(from, to);
    return coldNs(slotted, nowNs, clockReadNs);
  };
  const isCold = what.state === "cold";
  return {
    ...what,
    nsPerCall: [],
    prepare: () => isCold ? slotted.prepare() : undefined,
    take: isCold ? cold : (nowNs) => warmNs(slotted, nowNs, clockReadNs),
  };
}

/** `memory` is far more than caches hold, the others fit into the second and the last level. */
function lineTurns(memory: LineChain): Turn[] {
  const cached = [LINE_SPAN_BYTES.l2, LINE_SPAN_BYTES.l3].map((bytes) => new LineChain(bytes));
  return [...cached, memory].map((chain) => ({
    work: "line",
    bytes: chain.lines * LINE_BYTES,
    state: chain === memory ? "cold" : "warm",
    by: "JavaScript",
    nsPerCall: [],
    prepare: () => {},
    take: (nowNs) => lineNs(chain, chain !== memory, nowNs),
  }));
}

/** What a look at the clock adds to what is measured. */
function clockReadNsOf(nowNs: () => number): number {
  const times: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const startNs = nowNs();
    times.push(nowNs() - startNs);
  }
  return medianOf(times);
}

/** Each slot once, in batches, of which the middle one counts: some meet lines that the CPU has fetched ahead. */
function coldNs(slotted: SlottedWork, nowNs: () => number, clockReadNs: number): number {
  const { slots } = slotted;
  const calls = Math.max(1, Math.floor(slots / BATCHES));
  const times: number[] = [];
  const turnEndNs = nowNs() + TURN_NS;
  for (let first = 0; first < slots; first += calls) {
    const startNs = nowNs();
    slotted.pass(first, calls);
    const endNs = nowNs();
    times.push(perCall(endNs - startNs - clockReadNs, calls));
    if (endNs > turnEndNs) break;
  }
  return medianOf(times);
}

/** All slots again and again, in batches, of which the least counts. */
function warmNs(slotted: SlottedWork, nowNs: () => number, clockReadNs: number): number {
  const passes = passesOfBatch(slotted, nowNs);
  const times: number[] = [];
  const turnEndNs = nowNs() + TURN_NS;
  for (let batch = 0; batch < BATCHES; batch++) {
    if (slotted.isOnceOnly) slotted.prepare();
    const startNs = nowNs();
    for (let pass = 0; pass < passes; pass++) slotted.pass(0, slotted.slots);
    const endNs = nowNs();
    times.push(perCall(endNs - startNs - clockReadNs, passes * slotted.slots));
    if (endNs > turnEndNs) break;
  }
  return Math.min(...times);
}

/** How many passes make a batch long enough; the first pass brings the slots into the cache. */
function passesOfBatch(slotted: SlottedWork, nowNs: () => number): number {
  if (slotted.isOnceOnly) return 1;
  slotted.pass(0, slotted.slots);
  const startNs = nowNs();
  slotted.pass(0, slotted.slots);
  return Math.min(1000, Math.max(1, Math.ceil(BATCH_NS / Math.max(1, nowNs() - startNs))));
}

/** Above 0, whatever the clock says of very short work. */
function perCall(ns: number, calls: number): number {
  return Math.max(ns, 1e-3) / calls;
}

function lineNs(chain: LineChain, isCached: boolean, nowNs: () => number): number {
  if (isCached) chain.follow(chain.lines);
  const times: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    const startNs = nowNs();
    chain.follow(LINE_ACCESSES);
    times.push(perCall(nowNs() - startNs, LINE_ACCESSES));
  }
  return Math.min(...times);
}
