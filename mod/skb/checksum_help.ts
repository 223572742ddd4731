/**
 * skb_checksum_help: the CPU fills in a checksum that was left to the device (CHECKSUM_PARTIAL).
 *
 * linux-datapath 2.5 (net/core/dev.c, 4.4 and 6.1). ESP needs it before it encrypts a packet that is not going to be
 * segmented. All bytes from the transport header on are read once. The two bytes are written into a head that may be shared:
 * the clone of a TCP segment may write its headers, others get a private head first. Pages that somebody outside may write
 * to (sendfile) would make the sum wrong before the packet leaves, so they are copied into the linear area.
 *
 * ```ts
 * checksumHelp(skbs, skb); // skb.ipSummed is none now
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { set16 } from "../wire/bytes.ts";
import { finish } from "../wire/checksum.ts";
import { expandHead } from "./head_ops.ts";
import { linearize, mayPull, sumBits } from "./paged_ops.ts";
import { CHECKSUM, type Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

const CHECKSUM_BYTES = 2;

/**
 * Sums `skb` from its transport header on and stores the result. The field holds the sum of the pseudo-header before.
 * Throws when the checksum is not partial.
 */
export function checksumHelp(skbs: SkbMemory, skb: Skb): void {
  if (skb.ipSummed !== CHECKSUM.partial) {
    throw new Error(`Cannot complete a checksum: that of skb ${skb.id} is complete`);
  }
  if (skb.head.hasSharedFrag) linearize(skbs, skb);
  const start = skb.transportHeader - skb.data;
  const sum = sumBits(skbs, skb, start, skb.len - start);
  skbs.ledger.note(EVENT.checksum, REASON.checksumHelp, skb, skb.len - start);
  const offset = start + skb.checksumOffset;
  makeWritable(skbs, skb, offset + CHECKSUM_BYTES);
  const { u8 } = skbs.memory;
  const checksum = finish(sum);
  // 0 would say that there is none (RFC 768; CSUM_MANGLED_0).
  set16(u8, skb.dataAt + offset, checksum === 0 ? 0xffff : checksum);
  skb.ipSummed = CHECKSUM.none;
}

/** The first `bytes` bytes are linear and may be written (skb_ensure_writable). */
function makeWritable(skbs: SkbMemory, skb: Skb, bytes: number): void {
  mayPull(skbs, skb, bytes);
  if (skb.isCloned && !mayWriteThroughClone(skb, bytes)) expandHead(skbs, skb, 0, 0);
}

/** Nobody else looks at the headers, and the bytes were headroom when the buffer was cloned (skb_clone_writable). */
function mayWriteThroughClone(skb: Skb, bytes: number): boolean {
  return !skb.isHeaderCloned && skb.headroom + bytes <= skb.hdrLen;
}
