/**
 * Making and freeing socket buffers: which block a head comes from, and what it leaves as tailroom.
 *
 * linux-datapath 1.4 (alloc_skb), 1.5 (napi_alloc_skb) and 2.5. Every buffer made writes `alloc`, every buffer freed
 * writes `free`, and the difference is what lives.
 *
 * ```ts
 * const skbs = new SkbMemory(new Memory(), ledger, { era: "4.4" });
 * const skb = skbs.allocSkb(1704); // class 2048: endOffset 1728
 * skbs.free(skb, REASON.consumed);
 * ```
 *
 * @module
 */

import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { DEFAULT_PAGE_ORDER, Geometry, NET_SKB_PAD } from "./geometry.ts";
import { inheritMembers } from "./members.ts";
import type { Memory } from "./memory.ts";
import { Pieces } from "./pieces.ts";
import { Frag, HeadBuffer, Skb } from "./skb.ts";

/** Rules that differ by kernel and have no key of their own. */
export type Era = "4.4" | "6.1";

/** What decides the shape of all buffers of a host. */
export interface SkbMemoryOptions {
  /** Rules of which kernel. */
  readonly era: Era;
  /** Fragments that a buffer can hold, from 17 to 45 (MAX_SKB_FRAGS); 17 unless given. */
  readonly maxSkbFrags?: number;
  /** Fragments that the stack fills, from 1 to `maxSkbFrags`: all of them unless given. */
  readonly buildFrags?: number;
  /** Order of the blocks of page-frag pools, from 0 to 3; 3 unless given. */
  readonly pageOrder?: number;
  /** Where its buffers get their numbers; a count of its own unless given. */
  readonly numbers?: SkbNumbers;
}

/** Numbers of buffers, in the order in which they are made: one count for all machines of a run. */
export class SkbNumbers {
  #next = 0;

  /** The next number. */
  next(): number {
    return this.#next++;
  }
}

/** The allocator of socket buffers, and what their operations share: the bytes, the ledger, the era, the sizes. */
export class SkbMemory {
  /** A cursor for loops that call nothing else that walks a packet. */
  readonly pieces: Pieces = new Pieces();
  /** Rules of which kernel. */
  readonly era: Era;
  /** Sizes of linear areas. */
  readonly geometry: Geometry;
  /** Fragments that a buffer can hold: the limit for who adds one to a buffer that others built, as ESP does. */
  readonly maxSkbFrags: number;
  /** Fragments up to which buffers are built (GRO, the TCP socket). */
  readonly buildFrags: number;
  /** Order of the blocks of page-frag pools. */
  readonly pageOrder: number;
  readonly #numbers: SkbNumbers;

  /** Buffers over the blocks of `memory`, whose events go into `ledger`. */
  constructor(
    readonly memory: Memory,
    readonly ledger: Ledger,
    options: SkbMemoryOptions,
  ) {
    this.era = options.era;
    this.geometry = new Geometry(options.maxSkbFrags);
    this.maxSkbFrags = this.geometry.maxSkbFrags;
    this.buildFrags = options.buildFrags ?? this.maxSkbFrags;
    this.pageOrder = options.pageOrder ?? DEFAULT_PAGE_ORDER;
    this.#numbers = options.numbers ?? new SkbNumbers();
  }

  /** An empty skb with a kmalloc head for `bytes` and no headroom reserved (__alloc_skb). */
  allocSkb(bytes: number): Skb {
    return this.#make(this.makeHead(this.geometry.kmallocEndOffset(bytes)), false, REASON.allocSkb);
  }

