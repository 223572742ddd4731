/**
 * Where skb_segment stands in the paged data of the buffer that it cuts: fragments of the head, then the buffers of its
 * frag_list with theirs.
 *
 * linux-datapath 6.2 (net/core/skbuff.c, 6.1: `pos`, `i`, `nfrags` and `list_skb`). The cursor moves over what segments take
 * by reference, and over list members that a segment takes as a clone; what is copied does not move it, as in the kernel.
 *
 * ```ts
 * const cursor = new PagedCursor(skbs, aggregate);
 * cursor.refer(52, 1452, segment); // the fragments under these data bytes, with references, behind those of segment
 * ```
 *
 * @module
 */

import { Frag, type Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** The place of a linear part that lies in a page, in front of the fragments of its buffer. */
const LINEAR_PART = -1;

/** A cursor over the paged data of one buffer. */
export class PagedCursor {
  /** Buffer whose fragments come next. */
  #owner: Skb;
  /** List member behind it. */
  #next: Skb | null;
  #index = 0;
  /** Offset of the next piece in the data of the whole buffer. */
  #position: number;

  /** A cursor at the first fragment of `head`. */
  constructor(readonly skbs: SkbMemory, head: Skb) {
    this.#owner = head;
    this.#next = head.head.fragList;
    this.#position = head.headlen;
  }

  /** The list member that begins at data offset `offset`, once all fragments in front of it are taken; else null. */
  memberAt(offset: number): Skb | null {
    return this.#index >= this.#owner.nrFrags && this.#position === offset ? this.#next : null;
  }

  /** Moves over `member`, which a segment that ends at data offset `end` takes as a clone. */
  pass(member: Skb, end: number): void {
    this.#owner = member;
    this.#next = member.next;
    this.#index = 0;
    this.#position += member.headlen;
    for (const frag of member.head.frags) {
      if (this.#position + frag.bytes > end) return;
      this.#index += 1;
      this.#position += frag.bytes;
    }
  }

  /**
   * Adds fragments over the data bytes from `from` to `end` to `segment`, with a reference for each, or only counts them
   * where `segment` is null. Returns their number; the lengths of the segment are the caller's to set.
   */
  refer(from: number, end: number, segment: Skb | null): number {
    let count = 0;
    while (this.#position < end) {
      if (this.#index >= this.#owner.nrFrags) this.#enterMember();
      const bytes = this.#pieceBytes();
      const skipped = Math.max(0, from - this.#position);
      if (segment !== null) {
        this.#addFrag(segment, skipped, Math.min(bytes, end - this.#position) - skipped);
      }
      count += 1;
      if (this.#position + bytes > end) break;
      this.#index += 1;
      this.#position += bytes;
    }
    return count;
  }

  /** On to the next list member; its linear part counts as a piece. */
  #enterMember(): void {
    const member = this.#next;
    if (member === null) throw new Error(`Cannot segment behind skb ${this.#owner.id}: its lengths do not add up`);
    this.#owner = member;
    this.#next = member.next;
    this.#index = member.headlen > 0 ? LINEAR_PART : 0;
  }

  #pieceBytes(): number {
    if (this.#index === LINEAR_PART) return this.#owner.headlen;
    return this.#owner.head.frags[this.#index]?.bytes ?? 0;
  }

  #addFrag(segment: Skb, skipped: number, bytes: number): void {
    const { head, data } = this.#owner;
    const frag = head.frags[this.#index];
    const block = frag?.block ?? head.block;
    this.skbs.memory.get(block);
    segment.head.frags.push(new Frag(block, (frag?.offset ?? head.offset + data) + skipped, bytes));
  }
}
