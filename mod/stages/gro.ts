/**
 * GRO: packets of one flow that arrive in one poll are merged into one buffer, by reference.
 *
 * linux-datapath 5.1 to 5.8 (net/core/dev.c 4.4, net/core/gro.c 6.1: dev_gro_receive, napi_gro_flush, napi_gro_complete).
 * This file is the table of held buffers: who is held, for how long, and in which order they go up. Whether two packets
 * belong together is decided in `gro_rules.ts`; how bytes are joined in `skb/gro_receive.ts`.
 *
 * Departure: the receive hash is this program's own mixture of addresses and ports, not a NIC's Toeplitz hash; it decides
 * the bucket (6.1) and nothing else.
 *
 * @module
 */

import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { appendToAggregate } from "../skb/gro_receive.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { combine, partialSum, pseudoHeaderSumIpv4 } from "../wire/checksum.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as tcp from "../wire/tcp.ts";
import { GroRules, type Held } from "./gro_rules.ts";
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
  readonly #rules: GroRules;
  /** Packets on their way up that 6.1 still collects. */
  readonly #normalList: Skb[] = [];
  #normalSegments = 0;

  constructor(readonly host: Host, readonly next: Stage) {
    const buckets = host.config.era === "4.4" ? 1 : GRO_HASH_BUCKETS;
    this.#buckets = Array.from({ length: buckets }, () => []);
    this.#rules = new GroRules(host.skbs);
  }

  /** Captured packets held now. */
  get heldPackets(): number {
    let packets = 0;
    for (const bucket of this.#buckets) for (const held of bucket) packets += packetsIn(held.skb);
    return packets;
  }

  /** A driver hands a packet in (napi_gro_receive); its data begins at the network header. */
  receive(skb: Skb): void {
    if (this.host.config.gro === "off") return this.#deliver(skb, 1);
    visit(this.host, "gro", skb);
    const bucket = this.#buckets[skb.hash % this.#buckets.length]!;
    const rules = this.#rules;
    this.#verifyChecksum(skb);
    const target = rules.match(skb, bucket);
    const merged = rules.mayMerge;
    if (merged) this.#merge(target!, skb, rules.headerBytes);
    if (target !== null && rules.completes) this.#complete(bucket, target, REASON.flowEnd);
    if (merged) return;
    if (rules.mayHold) this.#hold(bucket, skb);
    else this.#deliver(skb, 1);
  }

  /** The end of a poll: `complete` when it ended before its budget (napi_complete_done), else its budget was used up. */
  endPoll(complete: boolean): void {
    const { config, ledger } = this.host;
    ledger.stage = STAGE.gro;
    const jiffy = !complete && config.hz >= 1000 ? this.#jiffy() : NONE;
    for (const bucket of this.#buckets) this.#flush(bucket, jiffy, complete ? REASON.pollEnd : REASON.budget);
    this.#flushNormalList();
  }

  /** Completes the held buffers of a bucket, the oldest first; those held since jiffy `keep` stay (napi_gro_flush). */
  #flush(bucket: Held[], keep: number, reason: number): void {
    while (bucket.length > 0 && bucket[0]!.jiffy !== keep) this.#complete(bucket, bucket[0]!, reason);
  }

  #merge(held: Held, skb: Skb, headerBytes: number): void {
    const { skbs } = this.host;
    const flags = tcp.flags(skbs.memory.u8, skb.head.at + skb.transportHeader);
    held.last = appendToAggregate(skbs, held.skb, held.last, skb, headerBytes);
    observe(this.host, held.skb);
    held.count += 1;
    const tcpAt = held.skb.head.at + held.skb.transportHeader;
    const kept = flags & (tcp.FLAG_FIN | tcp.FLAG_PSH);
    tcp.setFlags(skbs.memory.u8, tcpAt, tcp.flags(skbs.memory.u8, tcpAt) | kept);
  }

  #hold(bucket: Held[], skb: Skb): void {
    if (bucket.length >= MAX_GRO_SKBS) this.#complete(bucket, bucket[0]!, REASON.tableFull);
    bucket.push(this.#rules.held(skb, this.#jiffy()));
  }

  #jiffy(): number {
    return Math.floor(this.host.ledger.nowNs * this.host.config.hz / NS_PER_SECOND);
  }

  /** Sends a held buffer up (napi_gro_complete). */
  #complete(bucket: Held[], held: Held, reason: number): void {
    bucket.splice(bucket.indexOf(held), 1);
    const skb = held.skb;
    if (held.count === 1) skb.head.gsoSize = 0;
    else finishAggregate(this.host, held);
    this.host.ledger.note(EVENT.flush, reason, skb, skb.len, held.count);
    this.#deliver(skb, held.count);
  }

  #deliver(skb: Skb, segments: number): void {
    if (this.host.config.era === "4.4") {
      this.host.cpu.handOn(this.next, skb);
      return;
    }
    this.#normalList.push(skb);
    this.#normalSegments += segments;
    if (this.#normalSegments >= GRO_NORMAL_BATCH) this.#flushNormalList();
  }

  #flushNormalList(): void {
    for (const skb of this.#normalList) this.host.cpu.handOn(this.next, skb);
    this.#normalList.length = 0;
    this.#normalSegments = 0;
  }

  /** The CPU sums a packet whose checksum no hardware has verified, unless GRO refuses it anyway (5.8). */
  #verifyChecksum(skb: Skb): void {
    const rules = this.#rules;
    rules.checksumBad = false;
    if (skb.ipSummed !== CHECKSUM.none || !rules.wantsChecksum(skb)) return;
    const transportBytes = skb.len - ipv4.HEADER_BYTES;
    this.host.ledger.note(EVENT.checksum, REASON.groVerify, skb, transportBytes);
    if (transportSum(this.host, skb) === 0xffff) skb.ipSummed = CHECKSUM.unnecessary;
    else rules.checksumBad = true;
  }
}

/** Sum over pseudo-header and transport bytes: 0xffff when the checksum holds. */
function transportSum(host: Host, skb: Skb): number {
  const { pieces, memory } = host.skbs;
  const bytes = skb.len - ipv4.HEADER_BYTES;
  const ip = skb.dataAt;
  const { u8 } = memory;
  let sum = pseudoHeaderSumIpv4(ipv4.source(u8, ip), ipv4.destination(u8, ip), ipv4.protocol(u8, ip), bytes);
  let done = 0;
  pieces.start(skb, ipv4.HEADER_BYTES, bytes);
  while (pieces.next()) {
    sum = combine(sum, partialSum(u8, pieces.at, pieces.bytes), done);
    done += pieces.bytes;
  }
  return sum;
}

/** Header of an aggregate as the stack expects it: inet_gro_complete, tcp4_gro_complete. */
function finishAggregate(host: Host, held: Held): void {
  const skb = held.skb;
  const { u8 } = host.skbs.memory;
  const ip = skb.dataAt;
  const tcpAt = skb.head.at + skb.transportHeader;
  ipv4.setTotalLength(u8, ip, skb.len);
  ipv4.writeHeaderChecksum(u8, ip);
  const transportBytes = skb.len - ipv4.HEADER_BYTES;
  const pseudo = pseudoHeaderSumIpv4(ipv4.source(u8, ip), ipv4.destination(u8, ip), PROTOCOL_TCP, transportBytes);
  tcp.setChecksum(u8, tcpAt, pseudo);
  skb.ipSummed = CHECKSUM.partial;
  skb.head.gsoSegs = held.count;
  skb.head.gsoFixedId = host.config.era === "6.1" && held.isAtomic;
}
