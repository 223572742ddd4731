/**
 * A byte source that hashes what passes through, so that `run.json` can name the capture without its path.
 *
 * It also fills what it is given as far as there are bytes: a pipe gives few at a time, and where the reader's window ends
 * must not depend on that, since arrivals at its end are written into the ledger one step later than others.
 *
 * @module
 */

import type { Hash } from "node:crypto";
import type { ByteSource } from "../capture/mod.ts";

/** Reads of 0 bytes in a row after which a source is given back as it is. */
const EMPTY_READS_MAX = 1000;

/** Passes bytes on and keeps their SHA-256. */
export class HashingSource implements ByteSource {
  #hash: Hash | null = null;
  #ended = false;

  constructor(readonly source: ByteSource) {}

  async read(into: Uint8Array): Promise<number | null> {
    let filled = 0;
    for (let emptyReads = 0; filled < into.length && emptyReads < EMPTY_READS_MAX;) {
      const bytes = this.#ended ? null : await this.source.read(into.subarray(filled));
      if (bytes === null) {
        this.#ended = true;
        break;
      }
      filled += bytes;
      emptyReads = bytes === 0 ? emptyReads + 1 : 0;
    }
    (await this.#hasher()).update(into.subarray(0, filled));
    return filled === 0 && this.#ended ? null : filled;
  }

  /** The hash of the whole source in hexadecimal; reads what nobody has read yet. */
  async sha256(): Promise<string> {
    if (!this.#ended) await this.#readRest();
    return (await this.#hasher()).digest("hex");
  }

  /** Loaded when it is needed: that takes longer than most of a short command. */
  async #hasher(): Promise<Hash> {
    return this.#hash ??= (await import("node:crypto")).createHash("sha256");
  }

  async #readRest(): Promise<void> {
    const rest = new Uint8Array(1 << 16);
    while (!this.#ended && await this.read(rest) !== 0);
  }
}
