/**
 * The transmit half of a driver and its NIC: a ring of descriptors and a link that sends one frame at a time.
 *
 * A frame takes one descriptor for its linear part and one for each fragment. The driver refuses a frame for which the ring
 * lacks descriptors (NETDEV_TX_BUSY) and stops its queue until half of the ring is free again; or it stops the queue ahead of
 * that, when a frame of the most fragments would no longer fit (`tx_stop=early`, as most drivers do). The NIC's interrupt then
 * raises NET_TX on the CPU that it interrupts. The ring is advanced to the caller's local time before it is looked at, so that
 * what the link has sent meanwhile is free. While frames wait, the NIC interrupts when half of them have left, for sockets that
 * wait for that.
 *
 * With byte queue limits (`bql=on`, netdev_tx_sent_queue, netdev_tx_completed_queue) the queue is stopped as well when as many
 * bytes are in the ring as keep the link busy (`dynamic_queue_limit.ts`); then each frame that leaves interrupts.
 *
 * A NIC that segments (TSO) takes an aggregate in one hand-over and puts its frames on the link one behind the other. ESP that was
 * left to it (`offload`) it does on the way (`nic_esp.ts`).
 *
 * Departures: descriptors become free at the last bit of their frame, without waiting for the driver to clean them up. A frame
 * of more fragments than the ring has descriptors is linearized by the driver, as drivers do.
 *
 * ```ts
 * const nic = new TxNic(host, new NetTxOfHost(host), null);
 * if (!nic.isStopped && nic.transmit(skb)) host.gate.leave(1);
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import type { Cpu } from "../sim/cpu.ts";
import type { Actor } from "../sim/engine.ts";
import { packetAt, packetsIn } from "../skb/members.ts";
import { linearize } from "../skb/paged_ops.ts";
import type { DeviceEsp, Skb } from "../skb/skb.ts";
import { DynamicQueueLimit } from "./dynamic_queue_limit.ts";
import { type Host, visit, writeSend } from "./host.ts";
import type { NetTx, NetTxOfHost, NetTxWork } from "./net_tx.ts";
import { cutFrameBytes, framesOnWire, wireBytesOf } from "./tso.ts";
import { TxFault } from "./tx_fault.ts";

const PS_PER_BIT_AT_1_GBPS = 1000;

/** Looks at a frame that has been sent, before its bytes go; `tNs` is the time of its last bit. */
export type FrameTap = (skb: Skb, tNs: number) => void;

/** Takes frames to another host. */
export interface Wire {
  /**
   * The last bit of the last frame of `skb` leaves at `endNs`, which is not before that of the buffer before; each byte takes `psPerByte`
   * ps.
   */
  carry(skb: Skb, endNs: number, psPerByte: number): void;
}

/** A driver, its TX ring and the link. */
export class TxNic implements Actor, NetTxWork {
  /** Descriptors. */
  readonly slots: number;
  /** Who sends through it, and is taken up when there may be room again; null when nobody waits for that. */
  queue: (NetTxWork & { readonly length: number }) | null = null;
  /** Takes each frame to another host of the run; null where frames leave the run. */
  wire: Wire | null = null;
  /** What the driver is at fault with. */
  readonly fault: TxFault;

  /** The driver has stopped its queue for want of descriptors, or its fault has; BQL has for the bytes in the ring. */
  #ringStopped = false;
  #faultStopped: boolean;
  #bytesStopped = false;
  readonly #byteLimit: DynamicQueueLimit | null;
  /** Free descriptors below which the queue is stopped; 0 when only a refusal stops it. */
  readonly #stopBelow: number;
  /** CPUs that wait for the queue to be woken. */
  #waiting: NetTx[] = [];

  readonly #ring: Skb[] = [];
  readonly #ends: number[] = [];
  #first = 0;
  #free: number;
  #wakeAt = 0;
  #linkFreeNs = 0;
  #linkFreePs = 0;
  #nextEventNs = Infinity;
  /** What a row of encryption is about. */
  readonly #sealed = { id: NONE, packet: NONE };
  readonly #psPerByte: number;

