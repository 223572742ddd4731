/**
 * `async=encap-then-crypto`: segmentation makes whole ESP packets that lack their ciphertext; they wait in a queue, and a worker
 * has them encrypted one after the other.
 *
 * One of the slides' answers, which no Linux has (linux-datapath 7.6): trailer, headers and sequence number are written where the
 * packet is cut, as without asynchronous crypto; one kernel worker, of the first CPU, submits them in order. What crypto
 * refuses stays at the head of the queue until it has room; nothing is dropped. The queue takes as many packets as that of
 * cryptd (`cryptd_qlen`); when it is full, no further ESP packet leaves the queue discipline.
 *
 * Departures: a list of segments that began to leave the queue discipline is taken as a whole, beyond the limit.
 *
 * Identity: enqueued = dequeued + waiting.
 *
 * ```ts
 * const queue = new EncapQueue(host, seals, workers.all[0], netTx);
 * queue.submit(skb, espOffset, ciphertextBytes, toNewPage); // always true
 * ```
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import type { Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import { cryptdLength } from "./crypto_engine.ts";
import { CryptoFifo } from "./crypto_request.ts";
import type { EspSeal, SealQueue } from "./esp_seal.ts";
import type { Host } from "./host.ts";
import type { KernelWorker } from "./kernel_workers.ts";
import type { NetTx, NetTxOfHost, NetTxWork } from "./net_tx.ts";
import type { EspOrder } from "./validate_xmit.ts";

/** ESP packets in front of crypto. */
export class EncapQueue implements SealQueue, EspOrder, Task {
  readonly #waiting = new CryptoFifo();
  readonly #limit: number;
  #isQueued = false;
  /** Queues that wait for room, and the CPU that each of them ran on. */
  readonly #queues: NetTxWork[] = [];
  readonly #cpus: NetTx[] = [];

  constructor(
    readonly host: Host,
    readonly seals: EspSeal,
    readonly worker: KernelWorker,
    readonly netTx: NetTxOfHost,
  ) {
    this.#limit = cryptdLength(host);
    seals.runner.onRoom = () => this.#work();
  }

  /** Packets that wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Takes a packet whose headers and trailer are written. */
  submit(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): boolean {
    const { ledger } = this.host;
    this.#waiting.push(this.seals.prepare(skb, espOffset, ciphertextBytes, toNewPage));
    const { stage } = ledger;
    ledger.stage = STAGE.crypto;
    ledger.note(EVENT.enqueue, REASON.none, skb, skb.len, this.length);
    ledger.stage = stage;
    this.#work();
    return true;
  }

  mustWait(queue: NetTxWork): boolean {
    if (this.length < this.#limit) return false;
    if (!this.#queues.includes(queue)) {
      this.#queues.push(queue);
      this.#cpus.push(this.netTx.current);
    }
    return true;
  }

  /** The worker submits the first packet, if crypto takes it. */
  step(): boolean {
    const { ledger } = this.host;
    const { runner } = this.seals;
    this.#isQueued = false;
    const request = this.#waiting.shift();
    if (request === null) return false;
    if (!runner.submit(request)) {
      this.#waiting.unshift(request);
      return false;
    }
    ledger.stage = STAGE.crypto;
    ledger.note(EVENT.dequeue, REASON.none, request.skb, request.skb.len, this.length);
    if (this.length < this.#limit) this.#wakeQueues();
    this.#isQueued = this.length > 0;
    return this.#isQueued;
  }

  #work(): void {
    if (this.#isQueued || this.length === 0) return;
    this.#isQueued = true;
    this.worker.queue(this);
  }

  #wakeQueues(): void {
    const { nowNs } = this.host.ledger;
    this.#queues.forEach((queue, i) => this.#cpus[i]!.schedule(queue, nowNs));
    this.#queues.length = 0;
    this.#cpus.length = 0;
  }
}
