/**
 * The engine: virtual time, advanced from event to event.
 *
 * Actors (CPUs, devices, traffic sources) ask to be woken at a time; the engine wakes the one whose time is next. Nothing
 * else advances time. A run can be paused between two events, which is how input is read: asynchronously, a window at a
 * time, without the model noticing.
 *
 * ```ts
 * const engine = new Engine();
 * engine.schedule(0, cpu);
 * while (!engine.run()) await readMore();
 * ```
 *
 * @module
 */

import { EventHeap } from "./heap.ts";

/** Something that acts at a time. */
export interface Actor {
  /** Acts at `nowNs`; may schedule itself or others, at `nowNs` or later. */
  wake(nowNs: number): void;
}

/** Wake-ups of one instant that a run cannot need: an actor that reschedules itself for nothing, for ever. */
const WAKES_PER_INSTANT_MAX = 10_000_000;

/** A defect of the model, never of its input. */
export class EngineError extends Error {
  override name = "EngineError";
}

/** The clock and what is scheduled on it. */
export class Engine {
  /** Set by an actor that cannot go on without more input; the run pauses before the next event. */
  paused = false;

  readonly #heap = new EventHeap<Actor>();
  #nowNs = 0;
  #wakesThisInstant = 0;

  /** Time of the event that runs, or of the last one. */
  get nowNs(): number {
    return this.#nowNs;
  }

  /** Time of the next event; Infinity when there is none. */
  get nextEventNs(): number {
    return this.#heap.firstTimeNs;
  }

  /** Wakes `actor` at `timeNs`, which is not before the present. */
  schedule(timeNs: number, actor: Actor): void {
    if (timeNs < this.#nowNs) throw new EngineError(`Cannot schedule at ${timeNs} ns: it is ${this.#nowNs} ns already`);
    this.#heap.push(timeNs, actor);
  }

  /** Runs until nothing is scheduled (true) or an actor paused the run (false). */
  run(): boolean {
    while (!this.paused) {
      const timeNs = this.#heap.firstTimeNs;
      const actor = this.#heap.pop();
      if (actor === undefined) return true;
      this.#advance(timeNs);
      actor.wake(timeNs);
    }
    return false;
  }

  #advance(timeNs: number): void {
    if (timeNs > this.#nowNs) {
      this.#nowNs = timeNs;
      this.#wakesThisInstant = 0;
      return;
    }
    this.#wakesThisInstant += 1;
    if (this.#wakesThisInstant > WAKES_PER_INSTANT_MAX) {
      throw new EngineError(`Cannot advance time: an actor wakes itself at ${timeNs} ns without end`);
    }
  }
}
