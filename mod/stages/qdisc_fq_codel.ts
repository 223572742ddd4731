/**
 * fq_codel: a list for each flow, served in turn by bytes, new flows first; CoDel drops in each of them.
 *
 * RFC 8290; net/sched/sch_fq_codel.c (fq_codel_enqueue, fq_codel_drop, fq_codel_dequeue; 4.4 and 6.1). 1024 flows by hash, a
 * quantum of one MTU with its Ethernet header. A full queue takes packets from the head of the flow with the most bytes: one in
 * 4.4, half of its bytes but no more than 64 packets in 6.1; who queued a packet of that flow is told so (NET_XMIT_CN). In 6.1 it
 * is full as well when its buffers take 32 MiB. Where the ECN field of the outer header allows it, CoDel marks instead of dropping.
 *
 * Departures: the flow is that of the receive hash, which ESP does not change, mixed, since ours is no Toeplitz hash; without
 * one (`rx_hash=off`) all packets are one flow, as ESP packets of one tunnel are. An aggregate counts with its own length, without the
 * headers that its segments will have. What the driver refused does not count in the bytes that wait.
 *
 * ```ts
 * const fair = new FqCodel(host, 10240);
 * fair.enqueue(skb);
 * fair.dequeue(); // skb, or null when CoDel has dropped all that waited
 * ```
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { Codel } from "./codel.ts";
import type { Host } from "./host.ts";
import { countedLength, noteEnqueue, type QdiscKind } from "./qdisc_kind.ts";
import { dropQueued, refuse } from "./refusal.ts";
import { SkbFifo } from "./skb_fifo.ts";

const FLOWS = 1024;
/** Packets that a full queue takes from the fattest flow at once (drop_batch_size; since 4.7). */
const DROP_BATCH = 64;
/** Memory of the buffers that wait (memory_limit; since 4.7). */
const MEMORY_LIMIT_BYTES = 32 * 1024 * 1024;
/** ECN field: not capable, and congestion experienced. */
const ECN_MASK = 3;
const NOT_ECT = 0;
const CE = 3;

/** The packets of one flow. */
class Flow {
  readonly fifo = new SkbFifo();
  readonly codel = new Codel();
  bytes = 0;
  /** Bytes that it may still send in this turn. */
  deficit = 0;
  /** It is among the new or the old flows. */
  isListed = false;
}

/** Fair queueing with CoDel. */
export class FqCodel implements QdiscKind {
  requeued = 0;
  length = 0;
  /** Whether the packet dequeued last has been marked. */
  dequeueReason: number = REASON.none;

  readonly #flows: readonly Flow[] = Array.from({ length: FLOWS }, () => new Flow());
  #newFlows: Flow[] = [];
  #oldFlows: Flow[] = [];
  #bytes = 0;
  #memoryBytes = 0;
  readonly #quantum: number;

  constructor(readonly host: Host, readonly limit: number) {
    this.#quantum = host.config.mtu + ETH_HLEN;
  }

