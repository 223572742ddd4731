/**
 * When frames arrive: configuration key `pace`.
 *
 * `max` is a closed loop: the next frame comes as soon as there is room for it, and no clock is needed. The others are open
 * loops, each with a clock that says when the next frame has arrived, its last bit included, in whole ns from the first:
 *
 * - `line` and `rate:<Gbps>`: frames come back to back at link_gbps, or at another rate of wire bits (each frame counts 24
 *   bytes more, and 60 bytes of its own at least). The time of a frame is that of all bits since the first frame, divided
 *   once, so that no rounding adds up.
 * - `capture` and `capture*N`: as stamped, or N times as fast. A stamp that lies before an earlier one counts as that: order
 *   is that of the file, and time never goes back.
 *
 * ```ts
 * const clock = clockOf({ pace: "line", link_gbps: 10 })!;
 * clock.arrivalNs(1538, 0); // 0: times count from the first frame
 * clock.arrivalNs(1538, 0); // 1230: 12304 bits at 10 Gbit/s
 * ```
 *
 * @module
 */

import { formNumber } from "../config/kinds.ts";
import type { Config } from "../config/schema.ts";

/** Latest time of an arrival in ns, 52 days: beyond it a sum of times and costs would lose its last digits. */
export const LATEST_NS: number = 2 ** 52;

/** Says when frames arrive. */
export interface ArrivalClock {
  /**
   * The time in ns at which the next frame has arrived, not before those it gave earlier.
   *
   * @param wireBytes What the frame takes on the wire, overhead included; 0 for a packet that brings no frame.
   * @param stampNs Stamp of its captured packet in ns since the first stamp.
   */
  arrivalNs(wireBytes: number, stampNs: number): number;
}

/** The clock of a configuration; null under `pace=max`, where room for the next frame decides. */
export function clockOf({ pace, link_gbps }: Pick<Config, "pace" | "link_gbps">): ArrivalClock | null {
  if (pace === "max") return null;
  if (pace === "line") return new WireClock(link_gbps);
  const gbps = formNumber(pace, "rate:");
  return gbps === undefined ? new StampClock(formNumber(pace, "capture*") ?? 1) : new WireClock(gbps);
}

/** Frames back to back. */
class WireClock implements ArrivalClock {
  #bits = 0;
  #started = false;

  constructor(readonly gbps: number) {}

  arrivalNs(wireBytes: number): number {
    if (this.#started) this.#bits += 8 * wireBytes;
    else this.#started = wireBytes > 0;
    return Math.round(this.#bits / this.gbps);
  }
}

/** Frames as stamped. */
class StampClock implements ArrivalClock {
  #latestNs = 0;

  constructor(readonly speed: number) {}

  arrivalNs(_wireBytes: number, stampNs: number): number {
    this.#latestNs = Math.max(this.#latestNs, Math.round(stampNs / this.speed));
    return this.#latestNs;
  }
}
