/**
 * The requests of a byte program as numbers, from which one object is filled again and again.
 *
 * A program may have thousands of requests, each to pieces in other places. As objects, with lists of pieces, they would
 * take up as much of the second cache level as the bytes that they are about, and a program with more of them would be
 * slower for that alone, by a fifth of what its ciphers take.
 *
 * ```ts
 * const table = new RequestTable(parts.requests);
 * cipher.seal(table.request(7));
 * ```
 *
 * @module
 */

import type { ProgramRequest } from "./byte_program.ts";
import { CipherRequest } from "./primitives.ts";

/** Numbers of a request in front of those of its pieces. */
const ESP_AT = 0;
const HIGH = 1;
const ASSOCIATION = 2;
const IS_GOOD = 3;
const TEXT_BYTES = 4;
const WHOLE = 5;
const TEXTS = 6;
const ICVS = 7;
const PIECES = 8;
/** Text and ICV are not in one piece. */
const NO_VIEW = 0xffffffff;

type View = Uint8Array<ArrayBuffer>;

/** A piece that is filled again and again. */
interface FilledPiece {
  at: number;
  bytes: number;
}

/** Requests of one program. */
export class RequestTable {
  readonly #numbers: Uint32Array;
  readonly #starts: Uint32Array;
  readonly #views: readonly View[];
  /** Lists of pieces by their length, which are filled and never change it. */
  readonly #texts: readonly View[][];
  readonly #icvs: readonly FilledPiece[][];
  readonly #request: CipherRequest | undefined;

  /** Of `requests`, all to bytes of one arena. */
  constructor(requests: readonly ProgramRequest[]) {
    const numbers: number[] = [];
    const starts: number[] = [];
    const numberOf = new Map<View, number>();
    const viewNumber = (view: View): number => {
      const known = numberOf.get(view) ?? numberOf.size;
      numberOf.set(view, known);
      return known;
    };
    for (const { request, association, isGood } of requests) {
      const { espAt, high, textBytes, whole, texts, icvs } = request;
      starts.push(numbers.length);
      numbers.push(espAt, high, association, isGood ? 1 : 0, textBytes);
      numbers.push(whole === null ? NO_VIEW : viewNumber(whole), texts.length, icvs.length);
      for (const piece of texts) numbers.push(viewNumber(piece));
      for (const { at, bytes } of icvs) numbers.push(at, bytes);
    }
    this.#numbers = Uint32Array.from(numbers);
    this.#starts = Uint32Array.from(starts);
    this.#views = [...numberOf.keys()];
    const [aView] = this.#views;
    let mostTexts = 0;
    let mostIcvs = 0;
    for (const { request } of requests) {
      mostTexts = Math.max(mostTexts, request.texts.length);
      mostIcvs = Math.max(mostIcvs, request.icvs.length);
    }
    this.#texts = listsUpTo(mostTexts, () => aView!);
    this.#icvs = listsUpTo(mostIcvs, () => ({ at: 0, bytes: 0 }));
    const first = requests[0]?.request;
    this.#request = first && new CipherRequest(first.u8, first.espAt, [], [], first.high);
  }

  /** Index of the association of request `index`. */
  associationOf(index: number): number {
    return this.#numbers[this.#starts[index]! + ASSOCIATION]!;
  }

  /** Whether request `index` opened; true of what was sealed. */
  isGood(index: number): boolean {
    return this.#numbers[this.#starts[index]! + IS_GOOD] === 1;
  }

  /** Request `index`, until another one is asked for: it is the same object. */
  request(index: number): CipherRequest {
    const numbers = this.#numbers;
    const views = this.#views;
    const request = this.#request!;
    const at = this.#starts[index]!;
    const whole = numbers[at + WHOLE]!;
    const texts = this.#texts[numbers[at + TEXTS]!]!;
    const icvs = this.#icvs[numbers[at + ICVS]!]!;
    let next = at + PIECES;
    for (let i = 0; i < texts.length; i++) texts[i] = views[numbers[next++]!]!;
    for (const icv of icvs) {
      icv.at = numbers[next++]!;
      icv.bytes = numbers[next++]!;
    }
    request.espAt = numbers[at + ESP_AT]!;
    request.high = numbers[at + HIGH]!;
    request.textBytes = numbers[at + TEXT_BYTES]!;
    request.whole = whole === NO_VIEW ? null : views[whole]!;
    request.texts = texts;
    request.icvs = icvs;
    return request;
  }
}

/** Lists of each length up to `most`. */
function listsUpTo<Item>(most: number, item: () => Item): Item[][] {
  return Array.from({ length: most + 1 }, (_, length) => Array.from({ length }, item));
}
