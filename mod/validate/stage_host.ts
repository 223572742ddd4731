/**
 * A host for recorded buffers: the model's memory, ledger and CPU without traffic, prices or time.
 *
 * It keeps what operations on buffers write about copies and trailers, until somebody takes it.
 *
 * ```ts
 * const stages = new StageHost(scenario);
 * transform.makeTrailer(skb, 0, 4);
 * stages.takeCopies().bytesOf("__pskb_pull_tail");
 * ```
 *
 * @module
 */

import { ConfigError } from "../config/errors.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Config } from "../config/schema.ts";
import { type EventBlock, type Fold, Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASONS } from "../ledger/schema.ts";
import { Engine } from "../sim/engine.ts";
import { Host } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { RecordingError } from "./errors.ts";
import type { LeftOutReason } from "./left_out.ts";
import type { Scenario } from "./scenario.ts";

/** Recordings may leave out copies of as many bytes or fewer. */
const SMALL_COPY_BYTES = 64;

/** What happened to buffers since it was last taken. */
export class Work {
  /** Copied bytes by kernel function. */
  readonly copies: Map<string, number> = new Map();
  /** Of these, bytes of copies of at most 64 bytes, which recordings may leave out. */
  readonly #smallCopies = new Map<string, number>();
  /** Reason of the last ESP trailer, or of the last copy of ESP input; NONE when there was none. */
  tail: number = NONE;

  /** A packet was refused because of its ICV. */
  isRejected = false;
  /** Scatterlist entries of the last request to decrypt, 0 when there was none. */
  openEntries = 0;

  /** skb_cow_data had something to copy. */
  get isCow(): boolean {
    return this.tail !== NONE && REASONS[this.tail]!.kernelFunction === "skb_cow_data";
  }

  /** Bytes that a kernel function copied. */
  bytesOf(...kernelFunctions: readonly string[]): number {
    return kernelFunctions.reduce((sum, name) => sum + (this.copies.get(name) ?? 0), 0);
  }

  /** Bytes copied by all of them. */
  get copiedBytes(): number {
    return this.bytesOf(...this.copies.keys());
  }

  /** Bytes that a kernel function copied 64 or fewer at a time. */
  smallBytesOf(kernelFunction: string): number {
    return this.#smallCopies.get(kernelFunction) ?? 0;
  }

  /** Adds one copy. */
  addCopy(kernelFunction: string, bytes: number): void {
    this.copies.set(kernelFunction, this.bytesOf(kernelFunction) + bytes);
    if (bytes > SMALL_COPY_BYTES) return;
    this.#smallCopies.set(kernelFunction, this.smallBytesOf(kernelFunction) + bytes);
  }

  /** Adds the copies of other work. */
  add(work: Work): void {
    for (const [name, bytes] of work.copies) this.copies.set(name, this.bytesOf(name) + bytes);
    for (const [name, bytes] of work.#smallCopies) this.#smallCopies.set(name, this.smallBytesOf(name) + bytes);
  }
}

/** What a stage copied over all rows of a recording, or why it was not held against them. */
export type StageCopies = Work | LeftOutReason;

/** Folds rows into the work at hand. */
class WorkFold implements Fold {
  work = new Work();

  add({ rows, event, reason, bytes, count }: EventBlock): void {
    for (let row = 0; row < rows; row++) {
      if (event[row] === EVENT.reject) this.work.isRejected = true;
      if (event[row] === EVENT.open) this.work.openEntries = count[row]!;
      if (event[row] === EVENT.tail) this.work.tail = reason[row]!;
      if (event[row] !== EVENT.copy) continue;
      this.work.addCopy(REASONS[reason[row]!]!.kernelFunction, bytes[row]!);
    }
  }
}

/** A ledger without prices that knows what happened since somebody last asked. */
export class WorkLedger {
  readonly ledger: Ledger;
  readonly #fold = new WorkFold();

  /** `folds` read the rows too. */
  constructor(folds: readonly Fold[] = []) {
    this.ledger = new Ledger(() => 0, [this.#fold, ...folds]);
  }

  /** What happened since this was last called. */
  takeWork(): Work {
    this.ledger.finish();
    const { work } = this.#fold;
    this.#fold.work = new Work();
    return work;
  }
}

/** A host under the settings of a recording, for stages that are driven alone. */
export class StageHost {
  readonly host: Host;
  readonly engine: Engine = new Engine();
  readonly works: WorkLedger;

  /** `sets` are `key=value` settings on top of what the recorded kernel did; `folds` read the rows too. */
  constructor(scenario: Scenario, sets: readonly string[] = [], folds: readonly Fold[] = []) {
    this.works = new WorkLedger(folds);
    const { ledger } = this.works;
    const config = configOf(scenario, sets);
    const { engine } = this;
    this.host = new Host({ config, engine, ledger, gate: new IngressGate(Infinity), poison: true });
  }

  /** What happened since this was last called. */
  takeWork(): Work {
    return this.works.takeWork();
  }

  /** Blocks of memory in use: 0 when everything was given back. */
  get liveBlocks(): number {
    return this.host.skbs.memory.live;
  }
}

/** What the kernel of a recording did, as a configuration. Throws RecordingError for a setting that none can have. */
export function configOf(scenario: Scenario, sets: readonly string[]): Config {
  try {
    const device = scenario.nic_sg === undefined ? [] : [`nic_sg=${scenario.nic_sg}`];
    return resolveConfig({ preset: presetOf(scenario), sets: [...device, ...sets] }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new RecordingError(scenario.name, error.message, { file: "scenario.json" });
  }
}

function presetOf({ era, esp_module }: Scenario): string {
  return era === "4.4" ? "linux-4.4" : esp_module === true ? "linux-6.1-module" : "linux-6.1";
}
