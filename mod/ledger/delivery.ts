/**
 * What became of the packets in time: first arrival, last bit out, bytes on the wire, latency, reordering, queue length.
 *
 * Frames count on the wire with 24 bytes more (FCS, preamble, start delimiter, gap) and with at least 60 of their own. A row
 * without bytes says that one more packet ended in the frame of the row before, one that counts none that none did. A
 * packet is reordered when a later one of its flow left before it.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";
import { InFlight } from "./in_flight.ts";
import type { EventBlock, Fold } from "./ledger.ts";
import { Reordering } from "./reordering.ts";
import { EVENT, NONE, REASON } from "./schema.ts";
import { wireBytes } from "./units.ts";

/** Folds arrivals and departures. */
export class Delivery implements Fold {
  /** Time of the first arrival; Infinity before it. */
  firstArrivalNs: number = Infinity;
  /** Time of the last arrival; -Infinity before the first. */
  lastArrivalNs: number = -Infinity;
  /** Time of the last bit sent, or of the last payload that a socket got; -Infinity before it. */
  lastSendNs: number = -Infinity;
  /** Frames sent. */
  frames = 0;
  /** Longest frame sent. */
  longestFrameBytes = 0;
  /** Bytes on the wire of all frames sent. */
  wireBytes = 0;
  /** Packets that have reached a socket. */
  delivered = 0;
  /** Bytes on the wire of all frames that arrived. */
  arrivedWireBytes = 0;
  /** Most packets that waited in a queue at once. */
  queueMax = 0;
  /** From arrival to last payload byte out, in ns. */
  readonly latency: Histogram = new Histogram();

  readonly #arrivals = new InFlight();
  readonly #reordering = new Reordering();

  /** Packets that left behind a later one of their flow. */
  get reordered(): number {
    return this.#reordering.reordered;
  }

  /** How many places of its flow the packet was behind that was furthest behind (`reordering.ts`). */
  get reorderDepthMax(): number {
    return this.#reordering.depthMax;
  }

  /** Reads the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      switch (block.event[row]) {
        case EVENT.arrive:
          if (block.reason[row] !== REASON.none) break;
          this.arrivedWireBytes += wireBytes(block.bytes[row]!);
          if (block.count[row]! > 0) this.#arrive(block.packet[row]!, block.tNs[row]!, block.flow[row]!);
          break;
        case EVENT.enqueue:
          this.queueMax = Math.max(this.queueMax, block.count[row]!);
          break;
        case EVENT.drop:
          if (block.count[row]! > 0) this.#forget(block.packet[row]!);
          break;
        case EVENT.send:
          // What goes back to the sender takes the other direction of the link.
          if (block.reason[row] === REASON.toSender) break;
          this.#sendFrame(block.tNs[row]!, block.bytes[row]!);
          if (block.count[row]! > 0) this.#sendPacket(block.packet[row]!, block.tNs[row]!, block.flow[row]!);
          break;
        case EVENT.deliver:
          if (block.reason[row] === REASON.toSocket && block.count[row]! > 0) this.#deliver(block, row);
          break;
      }
    }
  }

  #arrive(packet: number, tNs: number, flow: number): void {
    this.firstArrivalNs = Math.min(this.firstArrivalNs, tNs);
    this.lastArrivalNs = Math.max(this.lastArrivalNs, tNs);
    this.#arrivals.set(packet, tNs);
    this.#reordering.arrive(packet, flow);
  }

  #forget(packet: number): void {
    this.#arrivals.take(packet);
    this.#reordering.forget(packet);
  }

  #deliver(block: EventBlock, row: number): void {
    this.delivered += 1;
    this.lastSendNs = Math.max(this.lastSendNs, block.tNs[row]!);
    this.#sendPacket(block.packet[row]!, block.tNs[row]!, block.flow[row]!);
  }

  #sendFrame(tNs: number, bytes: number): void {
    this.lastSendNs = Math.max(this.lastSendNs, tNs);
    if (bytes === 0) return;
    this.frames += 1;
    this.longestFrameBytes = Math.max(this.longestFrameBytes, bytes);
    this.wireBytes += wireBytes(bytes);
  }

  #sendPacket(packet: number, tNs: number, flow: number): void {
    if (packet === NONE) return;
    const arrived = this.#arrivals.take(packet);
    if (arrived !== undefined) this.latency.add(tNs - arrived);
    this.#reordering.leave(packet, flow);
  }
}
