/**
 * A CPU: softirqs, cut into steps.
 *
 * A step takes one skb to the next door (a ring, a qdisc, GRO's hold, ...). What a step hands on runs next, in the order
 * it was handed on and before whatever was waiting: the order of a call chain, so `napi_gro_receive` delivers before the
 * poll goes on. When nothing is handed on, the pending softirq with the lowest number runs, as in `__do_softirq`.
 *
 * A step's length is the sum of the prices of its ledger rows. Time is kept in whole nanoseconds plus a remainder in
 * picoseconds, so that rounding does not depend on how work was cut.
 *
 * Departures: no hard interrupts, no ksoftirqd, no scheduler; a softirq starts at the instant that it is raised on an
 * idle CPU. `net_rx_action`'s time limit is not modelled (its packet budget is).
 *
 * ```ts
 * const cpu = new Cpu<Skb>(0, engine, ledger);
 * cpu.onSoftirq(SOFTIRQ.netRx, netRx);
 * cpu.raise(SOFTIRQ.netRx, arrivalNs);
 * ```
 *
 * @module
 */

import type { Ledger } from "../ledger/ledger.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { type Actor, type Engine, EngineError } from "./engine.ts";

/**
 * Softirqs in the order in which they are served (enum in include/linux/interrupt.h, 4.4 and 6.1), and last what a process
 * does, which runs when no softirq is pending.
 */
export const SOFTIRQ = { netTx: 0, netRx: 1, tasklet: 2, process: 3 } as const;

/** Takes an item over at a door; one call is one step. */
export interface Door<Item> {
  process(item: Item): void;
}

/** Work that goes on step by step. */
export interface Task {
  /** Does one step; true when more remains. */
  step(): boolean;
}

/** Steps of no length and no event in a row that a run cannot need. */
const EMPTY_STEPS_MAX = 1000;

/** One CPU that serves softirqs. */
export class Cpu<Item> implements Actor {
  /** Busy time so far: whole nanoseconds. */
  busyNs = 0;
  /** Busy time so far: remainder below one nanosecond, in picoseconds. */
  busyPs = 0;

  #timeNs = 0;
  #remainderPs = 0;
  #scheduled = false;
  #inStep = false;
  #emptySteps = 0;
  readonly #softirqs: Task[] = [];
  readonly #raised: boolean[] = [];
  /** What waits on the call stack, the next on top: a task, or a door with its item. */
  readonly #tasks: (Task | null)[] = [];
  readonly #doors: (Door<Item> | null)[] = [];
  readonly #items: (Item | null)[] = [];
  /** What the running step hands on, in order. */
  readonly #handedTasks: (Task | null)[] = [];
  readonly #handedDoors: (Door<Item> | null)[] = [];
  readonly #handedItems: (Item | null)[] = [];

  constructor(
    readonly index: number,
    readonly engine: Engine,
    readonly ledger: Ledger,
  ) {}

  /** Local time: within a step, what has been spent so far included. */
  get nowNs(): number {
    return this.#inStep ? this.ledger.nowNs : this.#timeNs;
  }

  /** Installs the handler of a softirq (open_softirq). */
  onSoftirq(number: number, handler: Task): void {
    this.#softirqs[number] = handler;
    this.#raised[number] = false;
  }

  /** Raises a softirq at `timeNs`, the present (of a device) or earlier; raising it twice is once. */
  raise(number: number, timeNs: number): void {
    this.#raised[number] = true;
    if (this.#scheduled || this.#inStep) return;
    this.#scheduled = true;
    this.engine.schedule(Math.max(timeNs, this.#timeNs), this);
  }

  /** Hands `item` on to `door`: a step of its own, after this one. */
  handOn(door: Door<Item>, item: Item): void {
    this.#hand(null, door, item);
  }

  /** Begins `task` after this step, in order with what the step hands on. */
  begin(task: Task): void {
    this.#hand(task, null, null);
  }

  /** Runs steps until another actor is due first, or nothing is left. */
  wake(nowNs: number): void {
    this.#scheduled = false;
    if (nowNs > this.#timeNs) {
      this.#timeNs = nowNs;
      this.#remainderPs = 0;
    }
    while (this.#hasWork()) {
      this.#step();
      if (this.engine.paused || this.engine.nextEventNs <= this.#timeNs) break;
    }
    if (!this.#hasWork()) return;
    this.#scheduled = true;
    this.engine.schedule(this.#timeNs, this);
  }

  #hasWork(): boolean {
    return this.#tasks.length > 0 || this.#raised.includes(true);
  }

  #step(): void {
    if (this.#tasks.length === 0) this.#startSoftirq();
    const task = this.#tasks.pop()!;
    const door = this.#doors.pop()!;
    const item = this.#items.pop()!;
    const rows = this.ledger.rowCount;
    this.#inStep = true;
    this.ledger.beginStep(this.index, this.#timeNs, this.#remainderPs);
    if (task === null) door.process(item);
    else if (task.step()) this.#push(task, null, null);
    this.#inStep = false;
    const elapsed = this.#account(this.ledger.endStep());
    this.#pushHanded();
    this.#guard(elapsed === 0 && this.ledger.rowCount === rows);
  }

  #startSoftirq(): void {
    const number = this.#raised.indexOf(true);
    this.#raised[number] = false;
    this.#push(this.#softirqs[number]!, null, null);
  }

  /** Adds a step of `totalPs`, the remainder it began with included, to the clock and the busy time. */
  #account(totalPs: number): number {
    const spentPs = totalPs - this.#remainderPs;
    const wholeNs = Math.floor(totalPs / PS_PER_NS);
    this.#timeNs += wholeNs;
    this.#remainderPs = totalPs - wholeNs * PS_PER_NS;
    const busyPs = this.busyPs + spentPs;
    const busyWholeNs = Math.floor(busyPs / PS_PER_NS);
    this.busyNs += busyWholeNs;
    this.busyPs = busyPs - busyWholeNs * PS_PER_NS;
    return spentPs;
  }

  #push(task: Task | null, door: Door<Item> | null, item: Item | null): void {
    this.#tasks.push(task);
    this.#doors.push(door);
    this.#items.push(item);
  }

  #hand(task: Task | null, door: Door<Item> | null, item: Item | null): void {
    this.#handedTasks.push(task);
    this.#handedDoors.push(door);
    this.#handedItems.push(item);
  }

  /** What was handed on first comes to lie on top; a task that goes on waits below. */
  #pushHanded(): void {
    for (let i = this.#handedTasks.length - 1; i >= 0; i--) {
      this.#push(this.#handedTasks[i]!, this.#handedDoors[i]!, this.#handedItems[i]!);
    }
    this.#handedTasks.length = 0;
    this.#handedDoors.length = 0;
    this.#handedItems.length = 0;
  }

  #guard(empty: boolean): void {
    this.#emptySteps = empty ? this.#emptySteps + 1 : 0;
    if (this.#emptySteps > EMPTY_STEPS_MAX) {
      throw new EngineError(`Cannot go on: CPU ${this.index} takes empty steps at ${this.#timeNs} ns without end`);
    }
  }
}
