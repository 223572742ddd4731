/**
 * Traffic: the packets of a capture arrive where a path begins, each in an event of its own.
 *
 * Under `pace=max` one comes as soon as there is room for it, so nothing is lost and the CPU or the link sets the pace. Under
 * the other paces it comes when the clock says so (`pace.ts`); a NIC then loses what it has no room for (`nic_entrance.ts`),
 * and a process that cannot write waits.
 *
 * The capture is read a window at a time. When a window is used up the engine pauses, always in the middle of an arrival
 * event and never in that of anything else, and the event goes on once more has been read: so a run does not depend on where
 * windows end.
 *
 * ```ts
 * const traffic = new Traffic(reader, engine, arrivals, entrance, options);
 * engine.paused = true;
 * while (engine.paused || !engine.run()) traffic.resume(await reader.fill());
 * ```
 *
 * @module
 */

import { CapturePacket, type CaptureReader } from "../capture/mod.ts";
import type { Actor, Engine } from "../sim/engine.ts";
import { UnplayableError } from "./errors.ts";
import type { Oddities } from "./oddities.ts";
import { type ArrivalClock, LATEST_NS } from "./pace.ts";

/** Turns packets into what arrives, one after the other. */
export interface ArrivalSource<Item> {
  /** IP packets that arrived, damaged ones included. */
  readonly packets: number;
  /** What was odd about the packets so far. */
  readonly oddities: Readonly<Oddities>;
  /** Something of the packet that was read last is still to arrive. */
  readonly isPending: boolean;
  /** What the next arrival takes on the wire; 0 when it takes nothing. */
  readonly wireBytes: number;
  /** Takes a packet; nothing of the one before is pending. */
  read(packet: CapturePacket): void;
  /** The capture is over: what has waited is pending now. */
  finish(): void;
  /** The next arrival, at `nowNs`, or undefined where a packet arrives that brings nothing. */
  next(nowNs: number): Item | undefined;
}

/** Where a path begins. */
export interface Entrance<Item> {
  /** There is room for another item. */
  readonly hasRoom: boolean;
  /** Called when there may be room again, with the time. */
  onRoom: (nowNs: number) => void;
  /** Takes an item over, or where there is no room for it loses it, at `nowNs`. */
  put(item: Item, nowNs: number): void;
  /** Nothing more comes. */
  end(nowNs: number): void;
}

/** When arrivals happen. */
export interface TrafficOptions {
  /** Says when items arrive; null for as soon as there is room. */
  readonly clock: ArrivalClock | null;
  /** An item whose time has come waits until there is room, too. */
  readonly waitsForRoom: boolean;
  /** What the user called the capture, for messages. */
  readonly captureName: string;
}

/** Lets the packets of one capture arrive. */
export class Traffic<Item> implements Actor {
  readonly #packet = new CapturePacket();
  /** When the next arrival is due. */
  #dueNs = 0;
  /** The engine will wake it. */
  #isScheduled = false;
  /** When the event began that goes on after more has been read. */
  #pausedNs = 0;
  #hasEnded = false;
  #isOver = false;

  constructor(
    readonly reader: CaptureReader,
    readonly engine: Engine,
    readonly arrivals: ArrivalSource<Item>,
    readonly entrance: Entrance<Item>,
    readonly options: TrafficOptions,
  ) {
    if (options.clock !== null && !options.waitsForRoom) return;
    entrance.onRoom = (nowNs) => this.#schedule(nowNs);
  }

  /** There may be room for an item, or its time has come. */
  wake(nowNs: number): void {
    this.#isScheduled = false;
    this.#play(nowNs);
  }

  /** Goes on after more of the capture has been read, or none was left. */
  resume(more: boolean): void {
    this.#hasEnded = !more;
    this.engine.paused = false;
    this.#play(this.#pausedNs);
  }

  #schedule(timeNs: number): void {
    if (this.#isScheduled || (this.#isOver && !this.arrivals.isPending)) return;
    this.#isScheduled = true;
    this.engine.schedule(timeNs, this);
  }

  /** Lets arrive what can at `nowNs`. */
  #play(nowNs: number): void {
    const { arrivals, entrance } = this;
    if (this.#isOver && !arrivals.isPending) return;
    while (arrivals.isPending || this.#load(nowNs)) {
      if (!this.#mayArrive(nowNs)) return;
      const item = arrivals.next(nowNs);
      if (item !== undefined) entrance.put(item, nowNs);
      if (arrivals.isPending) this.#setDue(nowNs);
    }
    if (this.#isOver) entrance.end(nowNs);
  }

  /** Takes the next packet; pauses the engine when the window is used up. */
  #load(nowNs: number): boolean {
    if (this.#isOver || this.engine.paused) return false;
    if (this.reader.next(this.#packet)) {
      this.arrivals.read(this.#packet);
    } else if (this.#hasEnded) {
      this.#isOver = true;
      this.arrivals.finish();
      if (!this.arrivals.isPending) return false;
    } else {
      this.engine.paused = true;
      this.#pausedNs = nowNs;
      return false;
    }
    this.#setDue(nowNs);
    return true;
  }

  #setDue(nowNs: number): void {
    const { clock, captureName } = this.options;
    if (clock === null) return;
    this.#dueNs = Math.max(nowNs, clock.arrivalNs(this.arrivals.wireBytes, this.#packet.timeNs));
    if (this.#dueNs <= LATEST_NS) return;
    throw new UnplayableError(
      `Cannot replay ${captureName} at this pace: packet ${
        this.#packet.index + 1
      } arrives more than 52 days after the ` +
        "first (pace=capture*N plays N times as fast)",
    );
  }

  #mayArrive(nowNs: number): boolean {
    const { clock, waitsForRoom } = this.options;
    if (clock !== null && this.#dueNs > nowNs) {
      this.#schedule(this.#dueNs);
      return false;
    }
    return (clock !== null && !waitsForRoom) || this.entrance.hasRoom;
  }
}
