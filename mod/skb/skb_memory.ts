/**
 * Making and freeing socket buffers: which block a head comes from, and what it leaves as tailroom.
 *
 * linux-datapath 1.4 (alloc_skb), 1.5 (napi_alloc_skb) and 2.5. Every buffer made writes `alloc`, every buffer freed
 * writes `free`, and the difference is what lives.
 *
 * ```ts
 * const skbs = new SkbMemory(new Memory(), ledger, "4.4");
 * const skb = skbs.allocSkb(1704); // class 2048: endOffset 1728
 * skbs.free(skb, REASON.consumed);
 * ```
 *
 * @module
 */

import type { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import {
  kmallocEndOffset,
  napiEndOffset,
  napiHeadIsPageFragment,
  NET_SKB_PAD,
  netdevEndOffset,
  netdevHeadIsPageFragment,
  SHARED_INFO_BYTES,
} from "./geometry.ts";
import type { Memory } from "./memory.ts";
import { Pieces } from "./pieces.ts";
import { Frag, HeadBuffer, Skb } from "./skb.ts";

/** Rules that differ by kernel and have no key of their own. */
export type Era = "4.4" | "6.1";

/** The allocator of socket buffers, and what their operations share: the bytes, the ledger, the era. */
export class SkbMemory {
  /** A cursor for loops that call nothing else that walks a packet. */
  readonly pieces: Pieces = new Pieces();
  #nextId = 0;

  constructor(
    readonly memory: Memory,
    readonly ledger: Ledger,
    readonly era: Era,
  ) {}

  /** An empty skb with a kmalloc head for `bytes` and no headroom reserved (__alloc_skb). */
  allocSkb(bytes: number): Skb {
    return this.#make(this.makeHead(kmallocEndOffset(bytes)), false, REASON.allocSkb);
  }

  /** An empty skb from the NAPI allocator with NET_SKB_PAD reserved (__napi_alloc_skb). */
  napiAllocSkb(bytes: number): Skb {
    const endOffset = napiEndOffset(bytes, this.era);
    const skb = this.#make(this.makeHead(endOffset), napiHeadIsPageFragment(bytes), REASON.napiAllocSkb);
    return padded(skb, NET_SKB_PAD);
  }

  /** An empty skb from the driver's allocator with NET_SKB_PAD reserved (__netdev_alloc_skb). */
  netdevAllocSkb(bytes: number): Skb {
    const isPageFragment = netdevHeadIsPageFragment(bytes, this.era);
    const skb = this.#make(this.makeHead(netdevEndOffset(bytes, this.era)), isPageFragment, REASON.netdevAllocSkb);
    return padded(skb, NET_SKB_PAD);
  }

  /** An empty skb around a receive buffer of `bufferBytes` bytes, shared info included, with `headroom` reserved. */
  buildSkb(bufferBytes: number, headroom: number): Skb {
    return padded(this.#make(this.makeHead(bufferBytes - SHARED_INFO_BYTES), true, REASON.buildSkb), headroom);
  }

  /** A second sk_buff over the head of `skb`; the caller counts the reference (skb_clone). */
  cloneOf(skb: Skb): Skb {
    const clone = new Skb(this.#nextId++, skb.head, skb.headFrag);
    copyState(skb, clone);
    this.ledger.note(EVENT.clone, REASON.skbClone, skb, skb.len, 1, clone.id);
    return clone;
  }

  /** A head of `endOffset` usable bytes in a block of its own. */
  makeHead(endOffset: number): HeadBuffer {
    return new HeadBuffer(this.memory.allocate(endOffset + SHARED_INFO_BYTES), 0, endOffset);
  }

  /** Drops one owner of `skb`; the last one gives its bytes back (kfree_skb, consume_skb). */
  free(skb: Skb, reason: number): void {
    skb.users -= 1;
    if (skb.users > 0) return;
    if (skb.users < 0) throw new Error(`Cannot free skb ${skb.id}: it is free already`);
    this.releaseHead(skb);
    this.ledger.note(EVENT.free, reason, skb, skb.len);
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
    const skb = new Skb(this.#nextId++, head, headFrag);
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
  to.packet = from.packet;
  to.members = from.members;
  to.payloadBytes = from.payloadBytes;
  to.flow = from.flow;
  to.hash = from.hash;
}
