/**
 * skb_try_coalesce: the bytes of one buffer go behind those of another, by reference where they can.
 *
 * net/core/skbuff.c, 6.1. What fits into the tailroom of a linear buffer is copied there; fragments, and a linear part that lies
 * in a page, move over while the array has room. Whatever else, or a frag_list on either side, stays a buffer of its own.
 *
 * ```ts
 * if (!tryCoalesce(skbs, whole, fragment)) chain(whole, fragment);
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { put } from "./head_ops.ts";
import { copyBits } from "./paged_ops.ts";
import { Frag, type Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** Appends all bytes of `from` to `to` and frees `from`; false, and nothing has changed, where it cannot be done. */
export function tryCoalesce(skbs: SkbMemory, to: Skb, from: Skb): boolean {
  if (to.isCloned) return false;
  if (from.len <= to.tailroom) {
    copyBehind(skbs, to, from);
    return true;
  }
  if (to.hasFragList || from.hasFragList || !takesFrags(skbs, to, from)) return false;
  skbs.ledger.write(EVENT.frag, REASON.coalesce, from.packet, to.id, from.id, from.len, 1, 0);
  const bytes = from.len;
  if (from.headlen > 0) referToHead(skbs, to, from);
  moveFrags(skbs, to, from);
  to.len += bytes;
  to.dataLen += bytes;
  skbs.free(from, REASON.merged);
  return true;
}

function copyBehind(skbs: SkbMemory, to: Skb, from: Skb): void {
  skbs.ledger.write(EVENT.frag, REASON.coalesce, from.packet, to.id, from.id, from.len, 1, 0);
  if (from.len > 0) {
    const at = to.head.at + to.tail;
    put(to, from.len);
    copyBits(skbs, from, 0, at, from.len);
    skbs.ledger.note(EVENT.copy, REASON.coalesceCopy, from, from.len, 1, to.id);
  }
  skbs.free(from, REASON.merged);
}

/** Whether the fragments of `from`, with its linear part as one more, have room behind those of `to`. */
function takesFrags(skbs: SkbMemory, to: Skb, from: Skb): boolean {
  const frags = to.nrFrags + from.nrFrags;
  if (from.headlen === 0) return frags <= skbs.maxSkbFrags;
  return frags < skbs.maxSkbFrags && from.headFrag && !from.isCloned;
}

function referToHead(skbs: SkbMemory, to: Skb, from: Skb): void {
  const { block, offset } = from.head;
  skbs.memory.get(block);
  to.head.frags.push(new Frag(block, offset + from.data, from.headlen));
}

/** A clone keeps its fragments: both have them then. */
function moveFrags(skbs: SkbMemory, to: Skb, from: Skb): void {
  const { frags } = from.head;
  if (from.isCloned) {
    for (const { block, offset, bytes } of frags) {
      skbs.memory.get(block);
      to.head.frags.push(new Frag(block, offset, bytes));
    }
    return;
  }
  to.head.frags.push(...frags);
  frags.length = 0;
  from.len = from.headlen;
  from.dataLen = 0;
}
