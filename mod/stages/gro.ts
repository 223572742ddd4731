/**
 * GRO: packets of one flow that arrive in one poll are merged into one buffer, by reference.
 *
 * linux-datapath 5.1 to 5.8 (net/core/dev.c 4.4, net/core/gro.c 6.1: dev_gro_receive, napi_gro_flush, napi_gro_complete).
 * This file is the table of held buffers: who is held, for how long, and in which order they go up. Headers are read in
 * `gro_headers.ts`, whether two packets belong together is decided in `gro_rules.ts`; how bytes are joined in
 * `skb/gro_receive.ts` and `skb/packet_list.ts`; `gro_held.ts` makes a buffer ready to go up. Super-packets (GSO input) pass
 * GRO of 4.4 by; 6.1 merges those of TCP.
 *
 * Departure: the receive hash is this program's own mixture of addresses and ports, not a NIC's Toeplitz hash; it decides
 * the bucket (6.1) and nothing else. Without one (`rx_hash=off`) all flows are in one bucket.
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { appendToAggregate } from "../skb/gro_receive.ts";
import { appendPacket } from "../skb/packet_list.ts";
import type { Skb } from "../skb/skb.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import { AGGREGATE_BYTES_MAX, idStep, staysAtomic } from "../wire/merge_rules.ts";
import * as tcp from "../wire/tcp.ts";
import type { EspGro } from "./esp_gro.ts";
import { GroHeaders } from "./gro_headers.ts";
import { finishHeld, Held } from "./gro_held.ts";
import { GroRules } from "./gro_rules.ts";
import { type Host, observe, packetsIn, type Stage, visit } from "./host.ts";

/** Held buffers per list: one list per NAPI in 4.4, one per hash bucket in 6.1 (MAX_GRO_SKBS). */
const MAX_GRO_SKBS = 8;
/** Hash buckets of 6.1 (GRO_HASH_BUCKETS). */
const GRO_HASH_BUCKETS = 8;
/** Segments that 6.1 collects before it delivers (net.core.gro_normal_batch). */
const GRO_NORMAL_BATCH = 8;
const NS_PER_SECOND = 1e9;

/** The GRO state of one NAPI. */
export class Gro {
  /** Lists of held buffers, the oldest first. */
  readonly #buckets: Held[][];
  readonly #headers: GroHeaders;
  readonly #rules: GroRules;
  /** Packets on their way up that 6.1 still collects. */
  readonly #normalList: Skb[] = [];
  #normalSegments = 0;

  constructor(
    readonly host: Host,
    readonly next: Stage,
    /** Takes the first packet of each list that goes up together (netif_receive_skb_list of 6.1; of 4.4 every packet). */
    readonly listStart: Stage = next,
    /** Aggregates stay below this length (gro_max_size of the device). */
    bytesMax: number = AGGREGATE_BYTES_MAX,
    /** The handler of ESP packets (`esp_gro=on`); null where there is none. */
    readonly esp: EspGro | null = null,
  ) {
    const buckets = host.config.era === "4.4" ? 1 : GRO_HASH_BUCKETS;
    this.#buckets = Array.from({ length: buckets }, () => []);
    this.#headers = new GroHeaders(host.skbs, esp !== null);
    this.#rules = new GroRules(host, this.#headers, bytesMax);
  }

