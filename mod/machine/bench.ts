/**
 * The byte work of configurations, done for real on this machine and timed: what `tailbits bench` runs.
 *
 * Each configuration replays the capture once, in virtual time, and its byte work is recorded (`work_recorder.ts`). The
 * programs are verified, warmed up, and then timed in turn, pass by pass (A B A B ...), so that what slows the machine down for a
 * while slows all of them. For each run they move to memory of their own: which pages a program got makes up to a tenth of
 * what it takes, in all of its passes alike. Byte work of several CPUs, and of asynchronous crypto, is done in the order in which the model did it, by one
 * thread. What devices do is done, and not timed.
 *
 * What a NIC has written lies in the caches of the CPU that executes the program, somewhat nearer than DMA leaves it. Work
 * is that of bytes alone: what a kernel does per packet besides, the fixed part of each stage, is not in it, while the
 * runtime adds some 20 ns to each operation. What a profile predicts of it is without that as well.
 *
 * A profile that was measured on the same machine with warm memory (`calibrate --memory warm`) predicts less than is
 * measured here, by some 100 to 200 ns for each packet: who is the first to use bytes waits for those who have just written
 * them, a device or the writer of a header, who are not timed; and the pages of a program suit caches less than the slots of
 * a calibration. Where more buffers are in use than the second cache level holds, it is more.
 *
 * ```ts
 * const rows = benchRows(await bench([{ input, resolved, profile }], { runs: 9, maxPackets: 10_000 }));
 * ```
 *
 * @module
 */

import { ConfigError } from "../config/errors.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import { priceOf, type Profile } from "../cost/profile.ts";
import type { EngineName } from "../crypto/aead.ts";
import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
import { REASON } from "../ledger/schema.ts";
import { type CaptureInput, replayWatched } from "../replay/run.ts";
import type { ByteProgram } from "./byte_program.ts";
import { pieceCipher } from "./primitives.ts";
import { passesOfRun, ProgramTimer, type RunTimes } from "./timed_passes.ts";
import { WorkRecorder } from "./work_recorder.ts";

/** What a program may take; a run of 10 000 full frames takes some 40 MiB. */
const MOST_PROGRAM_BYTES = 512 * 2 ** 20;

/** Packets that take a few seconds, by who encrypts them. */
export const USUAL_PACKETS: Readonly<Record<"openssl" | "noble", number>> = { openssl: 10_000, noble: 500 };

/** How many packets to take of these configurations where nobody says. */
export function usualPackets(configs: readonly ResolvedConfig[]): number {
  const isSlow = configs.some(({ config: { engine } }) => (engine === "auto" ? fastestEngine() : engine) === "noble");
  return USUAL_PACKETS[isSlow ? "noble" : "openssl"];
}

/** One configuration to be timed. */
export interface BenchJob {
  readonly input: CaptureInput;
  readonly resolved: ResolvedConfig;
  /** Says what the work should cost. */
  readonly profile: Profile;
  /** The SAs of a file; absent: the test SA. */
  readonly associations?: readonly SaEntry[] | undefined;
}

/** How to time. */
export interface BenchOptions {
  /** Runs of each configuration, 1 or more. */
  readonly runs: number;
  /** Packets of the capture, from its start, at most. */
  readonly maxPackets: number;
  /** Is told after each step how many of how many are done, and waited for. */
  readonly progress?: (done: number, steps: number) => Promise<void>;
}

/** One configuration, timed. */
export interface Benched {
  readonly name: string;
  /** Who encrypted; undefined where nothing was encrypted. */
  readonly engine: EngineName | undefined;
  readonly program: ByteProgram;
  /** What each run took. */
  readonly times: readonly RunTimes[];
  /** What replaying had to say, one sentence each. */
  readonly warnings: readonly string[];
}

/** A configuration, recorded. */
interface Prepared extends Omit<Benched, "times"> {
  readonly timer: ProgramTimer;
}

