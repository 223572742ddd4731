/**
 * A byte program: the byte work of one run, operation by operation, over one arena, without anything else of the run.
 *
 * Two kinds of operations are not timed (`REST`): those that a device does, or that write headers (`load`, `shift`), and those
 * that show what has come out (`out`: a frame that a NIC sends, bytes that a process reads). All others belong to a row of the
 * result, a stage and a kind of work.
 *
 * Bytes from outside come from the tape: received frames where the NIC writes them, and header fields, which stages write one
 * by one, at the latest moment, before something sums, encrypts or sends them. So the program needs nothing but its tape, and each pass over it
 * gives the same bytes.
 *
 * ```ts
 * const program = recorder.finish();
 * program.execute(0, program.length, engineCiphers); // All that the run has done to bytes.
 * ```
 *
 * @module
 */

import type { SecurityAssociation } from "../esp/sa.ts";
import { type CipherRequest, copyBytes, type PieceCipher, PieceViews, sumBytes } from "./primitives.ts";
import { RequestTable } from "./request_table.ts";

/** What an operation does. `copy` and `sum` in one row are one pass in a kernel. */
export const OP = {
  /** `bytes` from `from` to `to`. */
  copy: 0,
  /** Sums `bytes` at `from`. */
  sum: 1,
  /** Request number `from`. */
  seal: 2,
  /** Request number `from`. */
  open: 3,
  /** `bytes` of the tape go to `to`; `from` is where they are in the arena. */
  load: 4,
  /** `bytes` at `from` have come out. */
  out: 5,
} as const;

/** The row of operations that are not timed. */
export const REST = 0;

/** Kinds of work, as results call them. */
export const WORK_KINDS = [
  "copy",
  "user-copy",
  "checksum",
  "copy+checksum",
  "user-copy+checksum",
  "seal",
  "open",
] as const;

/** A kind of work. */
export type WorkKind = typeof WORK_KINDS[number];

/** A row of the result: what one stage does of one kind. */
export interface WorkRow {
  /** Index into STAGE_NAMES. */
  readonly stage: number;
  readonly kind: WorkKind;
  /** Events of the ledger. */
  readonly operations: number;
  /** Their bytes. */
  readonly bytes: number;
  /** What the profile says that they cost, in picoseconds. */
  readonly costPs: number;
}

/** One request to a cipher. */
export interface ProgramRequest {
  readonly request: CipherRequest;
  /** Index into the associations of the program. */
  readonly association: number;
  /** Whether it opened; true of what was sealed. */
  readonly isGood: boolean;
}

/** What a program is made of; columns have one entry for each operation. */
export interface ProgramParts {
  /** What they do, values of `OP`. */
  readonly ops: Uint8Array;
  /** Their rows: REST, or 1 and more for `rows[0]` and more. */
  readonly rowOf: Uint8Array;
  /** As the operation means it, here and in the next two. */
  readonly from: Uint32Array;
  readonly to: Uint32Array;
  readonly bytes: Uint32Array;
  readonly rows: readonly WorkRow[];
  /** All places, and behind them, from `tapeAt` on, the tape. */
  readonly arena: Uint8Array<ArrayBuffer>;
  readonly tapeAt: number;
  readonly requests: readonly ProgramRequest[];
  readonly associations: readonly SecurityAssociation[];
  /** Packets of the capture whose work it is. */
  readonly packets: number;
  /** Bytes of their frames. */
  readonly frameBytes: number;
  /** Digest of all that comes out, in order, and sum of all sums: what a pass over the program has to give. */
  readonly digest: number;
  readonly sums: number;
}

/** Stretches of operations that follow each other and belong to one row of the result. */
export interface Stretches {
  /** First operation of each, and behind the last the number of operations. */
  readonly starts: Uint32Array;
  /** Row of each. */
  readonly rows: Uint8Array;
}

/** Start of a digest (FNV-1a, 32 bits). */
export const DIGEST_START = 0x811c9dc5 | 0;
const DIGEST_PRIME = 0x01000193;
/** Faster one by one than in a call of the runtime. */
const FEW_BYTES = 16;
/** Sums of sums stay small integers. */
const SUMS_MASK = 0x3fffffff;

