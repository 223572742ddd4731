/**
 * A CPU: softirqs, cut into steps.
 *
 * A step takes one skb to the next door (a ring, a qdisc, GRO's hold, ...). What a step hands on runs next, in the order
 * it was handed on and before whatever was waiting: the order of a call chain, so `napi_gro_receive` delivers before the
 * poll goes on. When nothing is handed on, the softirqs that are pending run from the lowest number on, as in
 * `__do_softirq`: one that is raised meanwhile waits for the next round. When none is pending, processes and kworkers take
 * turns, and when they have nothing to do either, ksoftirqd. Softirqs that go on for 10 rounds or 2 ms are left to ksoftirqd:
 * from then on, until none is pending, they share the CPU with the threads by time. What is left to ksoftirqd
 * expressly (SOFTIRQ.ksoftirqd) waits no longer than 4 ms, a tick at 250 Hz, for threads that do not pause.
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
import { CallStack } from "./call_stack.ts";
import { type Actor, type Engine, EngineError } from "./engine.ts";

/**
 * Softirqs in the order in which they are served (enum in include/linux/interrupt.h, 4.4 and 6.1), and last what threads do
 * when no softirq is pending: processes, kworkers, and ksoftirqd, which runs when nothing else does.
 */
export const SOFTIRQ = { netTx: 0, netRx: 1, tasklet: 2, process: 3, worker: 4, ksoftirqd: 5 } as const;

/** Takes an item over at a door; one call is one step. */
export interface Door<Item> {
  process(item: Item): void;
}

/** Work that goes on step by step. */
export interface Task {
  /** Does one step; true when more remains. */
  step(): boolean;
}

/** Rounds, and time, after which softirqs are left to ksoftirqd (MAX_SOFTIRQ_RESTART, MAX_SOFTIRQ_TIME; kernel/softirq.c). */
const SOFTIRQ_ROUNDS_MAX = 10;
const SOFTIRQ_TIME_MAX_NS = 2_000_000;
/** How long ksoftirqd waits while other threads do not pause: a tick at 250 Hz. */
const KSOFTIRQD_WAITS_NS = 4_000_000;

/** Steps of no length and no event in a row that a run cannot need: a process looks at thousands of packets that add nothing. */
const EMPTY_STEPS_MAX = 100_000;

/** One task after the other. */
class TaskSequence implements Task {
  #isSecond = false;

  constructor(readonly first: Task, readonly second: Task) {}

