/**
 * pcrypt: requests are dealt out to CPUs, encrypted there side by side, and called back in the order of their submission.
 *
 * linux-datapath 7.7 (crypto/pcrypt.c; kernel/padata.c: padata_do_parallel, padata_do_serial, padata_reorder,
 * padata_serial_worker; 4.4 and 6.1). Request number n is for parallel CPU number n modulo their count: the CPUs of
 * `crypto_cpus`, or those of the network where there are none. What is through waits for all that were submitted before it;
 * what is in order goes to the serial worker of `callback_cpu`, which calls back one after the other with softirqs disabled:
 * the softirqs that its callbacks raise run when it has nothing more to call back.
 *
 * In 4.4 at most 1000 requests are in flight, more are refused. In 6.1 nothing is refused; as many work items as there are
 * possible CPUs can be queued, and a request that finds none is encrypted by its submitter at once, and still called back in
 * order.
 *
 * Departures: the reorder queue is put in order by whoever finishes a request, at no cost of its own; a parallel worker is
 * bound to its CPU in 6.1 too, as in 4.4.
 *
 * ```ts
 * const runner = new Pcrypt(host, workers);
 * runner.submit(request); // false: 1000 are in flight (4.4)
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Task } from "../sim/cpu.ts";
import type { Actor } from "../sim/engine.ts";
import { BY_CPU, CryptoFifo, type CryptoRequest } from "./crypto_request.ts";
import { CryptoEngine, type CryptoRunner } from "./crypto_engine.ts";
import type { Host } from "./host.ts";
import type { KernelWorker, KernelWorkers } from "./kernel_workers.ts";

/** Requests in flight at most in 4.4 (MAX_OBJ_NUM). */
const IN_FLIGHT_MAX_4_4 = 1000;

/** The parallel workers and the serial worker of a host. */
export class Pcrypt extends CryptoEngine implements CryptoRunner {
  readonly #workers: readonly KernelWorker[];
  readonly #serial: SerialWork;
  readonly #callback: KernelWorker;
  /** Requests that are not called back yet and not with the serial worker, in the order of their submission. */
  readonly #ordered = new CryptoFifo();
  /** Work items that are free, and what stands for them where a submitter encrypts. */
  readonly #works: ParallelWork[] = [];
  readonly #spare: ParallelWork[] = [];
  #number = 0;

  constructor(host: Host, workers: KernelWorkers) {
    super(host, REASON.pcrypt);
    const { net_cpus, crypto_cpus, callback_cpu } = host.config;
    const [first, end] = [crypto_cpus === 0 ? 0 : net_cpus, net_cpus + crypto_cpus];
    this.#workers = workers.all.filter((_, cpu) => cpu >= first && cpu < end);
    this.#callback = workers.all[callback_cpu]!;
    this.#serial = new SerialWork(this);
    // A work item for each possible CPU (padata_works of 6.1); the objects of 4.4 are their own.
    const works = host.config.era === "4.4" ? IN_FLIGHT_MAX_4_4 : workers.all.length;
    for (let i = 0; i < works; i++) this.#works.push(new ParallelWork(this, true));
  }

  submit(request: CryptoRequest): boolean {
    const { config } = this.host;
    if (config.era === "4.4" && this.inFlight >= IN_FLIGHT_MAX_4_4) return false;
    this.submitted(request);
    this.#ordered.push(request);
    const worker = this.#workers[this.#number++ % this.#workers.length]!;
    const work = this.#works.pop();
    if (work === undefined) {
      const own = this.#spare.pop() ?? new ParallelWork(this, false);
      own.request = request;
      own.encrypt();
    } else {
      work.request = request;
      worker.queue(work);
    }
    return true;
  }

  /** padata_do_serial: `work` is through, and perhaps some requests are in order now. */
  serialize(work: ParallelWork): void {
    work.request!.isThrough = true;
    work.request = null;
    (work.isItem ? this.#works : this.#spare).push(work);
    while (this.#ordered.first?.isThrough === true) this.#serial.put(this.#ordered.shift()!, this.#callback);
  }
}

/** One request on its way to a parallel CPU, and its end there (padata_work, padata_priv). */
class ParallelWork implements Task, Actor {
  request: CryptoRequest | null = null;

  /** `isItem` tells work items from what stands for them. */
  constructor(readonly pcrypt: Pcrypt, readonly isItem: boolean) {}

  step(): boolean {
    this.pcrypt.begun(this.request!);
    this.encrypt();
    return false;
  }

  /** Others see the end when it is, not when this CPU began. */
  encrypt(): void {
    const { ledger, engine } = this.pcrypt.host;
    const { stage } = ledger;
    this.request!.work.cipher(this.request!, BY_CPU);
    ledger.stage = stage;
    engine.schedule(ledger.nowNs, this);
  }

  wake(): void {
    this.pcrypt.serialize(this);
  }
}

/** What is in order (padata_serial_queue): a work item of the callback CPU. */
class SerialWork implements Task {
  readonly #waiting = new CryptoFifo();
  readonly #batch = new CryptoFifo();
  readonly #callBack: Task = { step: () => this.#completeNext() };
  #isQueued = false;

  constructor(readonly pcrypt: Pcrypt) {}

  put(request: CryptoRequest, worker: KernelWorker): void {
    this.#waiting.push(request);
    if (this.#isQueued) return;
    this.#isQueued = true;
    worker.queue(this);
  }

  /** padata_serial_worker takes all that is there. */
  step(): boolean {
    this.#isQueued = false;
    for (let request = this.#waiting.shift(); request !== null; request = this.#waiting.shift()) {
      this.#batch.push(request);
    }
    if (this.#batch.length > 0) this.pcrypt.host.cpu.begin(this.#callBack);
    return false;
  }

  #completeNext(): boolean {
    this.pcrypt.complete(this.#batch.shift()!);
    return this.#batch.length > 0;
  }
}
