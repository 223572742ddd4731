/**
 * Encryption of ESP packets as requests to an asynchronous engine.
 *
 * esp_output_tail with -EINPROGRESS and esp_output_done (net/ipv4/esp4.c, net/ipv6/esp6.c; 4.4 and 6.1): the scatterlists are
 * made, and the IV generator runs its null cipher, on the CPU of the sender; the cipher runs where the engine has it run; the
 * callback goes on with the packet. `esp_output.ts` and `esp_xmit.ts` use it, each with a way to go on of its own.
 *
 * ```ts
 * const seals = new EspSeal(transform, runner, ipOutput);
 * if (!seals.submit(skb, espOffset, ciphertextBytes, toNewPage)) drop(host, skb, REASON.cryptoFull);
 * ```
 *
 * @module
 */

import { STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import type { CryptoRunner } from "./crypto_engine.ts";
import type { CryptoRequest, CryptoWork } from "./crypto_request.ts";
import type { EspTransform } from "./esp_transform.ts";
import { observe, type Stage } from "./host.ts";

/** Takes packets that are to be encrypted later. */
export interface SealQueue {
  /** As EspTransform.seal(), but later; false when it refuses, and the packet stays the caller's. */
  submit(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): boolean;
}

/** Submits packets of one SA. */
export class EspSeal implements CryptoWork, SealQueue {
  /** `next` takes encrypted packets, on the CPU that is called back. */
  constructor(readonly transform: EspTransform, readonly runner: CryptoRunner, readonly next: Stage) {}

  submit(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): boolean {
    const { runner } = this;
    const request = this.prepare(skb, espOffset, ciphertextBytes, toNewPage);
    if (runner.submit(request)) return true;
    runner.requests.giveBack(request);
    return false;
  }

  /** A request of which everything is done that comes before the cipher. */
  prepare(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): CryptoRequest {
    const { transform, runner } = this;
    transform.prepare(skb, espOffset, ciphertextBytes, toNewPage);
    observe(transform.host, skb);
    const request = runner.requests.take(skb, this);
    request.espOffset = espOffset;
    request.ciphertextBytes = ciphertextBytes;
    request.entries = transform.entries;
    request.steps = transform.nullSteps;
    return request;
  }

  cipher({ skb, espOffset, ciphertextBytes, entries, steps }: CryptoRequest, deviceNs: number): void {
    const { transform } = this;
    transform.host.ledger.stage = STAGE.crypto;
    transform.encrypt(skb, espOffset, ciphertextBytes, entries, steps, deviceNs);
  }

  done({ skb, espOffset }: CryptoRequest): void {
    this.transform.finish(skb, espOffset);
    this.next.process(skb);
  }
}
