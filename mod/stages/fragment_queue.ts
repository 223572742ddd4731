/**
 * The fragments of one packet that are here: what is missing, and what does not fit.
 *
 * inet_frag_queue_insert (net/ipv4/inet_fragment.c), ip_frag_queue (net/ipv4/ip_fragment.c), ip6_frag_queue
 * (net/ipv6/reassembly.c); 6.1.
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";

/** A fragment that waits: its data begin behind its headers. */
export interface WaitingFragment {
  readonly skb: Skb;
  /** Where its data are in those of the packet. */
  readonly offset: number;
}

/** What becomes of a fragment. */
export const FIT = { fits: 0, duplicate: 1, conflicts: 2 } as const;

/** ECN marks as bits: not-ECT, ECT(1), ECT(0), congestion experienced. */
const SEEN_NOT_ECT = 1;
const SEEN_CE = 8;

/** Fragments in the order of their offsets. */
export class FragmentQueue {
  readonly fragments: WaitingFragment[] = [];
  /** Bytes of data of the packet, as far as known. */
  bytes = 0;

  #here = 0;
  #hasLast = false;
  #ecnSeen = 0;

  /** A queue that is given up at `expiresNs`. */
  constructor(readonly expiresNs: number) {}

  /** Nothing is missing. */
  get isComplete(): boolean {
    return this.#hasLast && this.#here === this.bytes;
  }

  /** A fragment has met congestion. */
  get isCongested(): boolean {
    return (this.#ecnSeen & SEEN_CE) !== 0;
  }

  /** Some fragments can say that they met congestion, and some cannot: the packet is refused (ip_frag_ecn_table). */
  get isMixed(): boolean {
    return (this.#ecnSeen & SEEN_NOT_ECT) !== 0 && this.#ecnSeen !== SEEN_NOT_ECT;
  }

  /** Whether data from `offset` to `end`, the last of the packet or not, can be added; one of {@linkcode FIT}. */
  fit(offset: number, end: number, isLast: boolean): number {
    if (end <= offset || !this.#isConsistent(end, isLast)) return FIT.conflicts;
    const before = this.fragments[this.#placeOf(end) - 1];
    if (before === undefined || before.offset + before.skb.len <= offset) return FIT.fits;
    return this.#isCovered(offset, end) ? FIT.duplicate : FIT.conflicts;
  }

  /** Adds a fragment that fits, with the ECN field that its header has. */
  add(fragment: WaitingFragment, isLast: boolean, ecn: number): void {
    const end = fragment.offset + fragment.skb.len;
    this.fragments.splice(this.#placeOf(end), 0, fragment);
    this.bytes = Math.max(this.bytes, end);
    this.#here += fragment.skb.len;
    this.#hasLast ||= isLast;
    this.#ecnSeen |= 1 << ecn;
  }

  #isConsistent(end: number, isLast: boolean): boolean {
    if (isLast) return end >= this.bytes && (!this.#hasLast || end === this.bytes);
    return end <= this.bytes || !this.#hasLast;
  }

  /** How many fragments begin in front of `end`. */
  #placeOf(end: number): number {
    let place = this.fragments.length;
    while (place > 0 && this.fragments[place - 1]!.offset >= end) place -= 1;
    return place;
  }

  /** Whether fragments without a gap have all bytes from `offset` to `end`. */
  #isCovered(offset: number, end: number): boolean {
    let runStart = -1;
    let runEnd = -1;
    return this.fragments.some(({ skb, offset: at }) => {
      if (at !== runEnd) runStart = at;
      runEnd = at + skb.len;
      return runStart <= offset && end <= runEnd;
    });
  }
}
