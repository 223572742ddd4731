/**
 * Times passes over a byte program: the whole, and the rows of the result.
 *
 * The whole is timed by the difference of two passes: one does everything, in the order of the run, the other only what is
 * not to be timed (what devices write, and header fields). So caches are as warm and as cold as the order of the run makes
 * them.
 *
 * The rows are timed by a third pass, which reads the clock behind every stretch of operations of one row. A reading costs
 * as much as a copy of 4 KiB; what it costs behind a stretch without operations is timed with each pass, and taken off. What
 * is left is within some percent of the whole where there is a cipher; of short copies alone it is half of it or less, since
 * what they have put off is done while the clock is read. Each row is stretched by the same factor, so that the rows add up
 * to the whole exactly. A row of short operations is known to some 10 ns per operation at best, and may come out as 0.
 *
 * A run makes several passes of each kind. They are timed in slices of some dozens of packets, and of each slice the least
 * time of the passes counts: whatever else the machine does only adds time, and to other slices in the next pass.
 *
 * ```ts
 * const timer = new ProgramTimer(program, ciphers);
 * const passes = passesOfRun(timer.warmUp());
 * timer.begin();
 * for (let pass = 0; pass < passes; pass++) timer.pass();
 * const { totalNs, rowNs } = timer.finish(); // Of one pass.
 * ```
 *
 * @module
 */

import { type ByteProgram, REST, type Stretches } from "./byte_program.ts";
import type { PieceCipher } from "./primitives.ts";
import { nowNs } from "./stopwatch.ts";

/** Operations of a slice, at least. */
const SLICE_OPERATIONS = 256;
/** A run repeats each pass for so long, in so many passes at most. */
const RUN_NS = 60e6;
const MOST_PASSES = 101;
/** Warming up goes on until so many passes in a row were no better than the best, and for so long at least and at most. */
const STEADY_PASSES = 5;
const STEADY_SHARE = 0.98;
const LEAST_WARM_NS = 150e6;
const MOST_WARM_NS = 1.5e9;

/** How many passes make a run of what takes `passNs` each time. */
export function passesOfRun(passNs: number): number {
  return Math.max(1, Math.min(MOST_PASSES, Math.ceil(RUN_NS / Math.max(passNs, 1))));
}

/** Readings of the clock that are timed with each pass. */
const READINGS = 100;

/** What one pass of a run took. */
export interface RunTimes {
  /** All rows, in ns. */
  readonly totalNs: number;
  /** Each row, in ns; those of rows 1 and more add up to `totalNs`. */
  readonly rowNs: Float64Array;
}

/** Some stretches that follow each other: their numbers, and their operations. */
interface Slice {
  readonly first: number;
  readonly behind: number;
  readonly start: number;
  readonly end: number;
}

/** Times of parts that are measured pass by pass. */
class PassTimes {
  readonly #times: Float64Array;
  readonly #least: Float64Array;

  constructor(readonly parts: number) {
    this.#times = new Float64Array(parts);
    this.#least = new Float64Array(parts).fill(Infinity);
  }

  /** `part` took `ns` in this pass, or took so much longer. */
  add(part: number, ns: number): void {
    this.#times[part]! += ns;
  }

  /** The pass is over. */
  end(): void {
    for (let part = 0; part < this.parts; part++) {
      this.#least[part] = Math.min(this.#least[part]!, this.#times[part]!);
    }
    this.#times.fill(0);
  }

  /** The least that one part has taken. */
  leastOf(part: number): number {
    return this.#least[part]!;
  }

  /** The sum of the least of all parts. */
  sum(): number {
    return this.#least.reduce((sum, ns) => sum + ns, 0);
  }
}

/** Times one program. */
export class ProgramTimer {
  readonly #slices: readonly Slice[];
  /** Rows, REST included, and stretches of each. */
  readonly #rows: number;
  readonly #stretchesOf: Float64Array;
  readonly #reading = new PassTimes(1);
  #whole: PassTimes;
  #rest: PassTimes;
  #ofRows: PassTimes;

