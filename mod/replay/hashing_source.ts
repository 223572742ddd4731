/**
 * A byte source that hashes what passes through, so that `run.json` can name the capture without its path.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { ByteSource } from "../capture/mod.ts";

/** Passes bytes on and keeps their SHA-256. */
export class HashingSource implements ByteSource {
  readonly #hash = createHash("sha256");
  #ended = false;

  constructor(readonly source: ByteSource) {}

  async read(into: Uint8Array): Promise<number | null> {
    const bytes = await this.source.read(into);
    if (bytes === null) this.#ended = true;
    else this.#hash.update(into.subarray(0, bytes));
    return bytes;
  }

  /** The hash of the whole source in hexadecimal; reads what nobody has read yet. */
  async sha256(): Promise<string> {
    const rest = new Uint8Array(1 << 16);
    while (!this.#ended) await this.read(rest);
    return this.#hash.digest("hex");
  }
}