  /** Captured packets held now. */
  get heldPackets(): number {
    let packets = 0;
    for (const bucket of this.#buckets) for (const held of bucket) packets += packetsIn(held.skb);
    return packets;
  }

  /** Something is held (gro_list, gro_bitmask). */
  get isHolding(): boolean {
    return this.#buckets.some((bucket) => bucket.length > 0);
  }

  /**
   * A driver hands a packet in: its data begins at the network header (napi_gro_receive), or the head is empty and the data
   * begins with an Ethernet header in the first fragment (napi_gro_frags).
   */
  receive(skb: Skb): void {
    const headers = this.#headers;
    const { config } = this.host;
    headers.begin(skb);
    if (skb.headlen === 0 && skb.macHeader === skb.data) headers.takeEthernet(skb);
    if (config.gro === "off") return this.#deliver(skb, 1);
    visit(this.host, "gro", skb);
    const passesBy = config.era === "4.4" && (skb.isGso || skb.hasFragList);
    if (passesBy) this.#deliver(skb, 1);
    else this.#receive(skb, this.#buckets[skb.hash % this.#buckets.length]!);
  }

  /** dev_gro_receive. */
  #receive(skb: Skb, bucket: Held[]): void {
    const rules = this.#rules;
    const target = rules.match(skb, bucket);
    if (rules.isEsp && this.esp!.take(skb, this.#headers.networkBytes)) return;
    const merged = rules.mayMerge;
    if (merged) this.#merge(target!, skb);
    if (rules.flushReason !== REASON.none) this.#complete(bucket, target!, rules.flushReason);
    if (merged) return;
    if (rules.mayHold) return this.#hold(bucket, skb);
    this.#headers.pullHeaders(skb);
    this.#deliver(skb, 1);
  }

  /** The end of a poll: `complete` when it ended before its budget (napi_complete_done), else its budget was used up. */
  endPoll(complete: boolean): void {
    const keepsYoung = !complete && this.host.config.hz >= 1000;
    this.#flushAll(keepsYoung, complete ? REASON.pollEnd : REASON.budget);
  }

  /**
   * The end of a poll with packets before its budget, where a timer will poll again (gro_flush_timeout): 4.4 goes on holding
   * everything, 6.1 what came within this jiffy.
   */
  endHoldingPoll(): void {
    if (this.host.config.era === "6.1") this.#flushAll(true, REASON.flushOld);
  }

  /** The end of the poll of that timer, which found nothing: all goes up. */
  endTimerPoll(): void {
    this.#flushAll(false, REASON.flushTimer);
  }

  #flushAll(keepsYoung: boolean, reason: number): void {
    this.host.ledger.stage = STAGE.gro;
    const keep = keepsYoung ? this.#jiffy() : NONE;
    for (const bucket of this.#buckets) this.#flush(bucket, keep, reason);
    this.#flushNormalList();
  }

  /** Completes the held buffers of a bucket, the oldest first; those held since jiffy `keep` stay (napi_gro_flush). */
  #flush(bucket: Held[], keep: number, reason: number): void {
    while (bucket.length > 0 && bucket[0]!.jiffy !== keep) this.#complete(bucket, bucket[0]!, reason);
  }

  #merge(held: Held, skb: Skb): void {
    const { skbs } = this.host;
    const { at, headerBytes, networkBytes, protocol, isIpv6 } = this.#headers;
    const { u8 } = skbs.memory;
    if (!isIpv6) held.isAtomic = staysAtomic(idStep(u8, at, u8, held.at), held);
    held.count += skb.isGso ? skb.head.gsoSegs : 1;
    if (protocol === PROTOCOL_TCP) this.#keepFlags(u8, held.at + networkBytes);
    if (protocol !== PROTOCOL_TCP && this.#rules.chainsUdp) {
      this.#headers.linearizeHeaders(skb);
      held.last = appendPacket(skbs, held.skb, held.last, skb, headerBytes);
    } else {
      held.last = appendToAggregate(skbs, held.skb, held.last, skb, headerBytes);
    }
    observe(this.host, held.skb);
  }

  /** FIN and PSH of the packet that joins are the aggregate's from now on. */
  #keepFlags(u8: Uint8Array, tcpAt: number): void {
    const kept = this.#rules.tcpFlags & (tcp.FLAG_FIN | tcp.FLAG_PSH);
    tcp.setFlags(u8, tcpAt, tcp.flags(u8, tcpAt) | kept);
  }

  #hold(bucket: Held[], skb: Skb): void {
    if (bucket.length >= MAX_GRO_SKBS) this.#complete(bucket, bucket[0]!, REASON.tableFull);
    this.#headers.pullHeaders(skb);
    bucket.push(new Held(this.host.skbs, skb, this.#headers, this.#jiffy()));
  }

  #jiffy(): number {
    return Math.floor(this.host.ledger.nowNs * this.host.config.hz / NS_PER_SECOND);
  }

  /** Sends a held buffer up (napi_gro_complete). */
  #complete(bucket: Held[], held: Held, reason: number): void {
    bucket.splice(bucket.indexOf(held), 1);
    const skb = held.skb;
    finishHeld(this.host.skbs, held, this.#rules.chainsUdp);
    this.host.ledger.note(EVENT.flush, reason, skb, skb.len, held.count);
    this.#deliver(skb, held.count);
  }

  #deliver(skb: Skb, segments: number): void {
    if (this.host.config.era === "4.4") {
      this.host.cpu.handOn(this.listStart, skb);
      return;
    }
    this.#normalList.push(skb);
    this.#normalSegments += segments;
    if (this.#normalSegments >= GRO_NORMAL_BATCH) this.#flushNormalList();
  }

  #flushNormalList(): void {
    this.#normalList.forEach((skb, i) => this.host.cpu.handOn(i === 0 ? this.listStart : this.next, skb));
    this.#normalList.length = 0;
    this.#normalSegments = 0;
  }
}