  /** `ciphers` has one for each association of the program. */
  constructor(readonly program: ByteProgram, readonly ciphers: readonly PieceCipher[]) {
    this.#rows = program.parts.rows.length + 1;
    this.#stretchesOf = new Float64Array(this.#rows);
    for (const row of program.stretches.rows) this.#stretchesOf[row]! += 1;
    this.#slices = slicesOf(program.stretches);
    this.#whole = this.#rest = this.#ofRows = new PassTimes(0);
  }

  /** Makes passes that do not count until they get no faster; returns what the fastest took, in ns. */
  warmUp(): number {
    const start = nowNs();
    let best = Infinity;
    let steady = 0;
    for (let warmNs = 0; warmNs < MOST_WARM_NS; warmNs = nowNs() - start) {
      this.begin();
      this.pass();
      const took = this.#whole.sum();
      steady = took < best * STEADY_SHARE ? 0 : steady + 1;
      best = Math.min(best, took);
      if (steady >= STEADY_PASSES && warmNs >= LEAST_WARM_NS) break;
    }
    return best;
  }

  /** One that times the same program in other memory; its run has begun. */
  moved(): ProgramTimer {
    const timer = new ProgramTimer(this.program.moved(), this.ciphers);
    timer.begin();
    return timer;
  }

  /** Begins a run. */
  begin(): void {
    const slices = this.#slices.length;
    this.#whole = new PassTimes(slices);
    this.#rest = new PassTimes(slices);
    this.#ofRows = new PassTimes(slices * this.#rows);
  }

  /** One pass of each kind. */
  pass(): void {
    this.#timeSlices(this.#whole, false);
    this.#timeSlices(this.#rest, true);
    this.#timeRows(this.#ofRows);
    this.#timeReading(this.#reading);
  }

  /** What the run says. */
  finish(): RunTimes {
    const totalNs = this.#whole.sum() - this.#rest.sum();
    return { totalNs, rowNs: this.#correctedRows(this.#ofRows, totalNs) };
  }

  /** The rows without what the readings cost, stretched so that they add up to `totalNs`. */
  #correctedRows(times: PassTimes, totalNs: number): Float64Array {
    const rowNs = new Float64Array(this.#rows);
    for (let part = 0; part < times.parts; part++) rowNs[part % this.#rows]! += times.leastOf(part);
    rowNs[REST] = 0;
    const readingNs = this.#reading.leastOf(0) / READINGS;
    let sumNs = 0;
    for (let row = REST + 1; row < rowNs.length; row++) {
      rowNs[row] = Math.max(0, rowNs[row]! - readingNs * this.#stretchesOf[row]!);
      sumNs += rowNs[row]!;
    }
    return rowNs.map((ns) => sumNs === 0 ? 0 : ns * totalNs / sumNs);
  }

  /** What `#timeRows()` takes for a stretch without operations. */
  #timeReading(times: PassTimes): void {
    const { program, ciphers } = this;
    let before = nowNs();
    for (let reading = 0; reading < READINGS; reading++) {
      program.execute(0, 0, ciphers, false);
      const now = nowNs();
      times.add(0, now - before);
      before = now;
    }
    times.end();
  }

  /** All operations, or only those that are not to be timed. */
  #timeSlices(times: PassTimes, isRestOnly: boolean): void {
    const { program, ciphers } = this;
    this.#slices.forEach(({ start, end }, part) => {
      const before = nowNs();
      program.execute(start, end, ciphers, isRestOnly);
      times.add(part, nowNs() - before);
    });
    times.end();
  }

  #timeRows(times: PassTimes): void {
    const { program, ciphers } = this;
    const { starts, rows } = program.stretches;
    this.#slices.forEach(({ first, behind }, part) => {
      let before = nowNs();
      for (let stretch = first; stretch < behind; stretch++) {
        program.execute(starts[stretch]!, starts[stretch + 1]!, ciphers, false);
        const now = nowNs();
        times.add(part * this.#rows + rows[stretch]!, now - before);
        before = now;
      }
    });
    times.end();
  }
}

/** Stretches in groups of about as many operations. */
function slicesOf({ starts, rows }: Stretches): Slice[] {
  const slices: Slice[] = [];
  for (let first = 0, behind = 1; first < rows.length; first = behind, behind++) {
    while (behind < rows.length && starts[behind]! - starts[first]! < SLICE_OPERATIONS) behind += 1;
    slices.push({ first, behind, start: starts[first]!, end: starts[behind]! });
  }
  return slices;
}
