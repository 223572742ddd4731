/**
 * The transmit half of a driver and its NIC: a ring of descriptors and a link that sends one frame at a time.
 *
 * A frame takes one descriptor for its linear part and one for each fragment. The driver refuses a frame for which the ring
 * lacks descriptors (NETDEV_TX_BUSY) and stops its queue until half of the ring is free again; the NIC's interrupt then
 * raises NET_TX. The ring is advanced to the caller's local time before it is looked at, so that what the link has sent
 * meanwhile is free. While frames wait, the NIC interrupts when half of them have left, for sockets that wait for that.
 *
 * A NIC that segments (TSO) takes an aggregate in one hand-over and puts its frames on the link one behind the other.
 *
 * Departures: descriptors become free at the last bit of their frame, without waiting for the driver to clean them up; no
 * byte queue limits. A frame of more fragments than the ring has descriptors is linearized by the driver, as drivers do.
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import type { Actor, Engine } from "../sim/engine.ts";
import { SOFTIRQ } from "../sim/cpu.ts";
import { linearize } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { type Host, visit, writeSend } from "./host.ts";
import { wireBytesOf } from "./tso.ts";

const PS_PER_BIT_AT_1_GBPS = 1000;

/** Looks at a frame that has been sent, before its bytes go; `tNs` is the time of its last bit. */
export type FrameTap = (skb: Skb, tNs: number) => void;

/** A driver, its TX ring and the link. */
export class TxNic implements Actor {
  /** The driver has stopped its queue. */
  isStopped = false;

  readonly #ring: Skb[] = [];
  readonly #ends: number[] = [];
  #first = 0;
  #free: number;
  #wakeAt = 0;
  #linkFreeNs = 0;
  #linkFreePs = 0;
  #nextEventNs = Infinity;
  readonly #psPerByte: number;

  constructor(
    readonly host: Host,
    readonly engine: Engine,
    /** Descriptors. */
    readonly slots: number,
    linkGbps: number,
    readonly tap: FrameTap | null,
  ) {
    this.#free = slots;
    this.#psPerByte = 8 * PS_PER_BIT_AT_1_GBPS / linkGbps;
  }

  /** Takes a frame (ndo_start_xmit); false is NETDEV_TX_BUSY, and the frame stays the caller's. */
  transmit(skb: Skb): boolean {
    const { ledger } = this.host;
    visit(this.host, "driver-tx", skb);
    this.advance(ledger.nowNs);
    const takesFragList = this.host.config.nic_fraglist === "on";
    if ((skb.hasFragList && !takesFragList) || descriptorsOf(skb) > this.slots) linearize(this.host.skbs, skb);
    const needed = descriptorsOf(skb);
    if (this.isStopped || needed > this.#free) {
      this.#stop(Math.max(needed, Math.ceil(this.slots / 2)));
      ledger.note(EVENT.busy, REASON.ringFull, skb, skb.len);
      return false;
    }
    this.#free -= needed;
    this.#ring.push(skb);
    const endNs = this.#occupyLink(ledger.nowNs, wireBytesOf(this.host.skbs, skb));
    this.#ends.push(endNs);
    this.#arm(endNs);
    return true;
  }

  /** Completes every frame whose last bit has left by `nowNs`. */
  advance(nowNs: number): void {
    while (this.#first < this.#ring.length && this.#ends[this.#first]! <= nowNs) this.#complete();
    if (this.#first > 1024) this.#compact();
  }

  /** The NIC's interrupt: there may be something to clean up, or room again. */
  wake(nowNs: number): void {
    if (nowNs >= this.#nextEventNs) this.#nextEventNs = Infinity;
    this.host.cpu.raise(SOFTIRQ.netTx, nowNs);
    const roomNs = this.isStopped ? this.#roomNs() : -Infinity;
    const nextNs = roomNs > nowNs ? roomNs : this.#halfNs(nowNs);
    if (nextNs > nowNs) this.#arm(nextNs);
  }

  /** When half of the frames that are still to be sent at `nowNs` will have left; -Infinity when there are none. */
  #halfNs(nowNs: number): number {
    let next = this.#first;
    while (next < this.#ends.length && this.#ends[next]! <= nowNs) next += 1;
    return this.#ends[(next + this.#ends.length - 1) >> 1] ?? -Infinity;
  }

  #complete(): void {
    const skb = this.#ring[this.#first]!;
    const endNs = this.#ends[this.#first]!;
    this.#first += 1;
    this.#free += descriptorsOf(skb);
    if (this.isStopped && this.#free >= this.#wakeAt) this.isStopped = false;
    const { ledger, skbs } = this.host;
    writeSend(this.host, skb, endNs);
    this.tap?.(skb, endNs);
    const stage = ledger.stage;
    ledger.stage = STAGE["driver-tx"];
    skbs.free(skb, REASON.sent);
    ledger.stage = stage;
  }

  #compact(): void {
    this.#ring.splice(0, this.#first);
    this.#ends.splice(0, this.#first);
    this.#first = 0;
  }

  /** The link sends as soon as it is free what takes `bytes` bytes on the wire; returns the time of the last bit, rounded up. */
  #occupyLink(nowNs: number, bytes: number): number {
    if (this.#linkFreeNs < nowNs) {
      this.#linkFreeNs = nowNs;
      this.#linkFreePs = 0;
    }
    const ps = this.#linkFreePs + Math.round(bytes * this.#psPerByte);
    this.#linkFreeNs += Math.floor(ps / PS_PER_NS);
    this.#linkFreePs = ps % PS_PER_NS;
    return this.#linkFreePs > 0 ? this.#linkFreeNs + 1 : this.#linkFreeNs;
  }

  /** Stops the queue until `descriptors` descriptors are free, and asks to be woken then. */
  #stop(descriptors: number): void {
    if (this.isStopped) return;
    this.isStopped = true;
    this.#wakeAt = descriptors;
    this.#arm(this.#roomNs());
  }

  /** When as many descriptors will be free as the stopped queue waits for. */
  #roomNs(): number {
    let free = this.#free;
    let frame = this.#first;
    while (free < this.#wakeAt && frame < this.#ring.length) free += descriptorsOf(this.#ring[frame++]!);
    return frame === 0 ? -Infinity : this.#ends[frame - 1]!;
  }

  /** Asks for an interrupt at `tNs`, unless one is due before. */
  #arm(tNs: number): void {
    if (tNs >= this.#nextEventNs) return;
    this.#nextEventNs = tNs;
    this.engine.schedule(tNs, this);
  }
}

function descriptorsOf(skb: Skb): number {
  let descriptors = skb.nrFrags + (skb.headlen > 0 ? 1 : 0);
  for (let member = skb.head.fragList; member !== null; member = member.next) descriptors += descriptorsOf(member);
  return descriptors;
}