  step(): boolean {
    if (!this.#isSecond) {
      this.#isSecond = !this.first.step();
      return true;
    }
    this.#isSecond = this.second.step();
    return this.#isSecond;
  }
}

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
  /** Softirqs below this number have had their turn in the round that runs. */
  #served = 0;
  /** Rounds since the softirqs began, and when that was; beyond the maximum ksoftirqd has them. */
  #rounds = 0;
  #softirqsBeganNs = 0;
  /** Since when ksoftirqd has waited for its turn. */
  #ksoftirqdSinceNs = 0;
  /** A thread runs, and how much longer threads have run than ksoftirqd while both had work. */
  #isThread = false;
  #threadsAheadPs = 0;
  /** Which of processes and kworkers ran last. */
  #lastThread: number = SOFTIRQ.worker;
  readonly #stack = new CallStack<Task, Door<Item>, Item>();
  /** What the running step hands on, the last on top. */
  readonly #handed = new CallStack<Task, Door<Item>, Item>();

  constructor(
    readonly index: number,
    readonly engine: Engine,
    readonly ledger: Ledger,
    /** Called when a step begins. */
    readonly onStep: (cpu: Cpu<Item>) => void = () => {},
  ) {}

  /** Local time: within a step, what has been spent so far included. */
  get nowNs(): number {
    return this.#inStep ? this.ledger.nowNs : this.#timeNs;
  }

  /** A step runs now. */
  get isInStep(): boolean {
    return this.#inStep;
  }

  /**
   * Installs the handler of a softirq (open_softirq). Of several, as tasklets and workers are, each has its turn when the softirq
   * is raised, whether it has something to do or not.
   */
  onSoftirq(number: number, handler: Task): void {
    const others = this.#softirqs[number];
    this.#softirqs[number] = others === undefined ? handler : new TaskSequence(others, handler);
    this.#raised[number] = false;
  }

  /** Raises a softirq at `timeNs`, the present (of a device) or earlier; raising it twice is once. */
  raise(number: number, timeNs: number): void {
    if (number === SOFTIRQ.ksoftirqd && !this.#raised[number]) this.#ksoftirqdSinceNs = timeNs;
    this.#raised[number] = true;
    if (this.#scheduled || this.#inStep) return;
    this.#scheduled = true;
    this.engine.schedule(Math.max(timeNs, this.#timeNs), this);
  }

  /** Hands `item` on to `door`: a step of its own, after this one. */
  handOn(door: Door<Item>, item: Item): void {
    this.#handed.push(null, door, item);
  }

  /** Begins `task` after this step, in order with what the step hands on. */
  begin(task: Task): void {
    this.#handed.push(task, null, null);
  }

  /** Runs steps until another actor is due first, or nothing is left. */
  wake(nowNs: number): void {
    this.#scheduled = false;
    if (nowNs > this.#timeNs) {
      this.#timeNs = nowNs;
      this.#remainderPs = 0;
      this.#rounds = 0;
    }
    while (this.#hasWork()) {
      this.#step();
      if (this.engine.paused || this.engine.nextEventNs <= this.#timeNs) break;
    }
    if (!this.#hasWork()) return;
    this.#scheduled = true;
    this.engine.schedule(this.#timeNs, this);
  }

  /** Nothing waits on this CPU but the step that runs. */
  get isAlone(): boolean {
    return !this.#hasWork() && this.#handed.length === 0;
  }

  /** A softirq waits for its turn; the one that runs does not count. */
  get isSoftirqPending(): boolean {
    const first = this.#raised.indexOf(true);
    return first >= 0 && first < SOFTIRQ.process;
  }

  /** A process or a kworker waits for its turn. */
  get isThreadPending(): boolean {
    return this.#raised[SOFTIRQ.process] === true || this.#raised[SOFTIRQ.worker] === true;
  }

  #hasWork(): boolean {
    return this.#stack.length > 0 || this.#raised.includes(true);
  }

  #step(): void {
    const stack = this.#stack;
    if (stack.length === 0) this.#startSoftirq();
    stack.pop();
    const { task } = stack;
    const rows = this.ledger.rowCount;
    this.#inStep = true;
    this.onStep(this);
    this.ledger.beginStep(this.index, this.#timeNs, this.#remainderPs);
    if (task === null) stack.door!.process(stack.item!);
    else if (task.step()) stack.push(task, null, null);
    this.#inStep = false;
    const elapsed = this.#account(this.ledger.endStep());
    // What was handed on first comes to lie on top; a task that goes on waits below.
    stack.takeReversed(this.#handed);
    this.#guard(elapsed === 0 && this.ledger.rowCount === rows);
  }

  #startSoftirq(): void {
    this.#isThread = this.#isThreadsTurn();
    const number = this.#isThread ? this.#nextThread() : this.#nextSoftirq();
    this.#raised[number] = false;
    this.#stack.push(this.#softirqs[number]!, null, null);
  }

  /** Whether a thread runs next: no softirq is pending, or ksoftirqd has them and had more of the time. */
  #isThreadsTurn(): boolean {
    const first = this.#raised.indexOf(true);
    if (first >= SOFTIRQ.process) this.#rounds = 0;
    else if (this.#rounds === 0) this.#softirqsBeganNs = this.#timeNs;
    const isThreadReady = this.isThreadPending || this.#isKsoftirqdDue;
    if (this.#rounds === 0 || !isThreadReady) this.#threadsAheadPs = 0;
    if (first >= SOFTIRQ.process) return true;
    if (!isThreadReady) return false;
    return this.#isKsoftirqdAwake && this.#threadsAheadPs < 0;
  }

  get #isKsoftirqdAwake(): boolean {
    return this.#rounds > SOFTIRQ_ROUNDS_MAX || this.#timeNs - this.#softirqsBeganNs >= SOFTIRQ_TIME_MAX_NS;
  }

  /** ksoftirqd has waited long enough for threads to pause. */
  get #isKsoftirqdDue(): boolean {
    return this.#raised[SOFTIRQ.ksoftirqd] === true && this.#timeNs - this.#ksoftirqdSinceNs >= KSOFTIRQD_WAITS_NS;
  }

  /** The next softirq of this round, or the first of another. */
  #nextSoftirq(): number {
    let number = this.#raised.indexOf(true, this.#served);
    if (number < 0 || number >= SOFTIRQ.process) {
      number = this.#raised.indexOf(true);
      this.#rounds += 1;
    }
    if (this.#rounds === 0) this.#rounds = 1;
    this.#served = number + 1;
    return number;
  }

  #nextThread(): number {
    const { process, worker, ksoftirqd } = SOFTIRQ;
    if (this.#isKsoftirqdDue) return ksoftirqd;
    const other = this.#lastThread === process ? worker : process;
    if (this.#raised[other]) return this.#lastThread = other;
    return this.#raised[this.#lastThread] ? this.#lastThread : ksoftirqd;
  }

  /** Adds a step of `totalPs`, the remainder it began with included, to the clock and the busy time. */
  #account(totalPs: number): number {
    const spentPs = totalPs - this.#remainderPs;
    this.#threadsAheadPs += this.#isThread ? spentPs : -spentPs;
    const wholeNs = Math.floor(totalPs / PS_PER_NS);
    this.#timeNs += wholeNs;
    this.#remainderPs = totalPs - wholeNs * PS_PER_NS;
    const busyPs = this.busyPs + spentPs;
    const busyWholeNs = Math.floor(busyPs / PS_PER_NS);
    this.busyNs += busyWholeNs;
    this.busyPs = busyPs - busyWholeNs * PS_PER_NS;
    return spentPs;
  }

  #guard(empty: boolean): void {
    this.#emptySteps = empty ? this.#emptySteps + 1 : 0;
    if (this.#emptySteps > EMPTY_STEPS_MAX) {
      throw new EngineError(`Cannot go on: CPU ${this.index} takes empty steps at ${this.#timeNs} ns without end`);
    }
  }
}