/** The digest of what went before and `bytes` bytes of `u8` from `at`. */
export function digestOf(digest: number, u8: Uint8Array, at: number, bytes: number): number {
  let result = digest;
  for (let i = at; i < at + bytes; i++) result = Math.imul(result ^ u8[i]!, DIGEST_PRIME);
  return result;
}

/** The sum of sums `sums` and one more. */
export function addSum(sums: number, sum: number): number {
  return (sums + sum) & SUMS_MASK;
}

/** One program; its arena is its own, and each pass over it works on what the last has left there. */
export class ByteProgram {
  /** The operations, stretch by stretch. */
  readonly stretches: Stretches;
  /** Sum of all sums of the passes since `begin()`. */
  sums = 0;
  /** Requests since `begin()` that came out other than in the model. */
  misjudged = 0;
  readonly #requests: RequestTable;

  constructor(readonly parts: ProgramParts) {
    this.stretches = stretchesOf(parts.rowOf);
    this.#requests = new RequestTable(parts.requests);
  }

  /** Number of operations. */
  get length(): number {
    return this.parts.ops.length;
  }

  /** The same program in memory of its own, as this one has left it. */
  moved(): ByteProgram {
    const arena = this.parts.arena.slice();
    const views = new PieceViews(arena);
    const requests = this.parts.requests.map((one) => ({ ...one, request: one.request.movedTo(views) }));
    return new ByteProgram({ ...this.parts, arena, requests });
  }

  /** Before a pass. */
  begin(): void {
    this.sums = 0;
    this.misjudged = 0;
  }

  /**
   * Does the operations from `start` to `end`, or those of them alone that are not timed; `ciphers` has one for each
   * association.
   */
  execute(start: number, end: number, ciphers: readonly PieceCipher[], isRestOnly: boolean = false): void {
    const { ops, rowOf, from, to, bytes, arena } = this.parts;
    for (let i = start; i < end; i++) {
      if (isRestOnly && rowOf[i] !== REST) continue;
      switch (ops[i]) {
        case OP.copy:
          copyBytes(arena, from[i]!, to[i]!, bytes[i]!);
          break;
        case OP.sum:
          this.sums = addSum(this.sums, sumBytes(arena, from[i]!, bytes[i]!));
          break;
        case OP.seal:
        case OP.open:
          this.#request(ops[i]!, from[i]!, ciphers);
          break;
        case OP.load:
          this.#load(from[i]!, to[i]!, bytes[i]!);
      }
    }
  }

  /** Does everything and returns the digest of what comes out; for who wants to know whether it is right. */
  verify(ciphers: readonly PieceCipher[]): number {
    const { ops, from, bytes, arena } = this.parts;
    let digest = DIGEST_START;
    this.begin();
    for (let i = 0; i < this.length; i++) {
      if (ops[i] === OP.out) digest = digestOf(digest, arena, from[i]!, bytes[i]!);
      else this.execute(i, i + 1, ciphers);
    }
    return digest;
  }

  #request(op: number, index: number, ciphers: readonly PieceCipher[]): void {
    const table = this.#requests;
    const cipher = ciphers[table.associationOf(index)]!;
    if (op === OP.seal) cipher.seal(table.request(index));
    else if (cipher.open(table.request(index)) !== table.isGood(index)) this.misjudged += 1;
  }

  /** A few bytes of a header are faster one by one. */
  #load(from: number, to: number, bytes: number): void {
    const { arena } = this.parts;
    if (bytes > FEW_BYTES) copyBytes(arena, from, to, bytes);
    else for (let i = 0; i < bytes; i++) arena[to + i] = arena[from + i]!;
  }
}

function stretchesOf(rowOf: Uint8Array): Stretches {
  const starts: number[] = [];
  rowOf.forEach((row, i) => {
    if (i === 0 || row !== rowOf[i - 1]) starts.push(i);
  });
  return {
    starts: Uint32Array.from([...starts, rowOf.length]),
    rows: Uint8Array.from(starts, (start) => rowOf[start]!),
  };
}
