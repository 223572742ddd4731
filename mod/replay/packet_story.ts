/**
 * The story of one captured packet: the rows of the ledger that are about it, in order, with its share of each, and the
 * shapes its buffer took in between.
 *
 * Rows are those of its own skb, of an aggregate while the packet is in it, of the segment that carries it then, and of the
 * poll that took it. Shares are those of `packets.csv` (`ledger/packets.ts`), so their sums are its row there.
 *
 * ```ts
 * const story = new PacketStory(3); // the fourth packet
 * await replay({ input, resolved, profile, folds: [story], probe: story });
 * story.moments[0]; // the row of its arrival
 * ```
 *
 * @module
 */

import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { type PacketRecord, Packets } from "../ledger/packets.ts";
import { EVENT, EVENT_NAMES, NONE, type Reason, REASONS, STAGE_NAMES } from "../ledger/schema.ts";
import type { BufferShape } from "../skb/shape.ts";
import type { BufferProbe } from "../stages/host.ts";

/** One row of the ledger in words, with the packet's share of it. */
export interface StoryRow {
  /** Time in ns since the first arrival. */
  readonly tNs: number;
  /** CPU, NONE for a device. */
  readonly cpu: number;
  /** Stage by name. */
  readonly stage: typeof STAGE_NAMES[number];
  /** Kind of event by name. */
  readonly event: typeof EVENT_NAMES[number];
  /** Why. */
  readonly reason: Reason;
  /** Captured packet from 0, NONE on an aggregate. */
  readonly packet: number;
  /** Buffer, NONE where there is none. */
  readonly skb: number;
  /** Buffer merged into, cloned to or segmented from, NONE otherwise. */
  readonly into: number;
  /** The `bytes` column. */
  readonly bytes: number;
  /** The `count` column. */
  readonly count: number;
  /** The packet's share of the price, in picoseconds. */
  readonly costPs: number;
  /** The packet's share of the number of copies: 0 or 1. */
  readonly copies: number;
  /** The packet's share of the copied bytes. */
  readonly copiedBytes: number;
}

/** A row, and the shapes of the packet's buffer that were seen since the row before it. */
export interface Moment {
  /** The row. */
  readonly row: StoryRow;
  /** Shapes seen before the row was written, in order. */
  readonly shapes: readonly BufferShape[];
}

/** A shape with the number of the ledger row that came next. */
interface Sighting {
  readonly rowNumber: number;
  readonly shape: BufferShape;
}

/** Collects the story of one packet. */
export class PacketStory implements Fold, BufferProbe {
  /** Packets that the capture has. */
  packets = 0;
  /** The rows about the packet, in the order in which the model worked. */
  readonly moments: Moment[] = [];

  readonly #fold = new Packets(() => {});
  #record: PacketRecord | undefined;
  /** Buffers that carry the packet, or did. */
  readonly #carriers = new Set<number>();
  /** Allocations of buffers of which it is not known yet whose they are. */
  readonly #allocations = new Map<number, StoryRow>();
  readonly #sightings: Sighting[] = [];
  #rowNumber = 0;

  /** A story of packet number `packet`, counted from 0. */
  constructor(readonly packet: number) {}

  /** What became of the packet and what it cost: its row of packets.csv. Undefined when the capture does not have it. */
  get record(): PacketRecord | undefined {
    return this.#record;
  }

  /** Reads the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      this.#addRow(block, row);
      this.#rowNumber += 1;
    }
    this.#fold.endBlock();
  }

  /** Remembers a shape of the buffer that carries the packet. */
  see(shape: BufferShape, rowNumber: number): void {
    this.#sightings.push({ rowNumber, shape });
  }

  #addRow(block: EventBlock, row: number): void {
    if (block.event[row] === EVENT.arrive) this.packets += Math.min(1, block.count[row]!);
    const record = this.#record;
    const { costPs = 0, copies = 0, copiedBytes = 0 } = record ?? {};
    this.#fold.addRow(block, row);
    this.#record ??= this.#fold.record(this.packet);
    const now = this.#record;
    if (now === undefined) return;
    const share = {
      costPs: now.costPs - costPs,
      copies: now.copies - copies,
      copiedBytes: now.copiedBytes - copiedBytes,
    };
    this.#carry(block, row);
    if (this.#concerns(block, row) || share.costPs !== 0) this.#keep(block, row, share);
    else this.#noteAllocation(block, row);
  }

  /** The buffers of the packet's own rows carry it; so does what it is merged into, or what is cloned from an aggregate. */
  #carry(block: EventBlock, row: number): void {
    const isOfAggregate = block.packet[row] === NONE && this.#carriers.has(block.skb[row]!);
    if (isOfAggregate && block.event[row] === EVENT.clone) this.#carriers.add(block.into[row]!);
    if (block.packet[row] !== this.packet || block.skb[row] === NONE) return;
    this.#carriers.add(block.skb[row]!);
    if (block.event[row] === EVENT.merge) this.#carriers.add(block.into[row]!);
  }

  #concerns(block: EventBlock, row: number): boolean {
    if (block.packet[row] === this.packet) return true;
    if (block.event[row] === EVENT.merge) return this.#carriers.has(block.into[row]!);
    return block.packet[row] === NONE && this.#carriers.has(block.skb[row]!);
  }

  /** A buffer is allocated before it is said whose it is. */
  #noteAllocation(block: EventBlock, row: number): void {
    const skb = block.skb[row]!;
    if (block.event[row] === EVENT.alloc) {
      const costPs = block.costPs[row]!;
      this.#allocations.set(skb, storyRow(block, row, { costPs, copies: 0, copiedBytes: 0 }));
    } else {
      this.#allocations.delete(skb);
    }
  }

  #keep(block: EventBlock, row: number, share: Share): void {
    const skb = block.skb[row]!;
    const allocation = this.#allocations.get(skb);
    this.#allocations.delete(skb);
    // The fold adds the price of an allocation together with the first row that says whose it was.
    const early = allocation?.costPs ?? 0;
    if (allocation !== undefined) this.moments.push({ row: allocation, shapes: [] });
    const shapes: BufferShape[] = [];
    while (this.#sightings.length > 0 && this.#sightings[0]!.rowNumber <= this.#rowNumber) {
      shapes.push(this.#sightings.shift()!.shape);
    }
    this.moments.push({ row: storyRow(block, row, { ...share, costPs: share.costPs - early }), shapes });
  }
}

type Share = Pick<StoryRow, "costPs" | "copies" | "copiedBytes">;

function storyRow(block: EventBlock, row: number, share: Share): StoryRow {
  return {
    tNs: block.tNs[row]!,
    cpu: block.cpu[row]!,
    stage: STAGE_NAMES[block.stage[row]!]!,
    event: EVENT_NAMES[block.event[row]!]!,
    reason: REASONS[block.reason[row]!]!,
    packet: block.packet[row]!,
    skb: block.skb[row]!,
    into: block.into[row]!,
    bytes: block.bytes[row]!,
    count: block.count[row]!,
    ...share,
  };
}
