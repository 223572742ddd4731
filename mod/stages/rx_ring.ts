/**
 * One receive queue of a NIC: frames arrive by DMA in pages that the driver posted, and wait in a ring.
 *
 * Arrival costs no CPU. Whoever polls the ring is told of it, and decides when the interrupt comes (`device_napi.ts`).
 *
 * @module
 */

import type { RxFrame } from "../skb/dma.ts";

/** A ring of received frames. */
export class RxRing {
  /** Called after an arrival, with its time: the interrupt. */
  onArrival: (nowNs: number) => void = () => {};
  /** Called when a frame was taken and a slot is free, with the time. */
  onRoom: (nowNs: number) => void = () => {};

  readonly #frames: (RxFrame | null)[];
  #first = 0;
  #count = 0;

  /** A ring of `slots` slots, one per frame. */
  constructor(readonly slots: number) {
    this.#frames = new Array<RxFrame | null>(slots).fill(null);
  }

  /** Frames that wait. */
  get length(): number {
    return this.#count;
  }

  get hasRoom(): boolean {
    return this.#count < this.slots;
  }

  /** A frame has been written to memory at `nowNs`; the ring has room. */
  arrive(frame: RxFrame, nowNs: number): void {
    if (!this.hasRoom) throw new Error("Cannot put a frame on the RX ring: it is full");
    this.#frames[(this.#first + this.#count) % this.slots] = frame;
    this.#count += 1;
    this.onArrival(nowNs);
  }

  /** The driver takes the oldest frame; undefined when the ring is empty. */
  take(nowNs: number): RxFrame | undefined {
    const frame = this.#frames[this.#first];
    if (frame === null || frame === undefined) return undefined;
    this.#frames[this.#first] = null;
    this.#first = (this.#first + 1) % this.slots;
    this.#count -= 1;
    this.onRoom(nowNs);
    return frame;
  }
}