  /** The NIC of `host` that sends; it interrupts the first CPU. */
  constructor(readonly host: Host, readonly netTx: NetTxOfHost, readonly tap: FrameTap | null) {
    const { tx_ring, link_gbps, tx_fault, tx_stop, bql, max_skb_frags } = host.config;
    this.slots = tx_ring;
    this.#free = tx_ring;
    this.#psPerByte = 8 * PS_PER_BIT_AT_1_GBPS / link_gbps;
    this.#byteLimit = bql === "on" ? new DynamicQueueLimit() : null;
    this.#stopBelow = tx_stop === "early" ? Math.min(max_skb_frags + 1, tx_ring >> 1) : 0;
    this.fault = new TxFault(tx_fault);
    this.#faultStopped = this.fault.stoppedUntilNs > 0;
    if (this.#faultStopped) host.engine.schedule(this.fault.stoppedUntilNs, { wake: (nowNs) => this.#endFault(nowNs) });
  }

  /** The CPU that it interrupts. */
  get irqCpu(): Cpu<Skb> {
    return this.netTx.all[0]!.cpu;
  }

  /** The queue is stopped: nothing new is taken out of it (netif_xmit_stopped). */
  get isStopped(): boolean {
    return this.isDriverStopped || this.#bytesStopped;
  }

  /** The driver has stopped the queue (netif_tx_queue_stopped). */
  get isDriverStopped(): boolean {
    return this.#ringStopped || this.#faultStopped;
  }

  /** Bytes that may leave the queue together (qdisc_avail_bulklimit); 0 without byte queue limits. */
  get bulkBytes(): number {
    return this.#byteLimit === null ? 0 : Math.max(0, this.#byteLimit.available);
  }

  /** Has NET_TX of a CPU raised when the stopped queue is woken, once. */
  whenWoken(netTx: NetTx): void {
    if (!this.#waiting.includes(netTx)) this.#waiting.push(netTx);
  }

  /** Takes a frame (ndo_start_xmit); false is NETDEV_TX_BUSY, and the frame stays the caller's. */
  transmit(skb: Skb): boolean {
    const { ledger } = this.host;
    visit(this.host, "driver-tx", skb);
    this.advance(ledger.nowNs);
    if (this.fault.refuses()) {
      ledger.note(EVENT.busy, REASON.txFault, skb, skb.len);
      return false;
    }
    const takesFragList = this.host.config.nic_fraglist === "on";
    if ((skb.hasFragList && !takesFragList) || descriptorsOf(skb) > this.slots) linearize(this.host.skbs, skb);
    const needed = descriptorsOf(skb);
    if (this.isDriverStopped || needed > this.#free) {
      this.#stop(Math.max(needed, Math.ceil(this.slots / 2)));
      ledger.note(EVENT.busy, REASON.ringFull, skb, skb.len);
      return false;
    }
    this.#free -= needed;
    this.#ring.push(skb);
    const endNs = this.#occupyLink(ledger.nowNs, wireBytesOf(this.host.skbs, skb));
    this.#ends.push(endNs);
    this.wire?.carry(skb, endNs, this.#psPerByte);
    this.#arm(endNs);
    this.#byteLimit?.queue(skb.len);
    this.#stopAhead();
    return true;
  }

  /** Completes every frame whose last bit has left by `nowNs`. */
  advance(nowNs: number): void {
    let bytes = 0;
    while (this.#first < this.#ring.length && this.#ends[this.#first]! <= nowNs) bytes += this.#complete();
    if (this.#first > 1024) this.#compact();
    if (bytes === 0 || this.#byteLimit === null) return;
    this.#byteLimit.complete(bytes, nowNs);
    if (this.#byteLimit.available >= 0) this.#bytesStopped = false;
  }

  /** The NIC's interrupt: there may be something to clean up, or room again. */
  wake(nowNs: number): void {
    if (nowNs >= this.#nextEventNs) this.#nextEventNs = Infinity;
    this.#interrupt(nowNs);
    const nextNs = this.#nextInterruptNs(nowNs);
    if (nextNs > nowNs) this.#arm(nextNs);
  }

  /** NET_TX cleans the ring, and takes the queue up. */
  runFromNetTx(): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.qdisc;
    this.advance(ledger.nowNs);
    this.queue?.runFromNetTx();
  }

  #interrupt(nowNs: number): void {
    this.netTx.all[0]!.schedule(this, nowNs);
    if (this.#waiting.length === 0 || this.#faultStopped) return;
    for (const netTx of this.#waiting) netTx.raise(nowNs);
    this.#waiting = [];
  }

  /** The driver of `tx_fault=stopped:ms` wakes its queue; nothing follows where nobody waits for that. */
  #endFault(nowNs: number): void {
    this.#faultStopped = false;
    if (this.#waiting.length > 0 || (this.queue !== null && this.queue.length > 0)) this.#interrupt(nowNs);
  }

  #nextInterruptNs(nowNs: number): number {
    if (this.#bytesStopped) return this.#nextEndNs(nowNs);
    const roomNs = this.#ringStopped ? this.#roomNs() : -Infinity;
    return roomNs > nowNs ? roomNs : this.#halfNs(nowNs);
  }

  /** When the next frame will have left; -Infinity when there is none. */
  #nextEndNs(nowNs: number): number {
    let next = this.#first;
    while (next < this.#ends.length && this.#ends[next]! <= nowNs) next += 1;
    return this.#ends[next] ?? -Infinity;
  }

  /** Stops the queue ahead of the next frame, where that may not fit. */
  #stopAhead(): void {
    if (this.#free < this.#stopBelow) this.#stop(Math.max(this.#stopBelow, Math.ceil(this.slots / 2)));
    if (this.#byteLimit === null || this.#byteLimit.available >= 0) return;
    this.#bytesStopped = true;
    this.#arm(this.#ends[this.#first]!);
  }

  /** When half of the frames that are still to be sent at `nowNs` will have left; -Infinity when there are none. */
  #halfNs(nowNs: number): number {
    let next = this.#first;
    while (next < this.#ends.length && this.#ends[next]! <= nowNs) next += 1;
    return this.#ends[(next + this.#ends.length - 1) >> 1] ?? -Infinity;
  }

  /** Completes the first frame; returns its bytes. */
  #complete(): number {
    const skb = this.#ring[this.#first]!;
    const endNs = this.#ends[this.#first]!;
    this.#first += 1;
    this.#free += descriptorsOf(skb);
    if (this.#ringStopped && this.#free >= this.#wakeAt) this.#ringStopped = false;
    const { ledger, skbs } = this.host;
    const bytes = skb.len;
    if (skb.deviceEsp !== null) this.#noteSeals(skb, skb.deviceEsp, endNs);
    writeSend(this.host, skb, endNs);
    this.tap?.(skb, endNs);
    this.host.skbs.memory.watch?.sent(skb);
    const stage = ledger.stage;
    ledger.stage = STAGE["driver-tx"];
    skbs.free(skb, REASON.sent);
    ledger.stage = stage;
    return bytes;
  }

  /** The NIC has encrypted each frame. */
  #noteSeals(skb: Skb, esp: DeviceEsp, endNs: number): void {
    const { ledger, skbs } = this.host;
    const frames = framesOnWire(skb);
    const packets = packetsIn(skb);
    const subject = this.#sealed;
    subject.id = skb.id;
    for (let i = 0; i < frames; i++) {
      const bytes = esp.sealedBytes(skbs.memory.u8, skb.dataAt, cutFrameBytes(skbs, skb, i));
      subject.packet = i < packets ? packetAt(skb, i) : skb.packet;
      ledger.deviceRequest(endNs, STAGE.nic, EVENT.seal, REASON.nic, subject, bytes, 0, 0);
    }
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
    if (this.#ringStopped) return;
    this.#ringStopped = true;
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
    this.host.engine.schedule(tNs, this);
  }
}

function descriptorsOf(skb: Skb): number {
  let descriptors = skb.nrFrags + (skb.headlen > 0 ? 1 : 0);
  for (let member = skb.head.fragList; member !== null; member = member.next) descriptors += descriptorsOf(member);
  return descriptors;
}
