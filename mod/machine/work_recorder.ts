/**
 * Records the byte work of a run as a byte program: what moves in the arenas of its hosts, and which row of the result each
 * operation belongs to.
 *
 * The arena tells of an operation (`skb/byte_watch.ts`), the ledger of what it counts as; mostly the row of the ledger comes right
 * behind the operation, a cipher's and some sums' in front of it. Moves that no row follows are no copies of the stack: a NIC
 * places a frame, a header moves within its buffer, each segment gets the headers repeated. They are done and not timed.
 *
 * Two things are done for real that the model only counts: what a process reads goes to memory of that process, and what
 * an old AES-NI driver bounces goes through its buffer and back.
 *
 * ```ts
 * const recorder = new WorkRecorder(256 << 20);
 * const run = await replayWatched(request, recorder);
 * const program = recorder.finish(packets, frameBytes);
 * ```
 *
 * @module
 */

import type { Price } from "../ledger/ledger.ts";
import { EVENT, REASON, STAGE_NAMES } from "../ledger/schema.ts";
import type { WorkWatch } from "../replay/work_watch.ts";
import type { ByteWatch } from "../skb/byte_watch.ts";
import type { Memory } from "../skb/memory.ts";
import { ArenaRecorder } from "./arena_recorder.ts";
import { type ByteProgram, OP, REST, WORK_KINDS, type WorkKind, type WorkRow } from "./byte_program.ts";
import { ProgramWriter } from "./program_writer.ts";

/** What is summed up of one row. */
interface OpenRow {
  readonly stage: number;
  readonly kind: WorkKind;
  operations: number;
  bytes: number;
  costPs: number;
}

/** The copy that was written last, in case that its checksum follows. */
interface LastCopy {
  row: number;
  first: number;
  end: number;
  bytes: number;
  costPs: number;
}

/** Records one run. */
export class WorkRecorder implements WorkWatch {
  /** The limit was reached: what came behind is not in the program. */
  isFull = false;
  /** Rows of the ledger that do not fit to what moved: none, or this program has a defect. */
  misfits = 0;
  /** Row of the cipher that comes next, and of what comes back from its bounce buffer. */
  cipherRow = REST;
  bounceRow = REST;

  readonly writer = new ProgramWriter();
  readonly #rows: OpenRow[] = [];
  readonly #rowNumbers = new Uint8Array(STAGE_NAMES.length * WORK_KINDS.length);
  /** First operation behind the last row of the ledger. */
  #since = 0;
  #lastCopy: LastCopy = { row: REST, first: 0, end: 0, bytes: 0, costPs: 0 };
  /** Sums that a row of the ledger has announced. */
  #owedRow = REST;
  #owedBytes = 0;
  /** A process reads what was summed for it in one pass. */
  #readIsSummed = false;
  /** The arena that spoke last: rows of the ledger are about it. */
  #speaking: ArenaRecorder | null = null;

  /** Stops when the program takes more than about `mostBytes`. `bytePrice` prices the rows; absent: as the run does. */
  constructor(readonly mostBytes: number, readonly bytePrice?: Price) {}

  priced(price: Price): Price {
    const bytePrice = this.bytePrice ?? price;
    return (event, stage, reason, bytes, count) => {
      if (!this.isFull) this.#take(event, stage, reason, bytes, bytePrice(event, stage, reason, bytes, count));
      return price(event, stage, reason, bytes, count);
    };
  }

  watch(memory: Memory): ByteWatch {
    return new ArenaRecorder(this, memory);
  }

  /** The program of `packets` packets in frames of `frameBytes` bytes together. */
  finish(packets: number, frameBytes: number): ByteProgram {
    const rows: WorkRow[] = this.#rows.map((row) => ({ ...row }));
    return this.writer.finish({ rows, packets, frameBytes });
  }

  /** `arena` is going to write operations; false when nothing more is recorded. */
  begin(arena: ArenaRecorder): boolean {
    this.#speaking = arena;
    if (!this.isFull && this.writer.heldBytes > this.mostBytes) this.isFull = true;
    return !this.isFull;
  }

