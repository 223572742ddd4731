/**
 * The bounce buffer of AES-NI GCM: a request that is not one piece of memory is copied into a linear buffer, encrypted or
 * decrypted there, and copied back.
 *
 * linux-datapath 9.4 (helper_rfc4106_encrypt and helper_rfc4106_decrypt, arch/x86/crypto/aesni-intel_glue.c, 4.4 to 4.16).
 * So from 4.11 to 4.16 each frame that ESP no longer linearized was copied twice by the cipher instead. `gcm_sg=native` is
 * 5.0 and later: entries are taken as they are.
 *
 * Departures: the rest of the AVX code of 4.17 to 4.19 that still bounces is left out. Heads that Linux carves out of a
 * per-CPU 32 KiB block, where one may cross a page by chance, lie at the start of a block here: in 4.4 only buffers above a
 * page cross one. The buffer itself is no packet memory: it is not in the arena, and its bytes are not moved twice.
 *
 * ```ts
 * if (needsBounce(skbs, skb, 20, 16 + 1448 + 16)) bounce(skbs, skb, 20, 16, 1448, 16, "encrypt");
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { PAGE_SIZE } from "./geometry.ts";
import { pageOffset } from "./scatterlist.ts";
import type { Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/** What a crypto request does. */
export type CryptoDirection = "encrypt" | "decrypt";

/**
 * Whether a request over `bytes` bytes of `skb` from `offset` has to go through the bounce buffer: it is more than one
 * scatterlist entry, or in 4.4 crosses the end of the page where it starts. Of an out-of-place request either side counts.
 */
export function needsBounce(skbs: SkbMemory, skb: Skb, offset: number, bytes: number): boolean {
  const { pieces } = skbs;
  pieces.start(skb, offset, bytes);
  if (!pieces.next()) return false;
  if (pieces.bytes < bytes) return true;
  return skbs.era === "4.4" && pageOffset(pieces.at) + bytes > PAGE_SIZE;
}

/**
 * Writes the two copies of a request at data offset `offset` of `skb`: in go associated data and text, out comes the text,
 * with an ICV of `icvBytes` behind it when encrypting. `cryptBytes` is the cryptlen of the request: the plaintext when
 * encrypting, ciphertext and ICV when decrypting. The bytes are left to who runs the cipher.
 */
export function bounce(
  skbs: SkbMemory,
  skb: Skb,
  offset: number,
  assocBytes: number,
  cryptBytes: number,
  icvBytes: number,
  direction: CryptoDirection,
): void {
  const bytesIn = assocBytes + cryptBytes;
  const bytesOut = direction === "encrypt" ? cryptBytes + icvBytes : cryptBytes - icvBytes;
  const end = offset + assocBytes + Math.max(cryptBytes, bytesOut);
  if (end > skb.len || bytesOut < 0) {
    throw new RangeError(`Cannot ${direction} ${cryptBytes} bytes at ${offset}: skb ${skb.id} has ${skb.len}`);
  }
  skbs.memory.watch?.bouncing(skb, offset, assocBytes, bytesIn, bytesOut);
  skbs.ledger.note(EVENT.copy, REASON.bounceIn, skb, bytesIn);
  skbs.ledger.note(EVENT.copy, REASON.bounceOut, skb, bytesOut);
}
