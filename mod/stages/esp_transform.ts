/**
 * The ESP transformation of one buffer: find room for the trailer, encrypt. Here lies the copy that the slides are about.
 *
 * linux-datapath 3.1 to 3.5, 9.1 to 9.4 (net/ipv4/esp4.c and net/ipv6/esp6.c: esp_output of 4.4; esp_output_head,
 * esp_output_tail of 6.1). Both places where Linux encrypts use it: `esp_output.ts` (layer 3) and `esp_xmit.ts` (layer 2).
 *
 * `tx_tail=linearize` is 4.4: skb_cow_data, always. `tx_tail=fragment` is 4.11 and later: in place where a private linear
 * buffer has the tailroom, else a page fragment with the tail bits, else skb_cow_data all the same. `tx_dst=new-page` is how
 * that was merged: the paged bytes are encrypted into a new page, after the IV generator has copied them there with the null
 * cipher; `tx_dst=inplace` is the slides' ideal. `gcm_sg=single` is AES-NI up to 4.16: a request of several scatterlist
 * entries goes through a linear bounce buffer.
 *
 * Departures: no TFC padding.
 *
 * ```ts
 * const toNewPage = transform.makeTrailer(skb, ipHeaderBytes, nextHeader);
 * // ... outer header, SPI, sequence number and IV are pushed ...
 * transform.seal(skb, outerHeaderBytes, ciphertextBytes, toNewPage);
 * ```
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES, padAndTrailerBytes, trailerBytes } from "../esp/arithmetic.ts";
import { writeTrailer } from "../esp/framing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { sealEsp } from "../esp/seal.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { bounce, needsBounce } from "../skb/bounce.ts";
import { cowData } from "../skb/cow_data.ts";
import { alignCacheLine } from "../skb/geometry.ts";
import { put } from "../skb/head_ops.ts";
import { exceedsFragLimit, PageFragPool } from "../skb/page_frag_pool.ts";
import { addFrag, moveToFrag } from "../skb/paged_ops.ts";
import { CryptoSource, cryptoSteps, gather, scatter, scatterlistEntries } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { type Host, observe } from "./host.ts";

/** Longest ESP packet and more: IP cannot carry it. */
const SCRATCH_BYTES = 1 << 17;

/** Appends trailers and encrypts under one SA. */
export class EspTransform {
  readonly #pool: PageFragPool;
  readonly #source = new CryptoSource();
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  /** Bytes of SPI, sequence number and IV: what AES-GCM authenticates without encrypting it (RFC 4106, section 5). */
  readonly #headerBytes: number;

  constructor(
    readonly host: Host,
    readonly sa: SecurityAssociation,
    /** Encrypts; null when nobody looks at the bytes, which then stay clear. */
    readonly aead: Aead | null,
  ) {
    this.#pool = new PageFragPool(host.skbs.memory, host.skbs.pageOrder);
    this.#headerBytes = espHeaderBytes(sa);
  }

  /** Gives back what the transformation holds itself. */
  release(): void {
    this.#pool.release();
  }

  /** Bytes of ciphertext that `protectedBytes` bytes become. */
  ciphertextBytes(protectedBytes: number): number {
    return protectedBytes + padAndTrailerBytes(protectedBytes, this.sa.blockBytes);
  }

  /**
   * Appends padding, pad length, `nextHeader` and room for the ICV behind the bytes of `skb` that are protected, those from
   * `offset` on (esp_output_head). True when the paged bytes have to be encrypted into a new page.
   */
  makeTrailer(skb: Skb, offset: number, nextHeader: number): boolean {
    const { config } = this.host;
    const bytes = trailerBytes(skb.len - offset, this.sa.blockBytes, this.sa.icvBytes);
    const cause = this.#reasonToCow(skb, bytes);
    if (cause !== NONE) this.#cowTrailer(skb, bytes, nextHeader, cause);
    else if (bytes <= skb.tailroom) this.#appendTrailer(skb, skb, bytes, nextHeader, REASON.tailInPlace);
    else this.#fragmentTrailer(skb, bytes, nextHeader);
    observe(this.host, skb);
    return cause === NONE && skb.dataLen > 0 && config.tx_dst === "new-page";
  }