  /** The row of a sum of `bytes` bytes: the one that was announced, if any. */
  rowOfSum(bytes: number): number {
    if (this.#owedBytes === 0) return REST;
    this.#owedBytes -= bytes;
    return this.#owedRow;
  }

  /** One row of the ledger. */
  #take(event: number, stage: number, reason: number, bytes: number, costPs: number): void {
    switch (event) {
      case EVENT.copy:
        this.#takeCopy(stage, reason, bytes, costPs);
        break;
      case EVENT["user-copy"]:
        this.#takeUserCopy(stage, bytes, costPs);
        break;
      case EVENT.checksum:
        this.#takeSum(stage, reason, bytes, costPs);
        break;
      case EVENT.seal:
        this.cipherRow = this.#count(stage, "seal", bytes, costPs);
        break;
      case EVENT.open:
        this.cipherRow = this.#count(stage, "open", bytes, costPs);
    }
    this.#since = this.writer.length;
  }

  #takeCopy(stage: number, reason: number, bytes: number, costPs: number): void {
    const row = this.#count(stage, "copy", bytes, costPs);
    if (reason === REASON.bounceOut) this.bounceRow = row;
    else this.#claim(OP.copy, row, bytes, costPs);
  }

  #takeUserCopy(stage: number, bytes: number, costPs: number): void {
    const kind = this.#readIsSummed ? "user-copy+checksum" : "user-copy";
    // The pass has been counted when it was summed.
    const row = this.#count(stage, kind, bytes, costPs, this.#readIsSummed ? 0 : 1);
    this.#readIsSummed = false;
    this.#claim(OP.copy, row, bytes, costPs);
  }

  #takeSum(stage: number, reason: number, bytes: number, costPs: number): void {
    if (reason === REASON.fused) return this.#fuse("copy+checksum", costPs);
    if (reason === REASON.fusedUser) return this.#fuse("user-copy+checksum", costPs);
    this.#readIsSummed = reason === REASON.fusedRead;
    const row = this.#readIsSummed
      ? this.#count(stage, "user-copy+checksum", 0, costPs)
      : this.#count(stage, "checksum", bytes, costPs);
    if (this.#owedBytes !== 0) this.misfits += 1;
    this.#owedBytes = 0;
    const first = this.#firstOf(OP.sum, bytes);
    if (first === undefined) {
      this.#owedRow = row;
      this.#owedBytes = bytes;
    } else this.#setRows(OP.sum, first, row);
  }

  /** The copy that was written last was summed in the same pass. */
  #fuse(kind: WorkKind, costPs: number): void {
    const last = this.#lastCopy;
    const from = this.#rows[last.row - 1];
    if (from === undefined) {
      this.misfits += 1;
      return;
    }
    from.operations -= 1;
    from.bytes -= last.bytes;
    from.costPs -= last.costPs;
    const row = this.#count(from.stage, kind, last.bytes, last.costPs + costPs);
    this.#setRows(OP.copy, last.first, row, last.end);
    const { writer } = this;
    for (let i = last.first; i < last.end; i++) {
      if (writer.opAt(i) === OP.copy && writer.rowAt(i) === row) {
        this.#speaking!.sumCopy(row, writer.toAt(i), writer.bytesAt(i));
      }
    }
  }

  /** The operations `op` that came last, `bytes` bytes of them, belong to `row`. */
  #claim(op: number, row: number, bytes: number, costPs: number): void {
    const first = this.#firstOf(op, bytes);
    if (first === undefined) {
      this.misfits += 1;
      return;
    }
    this.#setRows(op, first, row);
    this.#lastCopy = { row, first, end: this.writer.length, bytes, costPs };
  }

  /** Where the last operations `op` begin that have `bytes` bytes together; undefined where they have not. */
  #firstOf(op: number, bytes: number): number | undefined {
    let left = bytes;
    let at = this.writer.length;
    while (left > 0 && at > this.#since) {
      at -= 1;
      if (this.writer.opAt(at) === op && this.writer.rowAt(at) === REST) left -= this.writer.bytesAt(at);
    }
    return left === 0 ? at : undefined;
  }

  #setRows(op: number, first: number, row: number, end: number = this.writer.length): void {
    for (let i = first; i < end; i++) if (this.writer.opAt(i) === op) this.writer.setRow(i, row);
  }

  /** Counts one operation; returns its row. */
  #count(stage: number, kind: WorkKind, bytes: number, costPs: number, operations: number = 1): number {
    const at = stage * WORK_KINDS.length + WORK_KINDS.indexOf(kind);
    if (this.#rowNumbers[at] === REST) {
      this.#rowNumbers[at] = this.#rows.push({ stage, kind, operations: 0, bytes: 0, costPs: 0 });
    }
    const number = this.#rowNumbers[at]!;
    const row = this.#rows[number - 1]!;
    row.operations += operations;
    row.bytes += bytes;
    row.costPs += costPs;
    return number;
  }
}
