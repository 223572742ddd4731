/**
 * The packets: what became of each captured packet, and what it cost.
 *
 * Most rows name their packet. A row of an aggregate names none: its bytes, counts and cost are shared over the packets
 * that the aggregate carries, by payload bytes, whole numbers each, the remainder to the first. A NAPI poll is shared
 * evenly over the frames it took. So the sums over all packets are the sums over the ledger.
 *
 * A packet may travel in several buffers: what becomes of it is what becomes of the one that holds its last byte, the one
 * whose row counts it. Records are handed on in packet order as soon as nothing more can happen to them, so memory does not
 * grow with the capture.
 *
 * ```ts
 * const packets = new Packets((record) => write(record));
 * // ... a run ...
 * packets.finish();
 * ```
 *
 * @module
 */

import type { EventBlock, Fold } from "./ledger.ts";
import { Reordering } from "./reordering.ts";
import { EVENT, NONE, REASON, STAGE } from "./schema.ts";

/** What became of a packet. */
export type Outcome = "sent" | "delivered" | "dropped" | "ignored" | "bypass" | "held";

/** One captured packet. */
export class PacketRecord {
  /** Time of the last bit out, or when its socket had it; undefined when it did not leave. */
  tLeaveNs: number | undefined = undefined;
  /** How many places of its flow it left behind its time (`reordering.ts`); undefined when it did not leave. */
  reorderDepth: number | undefined = undefined;
  /** What became of it so far. */
  outcome: Outcome = "held";
  /** Index into REASONS: why it was dropped. */
  reason: number = REASON.none;
  /** CPU copies of its bytes. */
  copies: number = 0;
  /** Bytes of those copies. */
  copiedBytes: number = 0;
  /** Segments that were cut for it. */
  segments: number = 0;
  /** Bytes that a CPU summed. */
  checksumBytes: number = 0;
  /** Bytes of ciphertext. */
  cryptoBytes: number = 0;
  /** How often it was put back into the queue. */
  requeues: number = 0;
  /** Price of its events, in picoseconds. */
  costPs: number = 0;
  /** Buffers that carry it now. */
  buffers: number = 0;
  /** Frames of it taken by a poll that goes on. */
  beingPolled: number = 0;
  /** Its last frame met a full ring: others may be in it. NONE, or the packet that had arrived last by then. */
  lostBehind: number = NONE;
  /** Its outcome is known, its polls have ended and its buffers are freed: nothing more can happen to it. */
  isOver: boolean = false;

  /** A packet, from 0, that arrived at `tArriveNs` with so many bytes; `flow` is NONE where it has none. */
  constructor(
    readonly packet: number,
    readonly tArriveNs: number,
    public bytes: number,
    readonly payloadBytes: number,
    readonly flow: number,
  ) {}
}

/** Sums of a record that rows add to. */
const SUM_NAMES = [
  "copies",
  "copiedBytes",
  "segments",
  "checksumBytes",
  "cryptoBytes",
  "requeues",
  "costPs",
] as const;
type SumName = typeof SUM_NAMES[number];

/** What goes on in the polls of one CPU. */
interface CpuPolls {
  /** Packets taken since the last poll ended. */
  taken: number[];
  /** Some of them came out of the ring. */
  hasFrames: boolean;
  /** Packets that were lost at its full ring, in order, until all frames that were in it have been taken. */
  readonly lost: PacketRecord[];
}

/** Folds rows into packets. */
export class Packets implements Fold {
  readonly #emit: (record: PacketRecord) => void;
  readonly #records = new Map<number, PacketRecord>();
  /** Packets that each live skb carries. */
  readonly #owners = new Map<number, number[]>();
  /** Sums of rows of an skb that came before it was known whose it is. */
  readonly #early = new Map<number, Record<SumName, number>>();
  /** What goes on in the polls of each CPU. */
  readonly #cpus: CpuPolls[] = [];
  readonly #reordering = new Reordering();
  /** The packet that arrived last. */
  #newest = NONE;

  /** `emit` gets each record once, in packet order. */
  constructor(emit: (record: PacketRecord) => void) {
    this.#emit = emit;
  }

  /** Reads the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) this.addRow(block, row);
    this.endBlock();
  }

  /** Reads one row; for a fold that looks at a packet in between, and calls `endBlock` after the last row of each block. */
  addRow(block: EventBlock, row: number): void {
    const event = block.event[row]!;
    const packet = block.packet[row]!;
    const skb = block.skb[row]!;
    if (event === EVENT.arrive) return this.#arrive(block, row);
    if (event === EVENT.poll) return this.#poll(block, row);
    if (event === EVENT.visit) this.#enter(block.cpu[row]!, block.stage[row]!, packet);
    if (skb !== NONE) this.#own(block, row, event, packet, skb);
    this.#addSums(block, row, event, packet === NONE ? this.#owners.get(skb) : [packet]);
    if (packet !== NONE) this.#end(block, row, event, packet);
    if (event === EVENT.free) this.#release(skb);
  }

