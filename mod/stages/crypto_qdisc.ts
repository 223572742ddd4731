/**
 * `async=crypto-qdisc`: one queue for clear and encrypted packets. It takes clear ones at its end, has them encrypted in their
 * places, and lets the first go when it is ready.
 *
 * One of the slides' answers, which no Linux has (linux-datapath 7.6). An aggregate is cut when it is enqueued, so that each
 * entry is one frame; `qdisc_limit` counts entries, and drops at the end. Entries are submitted in order as far as crypto has
 * room; what it refuses is submitted again when it has called back. A run, of NET_TX or of the sender, takes the first entry as
 * long as it is encrypted. A busy driver leaves it where it is, so nothing is ever overtaken; and one packet that takes long
 * keeps all behind it waiting (head-of-line blocking: an `idle` row, `count` is how many wait that are ready).
 *
 * Identity: enqueued = dequeued + waiting.
 *
 * ```ts
 * const queue = new CryptoQdisc(host, nic, validate, seals);
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import type { Task } from "../sim/cpu.ts";
import type { Skb } from "../skb/skb.ts";
import type { CryptoRequest } from "./crypto_request.ts";
import type { EspSeal, SealQueue } from "./esp_seal.ts";
import { drop, type Host, visit } from "./host.ts";
import type { NetTxWork } from "./net_tx.ts";
import type { EgressQueue } from "./qdisc.ts";
import { noteEnqueue } from "./qdisc_kind.ts";
import { SkbFifo } from "./skb_fifo.ts";
import { handOver, noteStopped, type TransmitValidator } from "./transmit_list.ts";
import type { TxNic } from "./tx_nic.ts";

/** Packets per run (dev_tx_weight). */
const RUN_QUOTA = 64;

/** What the queue and those who encrypt for it have between them: requests of the entries. */
export class CryptoEntries implements SealQueue {
  /** The request of the entry that was prepared last, until crypto takes it. */
  prepared: CryptoRequest | null = null;

  constructor(readonly seals: EspSeal) {}

  submit(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): boolean {
    this.prepared = this.seals.prepare(skb, espOffset, ciphertextBytes, toNewPage);
    return true;
  }

  /** Hands what was prepared to crypto; false when that has no room. */
  trySubmit(): boolean {
    if (this.prepared === null || !this.seals.runner.submit(this.prepared)) return false;
    this.prepared = null;
    return true;
  }
}

/** The queue with its driver. */
export class CryptoQdisc implements EgressQueue, NetTxWork {
  readonly #waiting = new SkbFifo();
  /** The first entry that has not been prepared for crypto. */
  #nextClear: Skb | null = null;
  readonly #ready = new Set<Skb>();
  readonly #submitting: Task = { step: () => this.#submitNext() };
  readonly #sending: Task = { step: () => this.#sendNext() };
  #isSubmitting = false;
  #isSending = false;
  #quota = RUN_QUOTA;

  constructor(
    readonly host: Host,
    readonly nic: TxNic,
    readonly validate: TransmitValidator,
    readonly entries: CryptoEntries,
  ) {
    nic.queue = this;
    entries.seals.runner.onRoom = () => this.#submit();
  }

  /** Packets that wait, encrypted or not. */
  get length(): number {
    return this.#waiting.length;
  }

  /** dev_queue_xmit of a clear packet, or of one that was encrypted at layer 3. */
  process(skb: Skb): void {
    visit(this.host, "qdisc", skb);
    const segments = this.validate.segments(skb);
    if (segments.length === 0) this.#enqueue(skb);
    for (const segment of segments) this.#enqueue(segment);
    this.#submit();
    if (this.#ready.has(this.#waiting.first!)) this.#run();
  }

  /** The callback of an entry. */
  complete(skb: Skb): void {
    const { ledger } = this.host;
    const { first } = this.#waiting;
    this.#ready.add(skb);
    if (skb === first) return this.nic.netTx.current.schedule(this, ledger.nowNs);
    if (this.#ready.has(first!)) return;
    ledger.stage = STAGE.qdisc;
    ledger.write(EVENT.idle, REASON.headOfLine, skb.packet, skb.id, NONE, 0, this.#ready.size, 0);
  }

  runFromNetTx(): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.qdisc;
    this.nic.advance(ledger.nowNs);
    this.#run();
  }

  #enqueue(skb: Skb): void {
    if (this.length >= this.host.config.qdisc_limit) return drop(this.host, skb, REASON.queueLimit);
    this.#waiting.push(skb);
    if (skb.espProtocol === 0) this.#ready.add(skb);
    else this.#nextClear ??= skb;
    noteEnqueue(this.host, skb, this.length);
  }

  #submit(): void {
    if (this.#isSubmitting || (this.#nextClear === null && this.entries.prepared === null)) return;
    this.#isSubmitting = true;
    this.host.cpu.begin(this.#submitting);
  }

  /** One entry is made an ESP packet and handed to crypto; false when there is none, or crypto has no room. */
  #submitNext(): boolean {
    const { entries } = this;
    const skb = this.#nextClear;
    if (entries.prepared === null && skb !== null) {
      this.#nextClear = nextClearBehind(skb);
      this.validate.finish(skb);
    }
    this.#isSubmitting = entries.trySubmit() && this.#nextClear !== null;
    return this.#isSubmitting;
  }

  #run(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    this.#quota = RUN_QUOTA;
    this.host.cpu.begin(this.#sending);
  }

  /** The first entry goes, if it is ready and the driver takes it; false when the run is over. */
  #sendNext(): boolean {
    const { host, nic } = this;
    const { ledger } = host;
    ledger.stage = STAGE.qdisc;
    const skb = this.#waiting.first;
    this.#isSending = skb !== null && this.#ready.has(skb) && this.#send(skb);
    if (!this.#isSending) return false;
    this.#quota -= 1;
    if (this.#quota > 0) return true;
    this.#isSending = false;
    nic.netTx.current.schedule(this, ledger.nowNs);
    return false;
  }

  #send(skb: Skb): boolean {
    const { host, nic } = this;
    const { ledger } = host;
    const { packet, id, len } = skb;
    nic.advance(ledger.nowNs);
    if (nic.isStopped) {
      noteStopped(host, nic, skb);
      return false;
    }
    if (!handOver(host, nic, skb)) {
      if (!nic.isStopped) nic.netTx.current.schedule(this, ledger.nowNs);
      return false;
    }
    this.#waiting.shift();
    this.#ready.delete(skb);
    ledger.stage = STAGE.qdisc;
    ledger.write(EVENT.dequeue, REASON.none, packet, id, NONE, len, this.length, 0);
    return true;
  }
}

function nextClearBehind(skb: Skb): Skb | null {
  let next = skb.next;
  while (next !== null && next.espProtocol === 0) next = next.next;
  return next;
}
