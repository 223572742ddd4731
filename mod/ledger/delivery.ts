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
import { EVENT, NONE, REASON } from "./schema.ts";
import { wireBytes } from "./units.ts";

/** Folds arrivals and departures. */
export class Delivery implements Fold {
  /** Time of the first arrival; Infinity before it. */
  firstArrivalNs: number = Infinity;
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
  /** Packets that left behind a later one of their flow. */
  reordered = 0;
  /** Most packets that waited in a queue at once. */
  queueMax = 0;
  /** From arrival to last payload byte out, in ns. */
  readonly latency: Histogram = new Histogram();

  readonly #arrivals = new InFlight();
  readonly #newestOfFlow: number[] = [];

  /** Reads the rows of a block. */
  add(block: EventBlock): void {
    for (let row = 0; row < block.rows; row++) {
      switch (block.event[row]) {
        case EVENT.arrive:
          if (block.reason[row] !== REASON.none) break;
          this.arrivedWireBytes += wireBytes(block.bytes[row]!);
          if (block.count[row]! > 0) this.#arrive(block.packet[row]!, block.tNs[row]!);
          break;
        case EVENT.enqueue:
          this.queueMax = Math.max(this.queueMax, block.count[row]!);
          break;
        case EVENT.drop:
          if (block.count[row]! > 0) this.#arrivals.take(block.packet[row]!);
          break;
        case EVENT.send:
          this.#sendFrame(block.tNs[row]!, block.bytes[row]!);
          if (block.count[row]! > 0) this.#sendPacket(block.packet[row]!, block.tNs[row]!, block.flow[row]!);
          break;
        case EVENT.deliver:
          if (block.reason[row] === REASON.toSocket && block.count[row]! > 0) this.#deliver(block, row);
          break;
      }
    }
  }

  #arrive(packet: number, tNs: number): void {
    this.firstArrivalNs = Math.min(this.firstArrivalNs, tNs);
    this.#arrivals.set(packet, tNs);
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
    const newest = this.#newestOfFlow[flow] ?? NONE;
    if (packet < newest) this.reordered += 1;
    else this.#newestOfFlow[flow] = packet;
  }
}