  /** What is known about a packet that has arrived and has not been handed on yet. */
  record(packet: number): PacketRecord | undefined {
    return this.#records.get(packet);
  }

  /** Hands on the packets to which nothing more can happen. */
  endBlock(): void {
    for (const [packet, record] of this.#records) {
      // The newest packet stays: it may have to bear the cost of an empty poll.
      if (!record.isOver || packet === this.#newest) break;
      this.#records.delete(packet);
      this.#emit(record);
    }
  }

  /** The run is over: what is left is handed on, held packets included. */
  finish(): void {
    for (const skb of this.#early.keys()) this.#settle(skb, this.#newest);
    for (const record of this.#records.values()) this.#emit(record);
    this.#records.clear();
  }

  #arrive(block: EventBlock, row: number): void {
    const packet = block.packet[row]!;
    const bytes = block.bytes[row]!;
    if (block.count[row] === 0) return this.#arriveAgain(packet, bytes);
    const record = new PacketRecord(packet, block.tNs[row]!, bytes, block.payloadBytes[row]!, block.flow[row]!);
    this.#records.set(packet, record);
    this.#newest = packet;
    if (block.reason[row] === REASON.none) this.#reordering.arrive(packet, record.flow);
    if (block.reason[row] !== REASON.ignored) return;
    record.outcome = "ignored";
    this.#closeIfOver(record);
  }

  /** One more frame of the packet. */
  #arriveAgain(packet: number, bytes: number): void {
    const record = this.#records.get(packet);
    if (record !== undefined) record.bytes += bytes;
  }

  #enter(cpu: number, stage: number, packet: number): void {
    const isFrame = stage === STAGE["driver-rx"];
    if (isFrame) {
      this.#leaveRing(cpu, packet);
      this.#pollsOf(cpu).hasFrames = true;
    }
    if (isFrame || stage === STAGE["gro-cells"] || stage === STAGE.backlog) this.#take(cpu, packet);
  }