  enqueue(skb: Skb): void {
    const flow = this.#flows[flowOf(skb.hash)]!;
    skb.queuedNs = this.host.ledger.nowNs;
    flow.fifo.push(skb);
    flow.bytes += skb.len;
    this.#bytes += skb.len;
    this.#memoryBytes += skb.truesize;
    this.length += 1;
    if (!flow.isListed) {
      flow.isListed = true;
      flow.deficit = this.#quantum;
      this.#newFlows.push(flow);
    }
    noteEnqueue(this.host, skb, this.length + this.requeued);
    if (this.#isFull && this.#dropFattest() === flow) refuse(this.host);
  }

  dequeue(): Skb | null {
    this.dequeueReason = REASON.none;
    for (;;) {
      const isNew = this.#newFlows.length > 0;
      const flows = isNew ? this.#newFlows : this.#oldFlows;
      const flow = flows[0];
      if (flow === undefined) return null;
      if (flow.deficit <= 0) {
        flow.deficit += this.#quantum;
        flows.shift();
        this.#oldFlows.push(flow);
        continue;
      }
      const skb = this.#dequeueFrom(flow);
      if (skb !== null) {
        flow.deficit -= skb.len;
        return skb;
      }
      flows.shift();
      // A new flow that has run dry goes round once more, or it could starve the old ones.
      flow.isListed = isNew && this.#oldFlows.length > 0;
      if (flow.isListed) this.#oldFlows.push(flow);
    }
  }

  peek(): Skb | null {
    for (const flow of this.#newFlows) if (flow.fifo.first !== null) return flow.fifo.first;
    for (const flow of this.#oldFlows) if (flow.fifo.first !== null) return flow.fifo.first;
    return null;
  }

  get #isFull(): boolean {
    if (countedLength(this.host, this) > this.limit) return true;
    return this.host.config.era !== "4.4" && this.#memoryBytes > MEMORY_LIMIT_BYTES;
  }

  /** Drops from the head of the flow with the most bytes, and returns it. */
  #dropFattest(): Flow {
    let fattest = this.#flows[0]!;
    for (const flow of this.#flows) if (flow.bytes > fattest.bytes) fattest = flow;
    const isEra44 = this.host.config.era === "4.4";
    const most = isEra44 ? 1 : DROP_BATCH;
    const enough = fattest.bytes >> 1;
    let bytes = 0;
    let packets = 0;
    do {
      const skb = this.#take(fattest)!;
      bytes += skb.len;
      packets += 1;
      this.#drop(skb, REASON.fattestFlow);
    } while (packets < most && bytes < enough);
    if (!isEra44) fattest.codel.count += packets;
    return fattest;
  }

  /** codel_dequeue. */
  #dequeueFrom(flow: Flow): Skb | null {
    const { codel } = flow;
    const { nowNs } = this.host.ledger;
    const first = this.#take(flow);
    if (first === null) {
      codel.isDropping = false;
      return null;
    }
    const isTooLate = this.#isTooLate(codel, first, nowNs);
    if (codel.isDropping) return isTooLate ? this.#dropOn(flow, first, nowNs) : this.#stopDropping(codel, first);
    if (!isTooLate) return first;
    let skb: Skb | null = first;
    if (!this.#mark(first)) {
      this.#drop(first, REASON.codel);
      skb = this.#take(flow);
      this.#isTooLate(codel, skb, nowNs);
    }
    codel.start(nowNs);
    return skb;
  }

  #stopDropping(codel: Codel, skb: Skb): Skb {
    codel.isDropping = false;
    return skb;
  }

  /** Drops what is due, from `first` on, until a packet has waited for less or is marked; returns it. */
  #dropOn(flow: Flow, first: Skb, nowNs: number): Skb | null {
    const { codel } = flow;
    let skb: Skb | null = first;
    while (codel.isDue(nowNs)) {
      codel.countDrop();
      if (this.#mark(skb!)) {
        codel.scheduleNext();
        return skb;
      }
      this.#drop(skb!, REASON.codel);
      skb = this.#take(flow);
      if (this.#isTooLate(codel, skb, nowNs)) codel.scheduleNext();
      else codel.isDropping = false;
    }
    return skb;
  }

  #isTooLate(codel: Codel, skb: Skb | null, nowNs: number): boolean {
    if (skb !== null) return codel.isTooLate(skb.queuedNs, nowNs, this.#bytes <= this.#quantum);
    codel.empty();
    return false;
  }

  #take(flow: Flow): Skb | null {
    const skb = flow.fifo.shift();
    if (skb === null) return null;
    flow.bytes -= skb.len;
    this.#bytes -= skb.len;
    this.#memoryBytes -= skb.truesize;
    this.length -= 1;
    return skb;
  }

  #drop(skb: Skb, reason: number): void {
    const { ledger } = this.host;
    ledger.stage = STAGE.qdisc;
    ledger.note(EVENT.dequeue, reason, skb, skb.len, this.length + this.requeued);
    dropQueued(this.host, skb, reason);
  }

  /** INET_ECN_set_ce: false where the sender does not understand ECN. */
  #mark(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    const at = skb.head.at + skb.networkHeader;
    const field = ip.dsField(u8, at);
    if ((field & ECN_MASK) === NOT_ECT) return false;
    ip.setDsField(u8, at, field | CE);
    if (!ip.isIpv6(u8, at)) ipv4.writeHeaderChecksum(u8, at);
    this.dequeueReason = REASON.codelMark;
    return true;
  }
}

/** The flow of a hash (reciprocal_scale), which is mixed before: ours are small numbers. */
function flowOf(hash: number): number {
  return Math.imul(hash, 0x9e3779b1) >>> 22;
}
