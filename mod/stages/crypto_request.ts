/**
 * A crypto request of ESP that is on its way: a buffer, what the cipher has to know, and who goes on with it.
 *
 * aead_request and the ESP_SKB_CB of esp_output, esp_input (net/ipv4/esp4.c, 4.4 and 6.1). What submits a request does not
 * own its buffer any more until `done()` is called.
 *
 * @module
 */

import type { Cpu } from "../sim/cpu.ts";
import type { InboundAssociation } from "../esp/inbound.ts";
import type { Skb } from "../skb/skb.ts";

/** No device: a CPU does the work. */
export const BY_CPU = -1;

/** What ESP does for a request: its cipher, and what follows it. */
export interface CryptoWork {
  /**
   * Encrypts or decrypts, and writes the `seal` or `open` row: in the step of the CPU that does it, or, for a device, at the
   * time `deviceNs`.
   */
  cipher(request: CryptoRequest, deviceNs: number): void;
  /** Goes on with the buffer, on the CPU that runs the callback (aead_request_complete). */
  done(request: CryptoRequest): void;
}

/** One request. It is made by `CryptoRequests` and used again when it is done. */
export class CryptoRequest {
  skb!: Skb;
  work!: CryptoWork;
  /** Offset of the ESP header from the data, bytes of ciphertext. */
  espOffset = 0;
  ciphertextBytes = 0;
  /** Scatterlist entries and steps that it took on the CPU of the submitter (the null cipher). */
  entries = 0;
  steps = 0;
  /** A received packet's association; null for one that is sent. */
  inbound: InboundAssociation | null = null;
  isFromGro = false;
  /** A reason to drop it; 0 when the cipher was content. */
  refusal = 0;
  /** The CPU that submitted it. */
  cpu!: Cpu<Skb>;
  /** Its cipher is through, and it waits for those before it (padata). */
  isThrough = false;
  /** When a device is through with it. */
  endNs = 0;
  /** The next of a queue. */
  next: CryptoRequest | null = null;
}

/** Makes requests, and makes them again of those that are done. */
export class CryptoRequests {
  #free: CryptoRequest | null = null;

  /** A request for `skb`, every other field of which is as new. */
  take(skb: Skb, work: CryptoWork): CryptoRequest {
    const request = this.#free ?? new CryptoRequest();
    this.#free = request.next;
    request.next = null;
    request.skb = skb;
    request.work = work;
    request.entries = 0;
    request.steps = 0;
    request.inbound = null;
    request.isFromGro = false;
    request.refusal = 0;
    request.isThrough = false;
    return request;
  }

  /** `request` is done, and nobody looks at it any more. */
  giveBack(request: CryptoRequest): void {
    request.next = this.#free;
    this.#free = request;
  }
}

/** Requests in a row, first in, first out, linked through `next`. */
export class CryptoFifo {
  /** Requests in it. */
  length = 0;
  /** The next to go; null when there is none. */
  first: CryptoRequest | null = null;

  #last: CryptoRequest | null = null;

  /** Puts `request` at the end. */
  push(request: CryptoRequest): void {
    request.next = null;
    if (this.#last === null) this.first = request;
    else this.#last.next = request;
    this.#last = request;
    this.length += 1;
  }

  /** Puts `request` back in front. */
  unshift(request: CryptoRequest): void {
    request.next = this.first;
    this.first = request;
    if (this.#last === null) this.#last = request;
    this.length += 1;
  }

  /** Takes the first; null when there is none. */
  shift(): CryptoRequest | null {
    const request = this.first;
    if (request === null) return null;
    this.first = request.next;
    if (this.first === null) this.#last = null;
    request.next = null;
    this.length -= 1;
    return request;
  }
}
