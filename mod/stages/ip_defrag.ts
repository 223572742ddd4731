/**
 * Reassembly: fragments for our own host wait until all are there, and go on as the packet that they were.
 *
 * ip_defrag, ip_frag_queue, ip_frag_reasm (net/ipv4/ip_fragment.c), ipv6_frag_rcv, ip6_frag_reasm (net/ipv6/reassembly.c),
 * inet_frag_reasm_prepare, inet_frag_reasm_finish (net/ipv4/inet_fragment.c); 4.4 and 6.1. The buffer of the first fragment
 * becomes the packet, and the others are chained to its frag_list as they came. In 6.1 each is first tried to be joined to it
 * (skb_try_coalesce), so that what came in pages has no frag_list, and what is short is copied into tailroom. ESP input has
 * skb_cow_data look at a buffer with a frag_list.
 *
 * Fragments that overlap lose their packet (RFC 5722); one that has come before is dropped alone. What is not complete in 30 s
 * (IPv6: 60 s) is dropped, and a packet for which there is no memory, 4 MiB for each version, is not begun.
 *
 * Departures: what has waited too long is dropped when the next fragment comes, or when the run ends, and ICMP tells nobody;
 * 4.4 cuts overlapping fragments of IPv4 where this program drops them.
 *
 * ```ts
 * const whole = defrag.take(skb, place); // null: it waits, or is dropped
 * ```
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { tryCoalesce } from "../skb/coalesce.ts";
import { pull, push, unclone } from "../skb/head_ops.ts";
import { joinMembers } from "../skb/members.ts";
import { addToFragList, mayPull, trim } from "../skb/paged_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { get16, get32, set16 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { FIT, FragmentQueue, type WaitingFragment } from "./fragment_queue.ts";
import { drop, framesIn, type Host, observe } from "./host.ts";

/** How long fragments of each version wait (ipfrag_time, ip6frag_time). */
export const FRAGMENT_WAIT_NS = { ipv4: 30000000000, ipv6: 60000000000 } as const;

/** Memory that fragments may fill (ipfrag_high_thresh, ip6frag_high_thresh). */
const HIGH_THRESHOLD_BYTES = 4 * 1024 * 1024;
const LONGEST_PACKET_BYTES = 65535;
/** Fragment header of IPv6: offset and flags, identification. */
const OFFSET_FRAGMENT_V6 = 2;
const OFFSET_IDENTIFICATION_V6 = 4;
const FRAGMENT_OFFSET_MASK_V6 = 0xfff8;
const ECN_MASK = 0x03;

/** What a fragment says of itself. */
export interface FragmentPlace {
  /** Names the packet: addresses, identification, and of IPv4 the protocol. */
  readonly key: string;
  /** Where its data are in those of the packet. */
  readonly offset: number;
  readonly isLast: boolean;
  /** Bytes of headers in front of its data, that of the fragment included. */
  readonly headerBytes: number;
}

/** The place of the fragment of IPv4 whose header, all there, begins at `at`. */
export function placeOfIpv4(u8: Uint8Array, at: number): FragmentPlace {
  const addresses = `${ipv4.source(u8, at)} ${ipv4.destination(u8, at)}`;
  return {
    key: `${addresses} ${ipv4.id(u8, at)} ${ipv4.protocol(u8, at)}`,
    offset: ipv4.fragmentOffsetBytes(u8, at),
    isLast: !ipv4.moreFragments(u8, at),
    headerBytes: ipv4.ihlBytes(u8, at),
  };
}

/** The place of the fragment of IPv6 whose header begins at `at`, and whose fragment header `headerOffset` bytes behind. */
export function placeOfIpv6(u8: Uint8Array, at: number, headerOffset: number): FragmentPlace {
  const word = get16(u8, at + headerOffset + OFFSET_FRAGMENT_V6);
  const addresses = u8.subarray(at + ipv6.OFFSET_SOURCE, at + ipv6.HEADER_BYTES).join();
  return {
    key: `${addresses} ${get32(u8, at + headerOffset + OFFSET_IDENTIFICATION_V6)}`,
    offset: word & FRAGMENT_OFFSET_MASK_V6,
    isLast: (word & 1) === 0,
    headerBytes: headerOffset + ipv6.FRAGMENT_HEADER_BYTES,
  };
}

/** Puts fragments of one IP version together. */
export class IpDefrag {
  /** Fragments that wait. */
  length = 0;

  readonly #queues = new Map<string, FragmentQueue>();
  #waitingBytes = 0;

  /** Fragments wait for `waitNs` at most. */
  constructor(readonly host: Host, readonly waitNs: number) {}

