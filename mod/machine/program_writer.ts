/**
 * Writes a byte program while a run is recorded: operations in columns, requests in columns, the tape; and puts the arenas of
 * all hosts into one when the run has ended, since only then their sizes are known.
 *
 * A place is a number: 2^32 times the number of its space, plus an offset. Each host has two spaces, its arena and, behind that, a
 * room that the model does not have: what a process reads into, and the bounce buffer of a cipher.
 *
 * ```ts
 * const writer = new ProgramWriter();
 * const space = writer.addSpace(() => memory.u8.length);
 * writer.write(OP.copy, REST, space + 4096, space + 8192, 54);
 * ```
 *
 * @module
 */

import { SecurityAssociation } from "../esp/sa.ts";
import type { PacketLayout } from "../skb/byte_watch.ts";
import { ByteProgram, DIGEST_START, OP, type ProgramRequest, type WorkRow } from "./byte_program.ts";
import { GrowingBytes, GrowingNumbers } from "./growing.ts";
import { CipherRequest, type Piece, PieceViews } from "./primitives.ts";

/** Places of one space. */
export const SPACE = 2 ** 32;
const PAGE_BYTES = 4096;

/** What else a program is about. */
export interface ProgramFacts {
  readonly rows: readonly WorkRow[];
  readonly packets: number;
  readonly frameBytes: number;
}

/** A request to a cipher that is being written. */
export interface WrittenRequest {
  readonly association: number;
  readonly espAt: number;
  readonly high: number;
  readonly text: readonly Piece[];
  readonly icv: readonly Piece[];
  isGood: boolean;
}

/** The columns of one run. */
export class ProgramWriter {
  /** What comes out so far, and the sum of all sums. */
  digest = DIGEST_START;
  sums = 0;

  readonly #ops = new GrowingBytes();
  readonly #rowOf = new GrowingBytes();
  readonly #from = new GrowingNumbers();
  readonly #to = new GrowingNumbers();
  readonly #bytes = new GrowingNumbers();
  readonly #tape = new GrowingBytes();
  readonly #requests: WrittenRequest[] = [];
  readonly #associations: SecurityAssociation[] = [];
  readonly #spaceBytes: (() => number)[] = [];

  /** Operations so far. */
  get length(): number {
    return this.#ops.length;
  }

  /** Bytes that it takes so far, about. */
  get heldBytes(): number {
    return this.#tape.length + 32 * this.length + 512 * this.#requests.length;
  }

  /** A space, of as many bytes as `bytes()` says when the run has ended; returns the place of its first byte. */
  addSpace(bytes: () => number): number {
    this.#spaceBytes.push(bytes);
    return (this.#spaceBytes.length - 1) * SPACE;
  }

  /** One operation. */
  write(op: number, row: number, from: number, to: number, bytes: number): void {
    this.#ops.push(op);
    this.#rowOf.push(row);
    this.#from.push(from);
    this.#to.push(to);
    this.#bytes.push(bytes);
  }

  /** Loads `bytes` bytes to `to`, those of `u8` from `at`. */
  load(u8: Uint8Array, at: number, to: number, bytes: number): void {
    this.write(OP.load, 0, this.#tape.length, to, bytes);
    this.#tape.append(u8, at, bytes);
  }

  /** A request in row `row`, which is judged when it is known how the model judged it. */
  request(op: number, row: number, request: WrittenRequest): void {
    this.write(op, row, this.#requests.length, 0, 0);
    this.#requests.push(request);
  }

  /** Number of an association; undefined if there is nothing to do under it, as NULL without authentication does nothing. */
  numberOf(layout: PacketLayout): number | undefined {
    if (!(layout instanceof SecurityAssociation)) throw new TypeError("Cannot record a cipher: it has no association");
    if (layout.suite.algorithm === "null") return undefined;
    const known = this.#associations.indexOf(layout);
    return known === -1 ? this.#associations.push(layout) - 1 : known;
  }

  /** What operation `index` does, its row, and how many bytes it has. */
  opAt(index: number): number {
    return this.#ops.values[index]!;
  }
  rowAt(index: number): number {
    return this.#rowOf.values[index]!;
  }
  toAt(index: number): number {
    return this.#to.values[index]!;
  }
  bytesAt(index: number): number {
    return this.#bytes.values[index]!;
  }

  /** Operation `index` belongs to `row`. */
  setRow(index: number, row: number): void {
    this.#rowOf.values[index] = row;
  }

  /** The program. */
  finish(facts: ProgramFacts): ByteProgram {
    const bases: number[] = [];
    let total = 0;
    for (const bytes of this.#spaceBytes) {
      bases.push(total);
      total += Math.ceil(bytes() / PAGE_BYTES) * PAGE_BYTES;
    }
    const tapeAt = total;
    const arena = new Uint8Array(tapeAt + this.#tape.length);
    arena.set(this.#tape.values.subarray(0, this.#tape.length), tapeAt);
    const place = (at: number): number => bases[Math.floor(at / SPACE)]! + at % SPACE;
    const { length } = this;
    const ops = this.#ops.values.slice(0, length);
    const requests = new PlacedRequests(arena, place);
    const requestNumbers = this.#requests.map((request) => requests.numberOf(request));
    const placed = (column: GrowingNumbers, isPlace: (op: number) => boolean): Uint32Array => {
      return Uint32Array.from({ length }, (_, i) => isPlace(ops[i]!) ? place(column.values[i]!) : column.values[i]!);
    };
    const from = placed(this.#from, (op) => op === OP.copy || op === OP.sum || op === OP.out);
    ops.forEach((op, i) => {
      if (op === OP.seal || op === OP.open) from[i] = requestNumbers[from[i]!]!;
      if (op === OP.load) from[i] = from[i]! + tapeAt;
    });
    return new ByteProgram({
      ...facts,
      ops,
      rowOf: this.#rowOf.values.slice(0, length),
      from,
      to: placed(this.#to, (op) => op === OP.copy || op === OP.load),
      bytes: placed(this.#bytes, () => false),
      arena,
      tapeAt,
      requests: requests.all,
      associations: this.#associations,
      digest: this.digest,
      sums: this.sums,
    });
  }
}

/** Requests in their places; those that are alike are one. */
class PlacedRequests {
  readonly all: ProgramRequest[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #views: PieceViews;

  constructor(readonly arena: Uint8Array<ArrayBuffer>, readonly place: (at: number) => number) {
    this.#views = new PieceViews(arena);
  }

  /** Number of a request. */
  numberOf(request: WrittenRequest): number {
    const key = JSON.stringify(request);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.#numbers.set(key, this.all.length);
    return this.all.push(this.#placed(request)) - 1;
  }

  #placed({ association, espAt, high, text, icv, isGood }: WrittenRequest): ProgramRequest {
    const { arena, place } = this;
    const placed = (pieces: readonly Piece[]): Piece[] => pieces.map(({ at, bytes }) => ({ at: place(at), bytes }));
    const request = new CipherRequest(arena, place(espAt), placed(text), placed(icv), high, this.#views);
    return { association, isGood, request };
  }
}
