/**
 * cryptd: each CPU has a queue of requests, which a kernel worker of the same CPU serves.
 *
 * linux-datapath 7.7 (crypto/cryptd.c: cryptd_enqueue_request, cryptd_queue_worker, cryptd_aead_crypt; 4.4 and 6.1). One
 * request per turn of the worker, in order; its callback runs in the worker, so whatever that hands to a queue discipline or
 * a driver happens there too. A full queue refuses (`cryptd_qlen`).
 *
 * ```ts
 * const runner = new Cryptd(host, workers);
 * runner.submit(request); // false: the queue of this CPU is full
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Task } from "../sim/cpu.ts";
import { BY_CPU, CryptoFifo, type CryptoRequest } from "./crypto_request.ts";
import { cryptdLength, CryptoEngine, type CryptoRunner } from "./crypto_engine.ts";
import type { Host } from "./host.ts";
import type { KernelWorkers } from "./kernel_workers.ts";

/** The queues of a host. */
export class Cryptd extends CryptoEngine implements CryptoRunner {
  readonly #queues: readonly CpuQueue[];
  readonly #limit: number;

  constructor(host: Host, readonly workers: KernelWorkers) {
    super(host, REASON.cryptd);
    this.#limit = cryptdLength(host);
    this.#queues = workers.all.map(() => new CpuQueue(this));
  }

  submit(request: CryptoRequest): boolean {
    const queue = this.#queues[this.host.cpuSlot]!;
    if (queue.requests.length >= this.#limit) return false;
    this.submitted(request);
    queue.requests.push(request);
    if (queue.requests.length === 1 && !queue.isServing) this.workers.current.queue(queue);
    return true;
  }
}

/** The queue of one CPU (cryptd_cpu_queue): a work item. */
class CpuQueue implements Task {
  readonly requests = new CryptoFifo();
  /** Its worker is at a request, and looks at the queue again afterwards. */
  isServing = false;

  constructor(readonly engine: CryptoEngine) {}

  step(): boolean {
    const { engine } = this;
    const request = this.requests.shift()!;
    this.isServing = true;
    engine.begun(request);
    request.work.cipher(request, BY_CPU);
    engine.complete(request);
    this.isServing = false;
    return this.requests.length > 0;
  }
}
