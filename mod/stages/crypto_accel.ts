/**
 * A look-aside crypto engine: a device that takes requests, works on one after the other, and interrupts.
 *
 * A request occupies the engine for its ciphertext at `accel_gbps`, and comes back `accel_latency_us` later, which is time for
 * transfers and overlaps with the next requests. The engine holds `accel_qlen` requests, those on their way back included,
 * and refuses more. It interrupts the CPU that submitted the request, whose tasklet calls back, one request a step, as drivers
 * of such engines do (drivers/crypto).
 *
 * Departures: no coalescing of interrupts; what a driver does to map buffers is the price of `submit`.
 *
 * ```ts
 * const runner = new Accel(host);
 * runner.submit(request); // false: it holds accel_qlen requests
 * ```
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { NS_PER_US, PS_PER_NS } from "../ledger/units.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Actor } from "../sim/engine.ts";
import { CryptoEngine, type CryptoRunner } from "./crypto_engine.ts";
import { CryptoFifo, type CryptoRequest } from "./crypto_request.ts";
import type { Host } from "./host.ts";

const PS_PER_BYTE_AT_1_GBPS = 8000;

/** The engine of a host. */
export class Accel extends CryptoEngine implements CryptoRunner, Actor {
  readonly #waiting = new CryptoFifo();
  readonly #tasklets: readonly Tasklet[];
  readonly #psPerByte: number;
  readonly #latencyNs: number;
  /** When the engine is free, in ns and the rest in ps. */
  #freeNs = 0;
  #freePs = 0;

  constructor(host: Host) {
    super(host, REASON.accel);
    this.#psPerByte = PS_PER_BYTE_AT_1_GBPS / host.config.accel_gbps;
    this.#latencyNs = Math.round(host.config.accel_latency_us * NS_PER_US);
    this.#tasklets = host.cpus.all.map((cpu) => {
      const tasklet = new Tasklet(this);
      cpu.onSoftirq(SOFTIRQ.tasklet, tasklet);
      return tasklet;
    });
  }

  submit(request: CryptoRequest): boolean {
    const { config, ledger, engine } = this.host;
    if (this.inFlight >= config.accel_qlen) return false;
    this.submitted(request);
    request.endNs = this.#occupy(ledger.nowNs, request.ciphertextBytes) + this.#latencyNs;
    this.#waiting.push(request);
    engine.schedule(request.endNs, this);
    return true;
  }

  /** The first request is through: an interrupt. */
  wake(nowNs: number): void {
    const request = this.#waiting.shift()!;
    request.work.cipher(request, nowNs);
    const { cpu } = request;
    this.#tasklets[cpu.index - this.host.cpus.all[0]!.index]!.requests.push(request);
    cpu.raise(SOFTIRQ.tasklet, nowNs);
  }

  /** Works on `bytes` bytes from `nowNs` on, as soon as it is free; returns when they are through, rounded up. */
  #occupy(nowNs: number, bytes: number): number {
    if (this.#freeNs < nowNs) {
      this.#freeNs = nowNs;
      this.#freePs = 0;
    }
    const ps = this.#freePs + Math.round(bytes * this.#psPerByte);
    this.#freeNs += Math.floor(ps / PS_PER_NS);
    this.#freePs = ps % PS_PER_NS;
    return this.#freePs > 0 ? this.#freeNs + 1 : this.#freeNs;
  }
}

/** Calls back what came back to one CPU. */
class Tasklet implements Task {
  readonly requests = new CryptoFifo();

  constructor(readonly engine: CryptoEngine) {}

  step(): boolean {
    const request = this.requests.shift();
    if (request !== null) this.engine.complete(request);
    return this.requests.length > 0;
  }
}
