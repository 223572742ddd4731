/**
 * HMAC (RFC 2104) of the package `@noble/hashes`, pure JavaScript.
 *
 * The state behind the key is computed once and copied for every message: two blocks of hash less per message.
 *
 * ```ts
 * import { nobleHmac } from "./noble_hmac.ts";
 * const mac = nobleHmac("sha256", new Uint8Array(32));
 * mac.update(new Uint8Array(100));
 * mac.finish(new Uint8Array(32));
 * ```
 *
 * @module
 */
import { hmac } from "@noble/hashes/hmac.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import type { HashAlgorithm, OldHash } from "./aead.ts";
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

const HASHES = { md5, sha1, sha256, sha384, sha512 } as const;

/** Authenticates nothing. */
const NO_MAC: Mac = { macBytes: 0, update() {}, finish() {} };

/** The HMAC with `hash` under a key of any length, which is not kept. */
export function nobleHmac(hash: HashAlgorithm | OldHash, key: Uint8Array): Mac {
  if (hash === "none") return NO_MAC;
  return new NobleHmac(hmac.create(HASHES[hash], key), hmac.create(HASHES[hash], key));
}