  /** One AEAD request over `ciphertextBytes` bytes behind the ESP header and IV at `espOffset` (esp_output_tail). */
  seal(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): void {
    const { skbs, ledger } = this.host;
    let entries = scatterlistEntries(skbs, skb, espOffset);
    let steps = 0;
    if (toNewPage) {
      steps = this.#moveToNewPage(skb, espOffset, ciphertextBytes);
      entries += scatterlistEntries(skbs, skb, espOffset);
    }
    steps += this.#walk(skb, espOffset, ciphertextBytes);
    ledger.request(EVENT.seal, this.sa.suite.reason, skb, ciphertextBytes, entries, steps);
    if (this.aead === null) return;
    const espBytes = skb.len - espOffset;
    gather(skbs, skb, espOffset, espBytes, this.#scratch);
    sealEsp(this.sa, this.aead, this.#scratch, 0, ciphertextBytes);
    scatter(skbs, skb, espOffset, espBytes, this.#scratch);
  }

  /** The walk of the cipher: entry by entry, or over a bounce buffer in one. Returns its steps. */
  #walk(skb: Skb, espOffset: number, ciphertextBytes: number): number {
    const { skbs, config } = this.host;
    const { icvBytes, suite } = this.sa;
    const assocBytes = this.#headerBytes;
    const isBounced = config.gcm_sg === "single" && suite.algorithm === "aes-gcm" &&
      needsBounce(skbs, skb, espOffset, assocBytes + ciphertextBytes + icvBytes);
    if (!isBounced) {
      return cryptoSteps(skbs, skb, espOffset + assocBytes, ciphertextBytes, config.crypto_pages === "any");
    }
    bounce(skbs, skb, espOffset, assocBytes, ciphertextBytes, icvBytes, "encrypt");
    return 1;
  }

  /** Why the buffer has to go through skb_cow_data; NONE when it need not. */
  #reasonToCow(skb: Skb, bytes: number): number {
    const { config } = this.host;
    if (config.tx_tail === "linearize") return REASON.cowAlways;
    if (config.esp_frag_limit === "4096" && exceedsFragLimit(skb.dataLen, bytes)) return REASON.cowFragLimit;
    if (skb.isCloned) return REASON.cowCloned;
    if (bytes <= skb.tailroom) return NONE;
    if (skb.hasFragList) return REASON.cowFragList;
    return skb.nrFrags >= this.host.skbs.maxSkbFrags ? REASON.cowFragsFull : NONE;
  }

  #cowTrailer(skb: Skb, bytes: number, nextHeader: number, cause: number): void {
    const { trailer, copied } = cowData(this.host.skbs, skb, bytes);
    this.#appendTrailer(skb, trailer, bytes, nextHeader, copied ? cause : REASON.tailInPlace);
  }

  /** Behind the linear bytes of `trailer`: the skb itself or the last buffer of its frag_list (pskb_put). */
  #appendTrailer(skb: Skb, trailer: Skb, bytes: number, nextHeader: number, reason: number): void {
    this.#writeTrailer(skb, trailer.head.at + trailer.tail, bytes, nextHeader, reason);
    put(trailer, bytes);
    if (trailer === skb) return;
    skb.len += bytes;
    skb.dataLen += bytes;
  }

  #fragmentTrailer(skb: Skb, bytes: number, nextHeader: number): void {
    const block = this.#pool.take(alignCacheLine(bytes));
    this.#writeTrailer(skb, block.at + this.#pool.takenOffset, bytes, nextHeader, REASON.tailFragment);
    addFrag(skb, block, this.#pool.takenOffset, bytes);
  }

  #writeTrailer(skb: Skb, at: number, bytes: number, nextHeader: number, reason: number): void {
    const padBytes = bytes - this.sa.icvBytes - ESP_TRAILER_BYTES;
    writeTrailer(this.host.skbs.memory.u8, at, padBytes, nextHeader);
    this.host.ledger.note(EVENT.tail, reason, skb, bytes);
  }

  /**
   * The paged part, trailer included, gets one new chunk; the ICV is not copied but written there by the cipher. Returns the
   * steps of the null cipher that copies.
   */
  #moveToNewPage(skb: Skb, espOffset: number, ciphertextBytes: number): number {
    const { skbs, config } = this.host;
    const requestBytes = this.#headerBytes + ciphertextBytes;
    this.#source.remember(skbs, skb, espOffset, requestBytes);
    const copied = skb.dataLen - this.sa.icvBytes;
    const block = this.#pool.take(alignCacheLine(skb.dataLen));
    moveToFrag(skbs, skb, block, this.#pool.takenOffset, copied, REASON.nullCipher);
    return this.#source.stepsTo(skbs, skb, espOffset, config.crypto_pages === "any");
  }
}

/** Bytes of SPI, sequence number and IV. */
export function espHeaderBytes(sa: SecurityAssociation): number {
  return ESP_HEADER_BYTES + sa.ivBytes;
}