  /** Drops what is not complete. */
  release(): void {
    for (const [key, queue] of this.#queues) this.#discard(key, queue, REASON.fragmentTimeout);
  }

  /**
   * Takes a fragment whose data begin at its IP header. The whole packet when it is complete now, of IPv6 with the fragment
   * header that its first fragment had; else null.
   */
  take(skb: Skb, { key, offset, isLast, headerBytes }: FragmentPlace): Skb | null {
    const { skbs, ledger } = this.host;
    this.#expire(ledger.nowNs);
    const queue = this.#queues.get(key) ?? this.#open(key);
    if (queue === undefined) return this.#refuse(skb, REASON.fragmentMemory);
    const isIpv6 = ip.isIpv6(skbs.memory.u8, skb.dataAt);
    const there = offset + skb.len - headerBytes;
    if (isIpv6 && !isLast && (there & 7) !== 0) return this.#refuse(skb, REASON.malformed);
    const end = isLast ? there : there & ~7;
    const fit = mayPull(skbs, skb, headerBytes) ? queue.fit(offset, end, isLast) : FIT.conflicts;
    if (fit === FIT.duplicate) return this.#refuse(skb, REASON.fragmentDuplicate);
    if (fit === FIT.conflicts) {
      this.#discard(key, queue, REASON.fragmentConflict);
      return this.#refuse(skb, REASON.fragmentConflict);
    }
    const ecn = ip.dsField(skbs.memory.u8, skb.dataAt) & ECN_MASK;
    skb.networkHeader = skb.data;
    pull(skb, headerBytes);
    trim(skbs, skb, end - offset);
    this.#hold(skb);
    queue.add({ skb, offset }, isLast, ecn);
    return queue.isComplete ? this.#complete(key, queue) : null;
  }

  #open(key: string): FragmentQueue | undefined {
    if (this.#waitingBytes > HIGH_THRESHOLD_BYTES) return undefined;
    const queue = new FragmentQueue(this.host.ledger.nowNs + this.waitNs);
    this.#queues.set(key, queue);
    return queue;
  }

  #expire(nowNs: number): void {
    for (const [key, queue] of this.#queues) {
      if (queue.expiresNs > nowNs) return;
      this.#discard(key, queue, REASON.fragmentTimeout);
    }
  }

  /** What waits is not inside: the gate counts what moves. */
  #hold(skb: Skb): void {
    this.length += 1;
    this.#waitingBytes += skb.truesize;
    this.host.gate.leave(framesIn(skb));
  }

  #close(key: string, { fragments }: FragmentQueue): void {
    this.#queues.delete(key);
    for (const { skb } of fragments) {
      this.length -= 1;
      this.#waitingBytes -= skb.truesize;
      this.host.gate.enter(framesIn(skb));
    }
  }

  #discard(key: string, queue: FragmentQueue, reason: number): null {
    this.#close(key, queue);
    for (const { skb } of queue.fragments) drop(this.host, skb, reason);
    return null;
  }

  #refuse(skb: Skb, reason: number): null {
    drop(this.host, skb, reason);
    return null;
  }

  #complete(key: string, queue: FragmentQueue): Skb | null {
    const { gate } = this.host;
    const { fragments } = queue;
    const whole = fragments[0]!.skb;
    const isTooLong = whole.data - whole.networkHeader + queue.bytes > LONGEST_PACKET_BYTES;
    if (isTooLong || queue.isMixed) return this.#discard(key, queue, REASON.fragmentConflict);
    this.#close(key, queue);
    gate.leave(fragments.reduce((sum, { skb }) => sum + framesIn(skb), 0));
    this.#putTogether(whole, fragments);
    gate.enter(framesIn(whole));
    this.#writeHeader(whole, queue.isCongested);
    observe(this.host, whole);
    return whole;
  }

  /** inet_frag_reasm_prepare, inet_frag_reasm_finish. */
  #putTogether(whole: Skb, fragments: readonly WaitingFragment[]): void {
    const { skbs, config, ledger } = this.host;
    unclone(skbs, whole);
    push(whole, whole.data - whole.networkHeader);
    let last = lastMember(whole);
    for (let i = 1; i < fragments.length; i++) {
      const { skb } = fragments[i]!;
      joinMembers(whole, skb, whole.payloadBytes, skb.payloadBytes);
      if (whole.flow === NONE) whole.flow = skb.flow;
      if (whole.ipSummed !== skb.ipSummed) whole.ipSummed = CHECKSUM.none;
      if (config.era === "6.1" && tryCoalesce(skbs, whole, skb)) continue;
      ledger.write(EVENT.frag, REASON.fragmentList, skb.packet, whole.id, skb.id, skb.len, 1, 0);
      addToFragList(whole, last, skb);
      last = skb;
    }
  }

  #writeHeader(whole: Skb, isCongested: boolean): void {
    const { u8 } = this.host.skbs.memory;
    const at = whole.dataAt;
    if (isCongested) ip.setDsField(u8, at, ip.dsField(u8, at) | ECN_MASK);
    ip.setTotalBytes(u8, at, whole.len);
    if (ip.isIpv6(u8, at)) return;
    set16(u8, at + ipv4.OFFSET_FRAGMENT, ipv4.fragmentWord(u8, at) & ipv4.FLAG_DF);
    ipv4.writeHeaderChecksum(u8, at);
  }
}

/**
 * Takes the fragment header out of a whole packet of IPv6 (ip6_frag_reasm): what is in front of it, the Ethernet header
 * included, moves over it. It is `headerOffset` bytes behind the IP header, and the byte that says so `protocolOffset` bytes.
 */
export function removeFragmentHeader({ skbs }: Host, whole: Skb, headerOffset: number, protocolOffset: number): void {
  const { memory } = skbs;
  const bytes = ipv6.FRAGMENT_HEADER_BYTES;
  const at = whole.dataAt;
  const from = whole.head.at + whole.macHeader;
  memory.u8[at + protocolOffset] = memory.u8[at + headerOffset]!;
  memory.move(from, from + bytes, at + headerOffset - from);
  whole.macHeader += bytes;
  whole.networkHeader += bytes;
  pull(whole, bytes);
  ip.setTotalBytes(memory.u8, whole.dataAt, whole.len);
}

function lastMember(skb: Skb): Skb | null {
  let last = skb.head.fragList;
  while (last !== null && last.next !== null) last = last.next;
  return last;
}
