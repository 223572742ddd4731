/**
 * HMAC (RFC 2104) of the package `@noble/hashes`, pure JavaScript.
 *
 * The state behind the key is computed once and copied for every message: two blocks of hash less per message.
 *
 * ```ts
 * import { hmacSha256 } from "./noble_hmac.ts";
 * const mac = hmacSha256(new Uint8Array(32));
 * mac.update(new Uint8Array(100));
 * mac.finish(new Uint8Array(32));
 * ```
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 } from "@noble/hashes/sha2.js";
import type { Mac } from "./encrypt_then_mac.ts";

/** The running state of an HMAC, as the package gives it. */
type HmacState = ReturnType<typeof hmac.create>;

class NobleHmac implements Mac {
  readonly macBytes: number;
  readonly #keyed: HmacState;
  readonly #state: HmacState;

  /** `keyed` and `state` are two states of the same key that have taken in nothing yet. */
  constructor(keyed: HmacState, state: HmacState) {
    this.macBytes = keyed.outputLen;
    this.#keyed = keyed;
    this.#state = state;
  }

  update(bytes: Uint8Array): void {
    this.#state.update(bytes);
  }

  finish(out: Uint8Array): void {
    this.#state.digestInto(out);
    // The state is used up by that, and becomes a fresh copy here.
    this.#keyed._cloneInto(this.#state);
  }
}

/** HMAC-SHA256 (RFC 4868) under a key of any length, which is not kept. */
export function hmacSha256(key: Uint8Array): Mac {
  return new NobleHmac(hmac.create(sha256, key), hmac.create(sha256, key));
}
