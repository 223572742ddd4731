/**
 * What runs crypto requests, as ESP sees it, and what the engines have in common.
 *
 * linux-datapath 7.1 (crypto_aead_encrypt of an asynchronous algorithm, 4.4 and 6.1): a request is taken (-EINPROGRESS), and
 * its submitter is called back later, on a CPU that the engine chooses; or it is refused (-ENOSPC, in 4.4 -EBUSY), because
 * ESP does not ask to wait (CRYPTO_TFM_REQ_MAY_BACKLOG).
 *
 * Every request is one `submit` row on the CPU that submits it, one `seal` or `open` row where its cipher runs, and one
 * `complete` row on the CPU that is called back; `count` of the first and the last is how many requests are with the engine
 * then. Identity: submitted = completed + in flight.
 *
 * ```ts
 * const request = runner.requests.take(skb, work);
 * if (!runner.submit(request)) drop(host, skb, REASON.cryptoFull); // and runner.requests.giveBack(request)
 * ```
 *
 * @module
 */

import { EVENT, NONE, STAGE } from "../ledger/schema.ts";
import { type CryptoRequest, CryptoRequests } from "./crypto_request.ts";
import type { Host } from "./host.ts";

/** Runs requests, and calls back. */
export interface CryptoRunner {
  /** Where requests come from. */
  readonly requests: CryptoRequests;
  /** Requests that are with it: taken, and not called back yet. */
  readonly inFlight: number;
  /** Called after each callback, when it may have room again. */
  onRoom: (() => void) | null;
  /** Takes `request`; false when it refuses it, which stays the caller's then. */
  submit(request: CryptoRequest): boolean;
}

/** The rows of an engine, and its count of requests. */
export class CryptoEngine {
  readonly requests: CryptoRequests = new CryptoRequests();
  inFlight = 0;
  onRoom: (() => void) | null = null;

  /** `reason` names the engine in its rows. */
  constructor(readonly host: Host, readonly reason: number) {}

  /** A request is taken. */
  submitted(request: CryptoRequest): void {
    const { ledger, cpu } = this.host;
    const { skb } = request;
    const { stage } = ledger;
    request.cpu = cpu;
    this.inFlight += 1;
    ledger.stage = STAGE.crypto;
    ledger.note(EVENT.submit, this.reason, skb, skb.len, this.inFlight);
    ledger.stage = stage;
  }

  /** A CPU begins with the cipher of a request. */
  begun({ skb }: CryptoRequest): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.crypto;
    ledger.write(EVENT.visit, this.reason, skb.packet, skb.id, NONE, skb.len, 1, 0);
  }

  /** The callback of a request, on the CPU that runs: its submitter goes on. */
  complete(request: CryptoRequest): void {
    const { ledger } = this.host;
    const { skb, work } = request;
    this.inFlight -= 1;
    ledger.stage = STAGE.crypto;
    ledger.note(EVENT.complete, this.reason, skb, skb.len, this.inFlight);
    work.done(request);
    this.requests.giveBack(request);
    this.onRoom?.();
  }
}

/** Requests that a queue of cryptd takes (cryptd_max_cpu_qlen; CRYPTD_MAX_CPU_QLEN in 4.4). */
export function cryptdLength({ config }: Host): number {
  if (config.cryptd_qlen !== "auto") return Number(config.cryptd_qlen);
  return config.era === "4.4" ? 100 : 1000;
}