/**
 * Times jobs in turn.
 *
 * @throws {CaptureError} when the capture cannot be read.
 * @throws {UnplayableError} when it holds nothing that a path can play.
 * @throws {ConfigError} when a configuration does no byte work, or more than memory should hold.
 */
export async function bench(jobs: readonly BenchJob[], options: BenchOptions): Promise<Benched[]> {
  const { runs, progress = () => Promise.resolve() } = options;
  const steps = 2 * jobs.length + runs;
  let done = 0;
  const prepared: Prepared[] = [];
  for (const job of jobs) {
    prepared.push(await prepare(job, options.maxPackets));
    await progress(done += 1, steps);
  }
  let passNs = 0;
  for (const { timer } of prepared) {
    passNs = Math.max(passNs, timer.warmUp());
    await progress(done += 1, steps);
  }
  const timers = prepared.map(({ timer }) => timer);
  const passes = passesOfRun(passNs);
  const times: RunTimes[][] = timers.map(() => []);
  for (let run = 0; run < runs; run++) {
    const moved = timers.map((timer) => timer.moved());
    for (let pass = 0; pass < passes; pass++) for (const timer of moved) timer.pass();
    moved.forEach((timer, i) => {
      times[i]!.push(timer.finish());
      requireRight(prepared[i]!.name, timer);
    });
    await progress(done += 1, steps);
  }
  return prepared.map(({ timer: _, ...rest }, i) => ({ ...rest, times: times[i]! }));
}

async function prepare(job: BenchJob, maxPackets: number): Promise<Prepared> {
  const { input, resolved, profile, associations } = job;
  const { name } = resolved;
  if (resolved.config.engine === "skip") {
    throw new ConfigError(`Cannot bench ${name}: with engine=skip nothing would be encrypted`);
  }
  const recorder = new WorkRecorder(MOST_PROGRAM_BYTES, priceOf(byteWorkOf(profile)));
  const run = await replayWatched({ input, resolved, profile, associations, maxPackets }, recorder);
  const arrived = run.tally.sum({ event: "arrive", reason: REASON.none });
  if (recorder.isFull) {
    const fewer = Math.max(1, Math.floor(Math.min(maxPackets, arrived.count) / 2));
    throw new ConfigError(
      `Cannot bench ${name}: the byte work of ${arrived.count} packets takes more than ${
        MOST_PROGRAM_BYTES / 2 ** 20
      } MiB (try --packets ${fewer})`,
    );
  }
  if (recorder.misfits > 0) {
    throw new Error(`Cannot bench ${name}: ${recorder.misfits} rows of its ledger do not fit to what was moved`);
  }
  const program = recorder.finish(arrived.count, arrived.bytes);
  const engine = program.parts.requests.length === 0 ? undefined : run.engine;
  const ciphers = program.parts.associations.map((sa) => pieceCipher(sa, ENGINES[engine ?? "noble"]));
  const timer = new ProgramTimer(program, ciphers);
  requireRight(name, timer);
  // How short a run is matters for its rates, and not for its byte work.
  const warnings = run.warnings.filter((warning) => !warning.startsWith("the run is short"));
  return { name, engine, program, timer, warnings };
}

/** The profile without what it charges for waking a process that reads: nobody is woken here. */
function byteWorkOf(profile: Profile): Profile {
  const coefficients = profile.coefficients.filter(({ event, reason, unit }) => {
    return event !== "user-copy" || reason !== "user-read" || !unit.endsWith("/op");
  });
  return { ...profile, coefficients };
}

/** A pass over the program gives the frames of the model, or nothing that was timed means anything. */
function requireRight(name: string, { program, ciphers }: ProgramTimer): void {
  const digest = program.verify(ciphers);
  const { parts, sums, misjudged } = program;
  if (digest === parts.digest && sums === parts.sums && misjudged === 0) return;
  throw new Error(`Cannot bench ${name}: its byte work has not given the bytes of the model`);
}