  /** An empty skb from the NAPI allocator with NET_SKB_PAD reserved (__napi_alloc_skb). */
  napiAllocSkb(bytes: number): Skb {
    const endOffset = this.geometry.napiEndOffset(bytes, this.era);
    const isPageFragment = this.geometry.napiHeadIsPageFragment(bytes);
    return padded(this.#make(this.makeHead(endOffset), isPageFragment, REASON.napiAllocSkb), NET_SKB_PAD);
  }

  /** An empty skb from the driver's allocator with NET_SKB_PAD reserved (__netdev_alloc_skb). */
  netdevAllocSkb(bytes: number): Skb {
    const endOffset = this.geometry.netdevEndOffset(bytes, this.era);
    const isPageFragment = this.geometry.netdevHeadIsPageFragment(bytes, this.era);
    return padded(this.#make(this.makeHead(endOffset), isPageFragment, REASON.netdevAllocSkb), NET_SKB_PAD);
  }

  /** An empty skb around a receive buffer of `bufferBytes` bytes, shared info included, with `headroom` reserved. */
  buildSkb(bufferBytes: number, headroom: number): Skb {
    const head = this.makeHead(this.geometry.withOverhead(bufferBytes));
    return padded(this.#make(head, true, REASON.buildSkb), headroom);
  }

  /** A second sk_buff over the head of `skb`; the caller counts the reference (skb_clone). */
  cloneOf(skb: Skb): Skb {
    const clone = new Skb(this.#numbers.next(), skb.head, skb.headFrag);
    copyState(skb, clone);
    this.ledger.note(EVENT.clone, REASON.skbClone, skb, skb.len, 1, clone.id);
    return clone;
  }

  /** A head of `endOffset` usable bytes in a block of its own. */
  makeHead(endOffset: number): HeadBuffer {
    return new HeadBuffer(this.memory.allocate(endOffset + this.geometry.sharedInfoBytes), 0, endOffset);
  }

  /** Drops one owner of `skb`; the last one gives its bytes back (kfree_skb, consume_skb). */
  free(skb: Skb, reason: number): void {
    skb.users -= 1;
    if (skb.users > 0) return;
    if (skb.users < 0) throw new Error(`Cannot free skb ${skb.id}: it is free already`);
    this.releaseHead(skb);
    this.ledger.note(EVENT.free, reason, skb, skb.len);
    skb.owner?.release(skb);
  }

  /** Drops the reference that `skb` holds on its head (skb_release_data). */
  releaseHead(skb: Skb): void {
    const head = skb.head;
    if (skb.nohdr) head.payloadRefs -= 1;
    head.dataref -= 1;
    if (head.dataref > 0) return;
    for (const frag of head.frags) this.memory.put(frag.block);
    head.frags.length = 0;
    this.freeList(head.fragList, REASON.consumed);
    head.fragList = null;
    this.memory.put(head.block);
  }

  /** Frees every buffer of a list (kfree_skb_list). */
  freeList(first: Skb | null, reason: number): void {
    for (let skb = first; skb !== null;) {
      const next = skb.next;
      this.free(skb, reason);
      skb = next;
    }
  }

  /** A fragment over `bytes` bytes of `block`, on which it takes a reference. */
  refFrag(frag: Frag): Frag {
    this.memory.get(frag.block);
    return new Frag(frag.block, frag.offset, frag.bytes);
  }

  #make(head: HeadBuffer, headFrag: boolean, reason: number): Skb {
    const skb = new Skb(this.#numbers.next(), head, headFrag);
    this.ledger.write(EVENT.alloc, reason, NONE, skb.id, NONE, head.endOffset, 1, 0);
    return skb;
  }
}

/** skb_reserve on a buffer that was just made. */
function padded(skb: Skb, headroom: number): Skb {
  skb.data = headroom;
  skb.tail = headroom;
  return skb;
}

/** Copies what __copy_skb_header and __skb_clone copy, lengths and offsets included. */
function copyState(from: Skb, to: Skb): void {
  to.data = from.data;
  to.tail = from.tail;
  to.len = from.len;
  to.dataLen = from.dataLen;
  to.hdrLen = from.hdrLen;
  copyHeaderState(from, to);
}

/** Copies what describes the packet rather than the buffer (__copy_skb_header). */
export function copyHeaderState(from: Skb, to: Skb): void {
  to.macHeader = from.macHeader;
  to.networkHeader = from.networkHeader;
  to.transportHeader = from.transportHeader;
  to.ipSummed = from.ipSummed;
  to.checksumOffset = from.checksumOffset;
  to.espProtocol = from.espProtocol;
  to.espSequenceHigh = from.espSequenceHigh;
  to.leftClear = from.leftClear;
  to.deviceEsp = from.deviceEsp;
  to.rxEsp = from.rxEsp;
  inheritMembers(to, from);
  to.flow = from.flow;
  to.hash = from.hash;
  to.priority = from.priority;
}