  #pollsOf(cpu: number): CpuPolls {
    return this.#cpus[cpu] ??= { taken: [], hasFrames: false, lost: [] };
  }

  /** A ring keeps its order: a packet that came after a loss is behind all that was in the ring then. */
  #leaveRing(cpu: number, packet: number): void {
    const { lost } = this.#pollsOf(cpu);
    while (lost.length > 0 && lost[0]!.lostBehind < packet) {
      const record = lost.shift()!;
      record.lostBehind = NONE;
      this.#closeIfOver(record);
    }
  }

  /** A poll takes a frame. */
  #take(cpu: number, packet: number): void {
    this.#pollsOf(cpu).taken.push(packet);
    const record = this.#records.get(packet);
    if (record !== undefined) record.beingPolled += 1;
  }

  /**
   * Notes whose an skb is: that of the packet in its rows, of all that were merged or written into it, or of what it was cut
   * or cloned from.
   */
  #own(block: EventBlock, row: number, event: number, packet: number, skb: number): void {
    const into = block.into[row]!;
    if (packet === NONE) {
      if (event === EVENT.segment) { for (const owner of this.#owners.get(into) ?? []) this.#give(skb, owner); }
      if (event === EVENT.clone) { for (const owner of this.#owners.get(skb) ?? []) this.#give(into, owner); }
      return;
    }
    if (!this.#owners.has(skb)) this.#give(skb, packet);
    const isGathered = event === EVENT["user-copy"] || event === EVENT.frag;
    if (isGathered && this.#owners.get(skb)!.at(-1) !== packet) this.#give(skb, packet);
    if (event === EVENT.merge && this.#owners.get(into)?.at(-1) !== packet) this.#give(into, packet);
  }

  #give(skb: number, packet: number): void {
    const owners = this.#owners.get(skb);
    if (owners === undefined) this.#owners.set(skb, [packet]);
    else owners.push(packet);
    const record = this.#records.get(packet);
    if (record !== undefined) record.buffers += 1;
    this.#settle(skb, packet);
  }

  /** What an skb cost before it was known whose it is counts with `packet`. */
  #settle(skb: number, packet: number): void {
    const early = this.#early.get(skb);
    if (early === undefined) return;
    for (const name of SUM_NAMES) this.#addTo(packet, name, early[name]);
    this.#early.delete(skb);
  }

  #release(skb: number): void {
    // An acknowledgment may be lost before anybody has said which packet it answers.
    this.#settle(skb, this.#newest);
    for (const packet of this.#owners.get(skb) ?? []) {
      const record = this.#records.get(packet);
      if (record === undefined) continue;
      record.buffers -= 1;
      this.#closeIfOver(record);
    }
    this.#owners.delete(skb);
  }

  #addSums(block: EventBlock, row: number, event: number, owners: readonly number[] | undefined): void {
    const bytes = block.bytes[row]!;
    const skb = block.skb[row]!;
    this.#charge(skb, owners, "costPs", block.costPs[row]!);
    switch (event) {
      case EVENT.copy:
        this.#charge(skb, owners, "copies", 1);
        this.#charge(skb, owners, "copiedBytes", bytes);
        break;
      case EVENT.segment:
        this.#charge(skb, owners, "segments", 1);
        break;
      case EVENT.checksum:
        this.#charge(skb, owners, "checksumBytes", bytes);
        break;
      case EVENT.seal:
      case EVENT.open:
        this.#charge(skb, owners, "cryptoBytes", bytes);
        break;
      case EVENT.requeue:
        this.#charge(skb, owners, "requeues", 1);
        break;
    }
  }

  /** Shares an amount over the owners of an skb, or keeps it until they are known. */
  #charge(skb: number, owners: readonly number[] | undefined, name: SumName, amount: number): void {
    if (owners !== undefined) return this.#share(owners, name, amount);
    let early = this.#early.get(skb);
    if (early === undefined) {
      early = { copies: 0, copiedBytes: 0, segments: 0, checksumBytes: 0, cryptoBytes: 0, requeues: 0, costPs: 0 };
      this.#early.set(skb, early);
    }
    early[name] += amount;
  }

  /** The cost of a poll, evenly; of an empty one to the packet that was read last. */
  #poll(block: EventBlock, row: number): void {
    const cpu = block.cpu[row]!;
    const costPs = block.costPs[row]!;
    const polls = this.#pollsOf(cpu);
    const { taken } = polls;
    // That poll has found the ring empty.
    if (polls.hasFrames && block.reason[row] === REASON.pollEnd) this.#leaveRing(cpu, Infinity);
    polls.hasFrames = false;
    if (taken.length === 0) {
      this.#addTo(this.#newest, "costPs", costPs);
      return;
    }
    const part = Math.floor(costPs / taken.length);
    taken.forEach((packet, i) => this.#addTo(packet, "costPs", i === 0 ? costPs - part * (taken.length - 1) : part));
    for (const packet of taken) {
      const record = this.#records.get(packet);
      if (record === undefined) continue;
      record.beingPolled -= 1;
      this.#closeIfOver(record);
    }
    polls.taken = [];
  }

  #share(owners: readonly number[], name: SumName, amount: number): void {
    if (owners.length === 1) return this.#addTo(owners[0]!, name, amount);
    const weights = owners.map((packet) => this.#records.get(packet)?.payloadBytes ?? 0);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    let left = amount;
    for (let i = 1; i < owners.length; i++) {
      const part = total === 0 ? 0 : Math.floor(amount * weights[i]! / total);
      this.#addTo(owners[i]!, name, part);
      left -= part;
    }
    this.#addTo(owners[0]!, name, left);
  }

  #addTo(packet: number, name: SumName, amount: number): void {
    // What comes after a packet is through, such as a duplicate of it, counts with the packet that was read last.
    const record = this.#records.get(packet) ?? this.#records.get(this.#newest);
    if (record !== undefined) record[name] += amount;
  }

  #end(block: EventBlock, row: number, event: number, packet: number): void {
    const record = this.#records.get(packet);
    if (record === undefined || block.count[row] === 0) return;
    if (event === EVENT.send) {
      record.outcome = "sent";
      this.#leave(record, block, row);
    } else if (event === EVENT.drop) {
      record.outcome = "dropped";
      record.reason = block.reason[row]!;
      this.#reordering.forget(packet);
      if (record.reason === REASON.rxRingFull) {
        record.lostBehind = this.#newest;
        this.#pollsOf(block.cpu[row]!).lost.push(record);
      }
    } else if (event === EVENT.deliver) {
      const isOurs = block.reason[row] === REASON.toSocket;
      record.outcome = isOurs ? "delivered" : "bypass";
      if (isOurs) this.#leave(record, block, row);
    } else {
      return;
    }
    this.#closeIfOver(record);
  }

  #leave(record: PacketRecord, block: EventBlock, row: number): void {
    record.tLeaveNs = block.tNs[row]!;
    record.reorderDepth = this.#reordering.leave(record.packet, block.flow[row]!);
  }

  #closeIfOver(record: PacketRecord): void {
    if (record.outcome === "held" || record.buffers > 0 || record.beingPolled > 0 || record.lostBehind !== NONE) return;
    record.isOver = true;
  }
}
