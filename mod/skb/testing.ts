/**
 * What the tests of this folder share: buffers of a given shape in a memory that poisons what is freed, a ledger that keeps
 * its rows, and the checks that hold for every buffer. Not part of the library.
 *
 * @example
 * ```ts
 * import { SkbFixture } from "./testing.ts";
 * import { linearize } from "./paged_ops.ts";
 * const fixture = new SkbFixture("6.1");
 * const skb = fixture.build({ request: 320, headroom: 98, linear: 20, frags: [1460] });
 * linearize(fixture.skbs, skb);
 * fixture.takeCopies(); // [["expand-head", 118], ["pull-tail", 1460]]
 * fixture.free(skb);
 * fixture.assertNothingLives();
 * ```
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type EventBlock, type Fold, Ledger } from "../ledger/ledger.ts";
import { EVENT, REASON, REASONS } from "../ledger/schema.ts";
import { put, reserve } from "./head_ops.ts";
import { Memory } from "./memory.ts";
import { addFrag, addToFragList } from "./paged_ops.ts";
import { Pieces } from "./pieces.ts";
import type { Skb } from "./skb.ts";
import { type Era, SkbMemory, type SkbMemoryOptions } from "./skb_memory.ts";

/** A copy that was made: the reason's name in traces, and the bytes. */
export type Copy = [reason: string, bytes: number];

/** What a buffer looks like; all in bytes. */
export interface SkbShape {
  /** Asked of alloc_skb, which decides the end offset: 704 gives 704, 1728 gives 1728, 100 gives 192. */
  readonly request: number;
  /** In front of the data. */
  readonly headroom: number;
  /** Of the data in the head. */
  readonly linear: number;
  /** Sizes of the page fragments; none unless given. */
  readonly frags?: readonly number[];
  /** Buffers of the frag_list; none unless given. */
  readonly members?: readonly SkbShape[];
}

/** One row of the ledger, as far as the tests of buffers look at it. */
export interface RecordedRow {
  /** Number of the event kind. */
  readonly event: number;
  /** Number of the reason. */
  readonly reason: number;
  /** Captured packet, or NONE. */
  readonly packet: number;
  /** Id of the buffer. */
  readonly skb: number;
  /** Id of the buffer merged into, cloned to or segmented from, or NONE. */
  readonly into: number;
  /** The `bytes` column. */
  readonly bytes: number;
}

/** A fold that keeps every row. */
class Recorder implements Fold {
  rows: RecordedRow[] = [];

  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      this.rows.push({
        event: block.event[row]!,
        reason: block.reason[row]!,
        packet: block.packet[row]!,
        skb: block.skb[row]!,
        into: block.into[row]!,
        bytes: block.bytes[row]!,
      });
    }
  }
}

/** Buffers under test. One fixture serves many buffers, one after the other or at once. */
export class SkbFixture {
  /** The arena; `live` is 0 when everything was freed. */
  readonly memory: Memory = new Memory({ poison: true });
  /** What the operations under test take. */
  readonly skbs: SkbMemory;
  readonly #recorder = new Recorder();
  #made = 0;
  #freed = 0;
  #pattern = 1;

  /** A fixture for the rules of `era`, and for other sizes than the kernel's own where they are given. */
  constructor(era: Era = "6.1", sizes: Omit<SkbMemoryOptions, "era"> = {}) {
    this.skbs = new SkbMemory(this.memory, new Ledger(() => 0, [this.#recorder]), { era, ...sizes });
  }

  /** A buffer of `shape`, all its bytes (headroom too) written with a pattern that does not repeat. */
  build(shape: SkbShape): Skb {
    const skb = this.skbs.allocSkb(shape.request);
    this.fill(skb.head.at, shape.headroom + shape.linear);
    reserve(skb, shape.headroom);
    put(skb, shape.linear);
    for (const bytes of shape.frags ?? []) this.addFrag(skb, bytes);
    let last: Skb | null = null;
    for (const member of shape.members ?? []) {
      const built = this.build(member);
      addToFragList(skb, last, built);
      last = built;
    }
    return skb;
  }

  /** Appends a fragment of `bytes` patterned bytes, which begins inside a block of its own. */
  addFrag(skb: Skb, bytes: number): void {
    const offset = 24;
    const block = this.memory.allocate(offset + bytes);
    this.fill(block.at + offset, bytes);
    addFrag(skb, block, offset, bytes);
  }

  /** Writes `bytes` bytes of the pattern at `at` in the arena. */
  fill(at: number, bytes: number): void {
    for (let i = 0; i < bytes; i++) {
      this.#pattern = (Math.imul(this.#pattern, 1103515245) + 12345) >>> 0;
      this.memory.u8[at + i] = this.#pattern >>> 16;
    }
  }

  /** A copy of the bytes of a packet, made piece by piece. */
  bytesOf(skb: Skb): Uint8Array {
    const bytes = new Uint8Array(skb.len);
    const pieces = new Pieces();
    let at = 0;
    pieces.start(skb, 0, skb.len);
    while (pieces.next()) {
      bytes.set(this.memory.u8.subarray(pieces.at, pieces.at + pieces.bytes), at);
      at += pieces.bytes;
    }
    assertEquals(at, skb.len);
    return bytes;
  }

  /** The rows written since they were last taken. */
  takeRows(): RecordedRow[] {
    this.skbs.ledger.finish();
    const rows = this.#recorder.rows;
    this.#recorder.rows = [];
    for (const row of rows) {
      if (row.event === EVENT.alloc || row.event === EVENT.clone) this.#made += 1;
      if (row.event === EVENT.free) this.#freed += 1;
    }
    return rows;
  }

  /** The copies made since rows were last taken, in order. */
  takeCopies(): Copy[] {
    return this.takeRows().filter((row) => row.event === EVENT.copy)
      .map((row) => [REASONS[row.reason]!.name, row.bytes]);
  }

  /** Drops one owner of each buffer. */
  free(...buffers: Skb[]): void {
    for (const skb of buffers) this.skbs.free(skb, REASON.consumed);
  }

  /** After everything was freed: no block is in use, and as many buffers were freed as made. */
  assertNothingLives(label: string = ""): void {
    this.takeRows();
    assertEquals(this.memory.live, 0, `${label}: blocks in use`);
    assertEquals(this.#made, this.#freed, `${label}: buffers made and freed`);
  }
}

/** The invariants of a buffer: its lengths add up, its ends are in order, and what it uses is not free. */
export function assertSound(skb: Skb, label: string = ""): void {
  assertEquals(skb.len - skb.dataLen, skb.tail - skb.data, `${label}: linear bytes`);
  assert(skb.data >= 0 && skb.tail >= skb.data && skb.tail <= skb.head.endOffset, `${label}: the ends of the data`);
  assert(skb.users >= 1 && skb.head.dataref >= 1 && skb.head.block.refs >= 1, `${label}: references`);
  let paged = 0;
  for (const frag of skb.head.frags) {
    assert(frag.block.refs >= 1 && frag.bytes >= 0, `${label}: a fragment over a free block`);
    assert(frag.offset >= 0 && frag.offset + frag.bytes <= frag.block.bytes, `${label}: a fragment beyond its block`);
    paged += frag.bytes;
  }
  for (let member = skb.head.fragList; member !== null; member = member.next) {
    assertSound(member, label);
    paged += member.len;
  }
  assertEquals(skb.dataLen, paged, `${label}: paged bytes`);
}

/** Compares bytes and names the first that differs; faster than a deep comparison. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, label: string = ""): void {
  assertEquals(actual.length, expected.length, `${label}: length`);
  const at = actual.findIndex((byte, i) => byte !== expected[i]);
  assert(at === -1, `${label}: byte ${at} is ${actual[at]} instead of ${expected[at]}`);
}
