/**
 * ESP output in tunnel mode: find room for the trailer, encapsulate, encrypt. Here lies the copy that the slides are about.
 *
 * linux-datapath 3.1 to 3.5 and 9.3 (net/ipv4/esp4.c). `tx_tail=linearize` is 4.4: skb_cow_data, always. `tx_tail=fragment`
 * is 4.11 and later: in place where a private linear buffer has the tailroom, else a page fragment with the tail bits, else
 * skb_cow_data all the same. `tx_dst=new-page` is how that was merged: the paged bytes are encrypted into a new page, after
 * the IV generator has copied them there with the null cipher; `tx_dst=inplace` is the slides' ideal.
 *
 * Departures: no limit on the size of paged data (`esp_frag_limit=none`); no TFC padding.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ESP_TRAILER_BYTES, padAndTrailerBytes, trailerBytes } from "../esp/arithmetic.ts";
import { tunnelNextHeader, writeEspHeader, writeOuterIpv4, writeTrailer } from "../esp/framing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { sealEsp } from "../esp/seal.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { cowData } from "../skb/cow_data.ts";
import { alignCacheLine, MAX_SKB_FRAGS } from "../skb/geometry.ts";
import { push, put } from "../skb/head_ops.ts";
import { PageFragPool } from "../skb/page_frag_pool.ts";
import { addFrag, moveToFrag } from "../skb/paged_ops.ts";
import { gather, scatter, scatterlistEntries } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { drop, type Host, observe, type Stage, visit } from "./host.ts";

/** Longest ESP packet and more: IPv4 cannot carry it. */
const SCRATCH_BYTES = 1 << 17;

/** Encapsulates and encrypts under one SA. */
export class EspOutput implements Stage {
  readonly #pool: PageFragPool;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  #outerId = 0;

  constructor(
    readonly host: Host,
    readonly next: Stage,
    readonly sa: SecurityAssociation,
    /** Encrypts; null when nobody looks at the bytes, which then stay clear. */
    readonly aead: Aead | null,
  ) {
    this.#pool = new PageFragPool(host.skbs.memory);
  }

  /** Takes an skb whose data is the inner IP packet. */
  process(skb: Skb): void {
    visit(this.host, "esp-output", skb);
    const { sa } = this;
    const sequence = sa.nextSequence();
    if (sequence === 0) return drop(this.host, skb, REASON.sequenceExhausted);
    const innerBytes = skb.len;
    const toNewPage = this.#makeTrailer(skb) && this.host.config.tx_dst === "new-page";
    observe(this.host, skb);
    this.#encapsulate(skb, sequence);
    this.#encrypt(skb, innerBytes + padAndTrailerBytes(innerBytes, sa.blockBytes), toNewPage);
    this.next.process(skb);
  }

  /** Gives back what the stage holds itself. */
  release(): void {
    this.#pool.release();
  }

  /** Appends padding, pad length, next header and room for the ICV; true when they went into a page fragment. */
  #makeTrailer(skb: Skb): boolean {
    const bytes = trailerBytes(skb.len, this.sa.blockBytes, this.sa.icvBytes);
    const cause = this.#reasonToCow(skb, bytes);
    if (cause !== NONE) {
      this.#cowTrailer(skb, bytes, cause);
      return false;
    }
    if (bytes <= skb.tailroom) {
      this.#appendTrailer(skb, skb, bytes, REASON.tailInPlace);
      return false;
    }
    this.#fragmentTrailer(skb, bytes);
    return true;
  }

  /** Why the buffer has to go through skb_cow_data; NONE when it need not (esp_output_head). */
  #reasonToCow(skb: Skb, bytes: number): number {
    if (this.host.config.tx_tail === "linearize") return REASON.cowAlways;
    if (skb.isCloned) return REASON.cowCloned;
    if (bytes <= skb.tailroom) return NONE;
    if (skb.hasFragList) return REASON.cowFragList;
    return skb.nrFrags >= MAX_SKB_FRAGS ? REASON.cowFragsFull : NONE;
  }

  #cowTrailer(skb: Skb, bytes: number, cause: number): void {
    const { trailer, copied } = cowData(this.host.skbs, skb, bytes);
    this.#appendTrailer(skb, trailer, bytes, copied ? cause : REASON.tailInPlace);
  }

  /** Behind the linear bytes of `trailer`: the skb itself or the last buffer of its frag_list (pskb_put). */
  #appendTrailer(skb: Skb, trailer: Skb, bytes: number, reason: number): void {
    const at = trailer.head.at + trailer.tail;
    this.#writeTrailer(skb, at, bytes, reason);
    put(trailer, bytes);
    if (trailer === skb) return;
    skb.len += bytes;
    skb.dataLen += bytes;
  }

  #fragmentTrailer(skb: Skb, bytes: number): void {
    const block = this.#pool.take(alignCacheLine(bytes));
    this.#writeTrailer(skb, block.at + this.#pool.takenOffset, bytes, REASON.tailFragment);
    addFrag(skb, block, this.#pool.takenOffset, bytes);
  }

  #writeTrailer(skb: Skb, at: number, bytes: number, reason: number): void {
    const { u8 } = this.host.skbs.memory;
    const padBytes = bytes - this.sa.icvBytes - ESP_TRAILER_BYTES;
    writeTrailer(u8, at, padBytes, tunnelNextHeader(u8, skb.dataAt));
    this.host.ledger.note(EVENT.tail, reason, skb, bytes);
  }

  /** Outer IP header, SPI, sequence number and IV go into the headroom. */
  #encapsulate(skb: Skb, sequence: number): void {
    const { sa } = this;
    const { u8 } = this.host.skbs.memory;
    const innerAt = skb.dataAt;
    const espBytes = 8 + sa.ivBytes;
    push(skb, ipv4.HEADER_BYTES + espBytes);
    skb.networkHeader = skb.data;
    const id = ipv4.dontFragment(u8, innerAt) ? 0 : this.#outerId++ & 0xffff;
    writeOuterIpv4(u8, skb.dataAt, innerAt, skb.len, id, sa.source, sa.destination);
    writeEspHeader(u8, skb.dataAt + ipv4.HEADER_BYTES, sa.spi, sequence, sa.ivFor(sequence));
  }

  /** One AEAD request over `ciphertextBytes` bytes (esp_output_tail). */
  #encrypt(skb: Skb, ciphertextBytes: number, toNewPage: boolean): void {
    const { skbs, ledger } = this.host;
    let entries = scatterlistEntries(skbs, skb, ipv4.HEADER_BYTES);
    if (toNewPage) {
      this.#moveToNewPage(skb);
      entries += scatterlistEntries(skbs, skb, ipv4.HEADER_BYTES);
    }
    ledger.note(EVENT.seal, REASON.none, skb, ciphertextBytes, entries);
    if (this.aead === null) return;
    const espBytes = skb.len - ipv4.HEADER_BYTES;
    gather(skbs, skb, ipv4.HEADER_BYTES, espBytes, this.#scratch);
    sealEsp(this.sa, this.aead, this.#scratch, 0, ciphertextBytes);
    scatter(skbs, skb, ipv4.HEADER_BYTES, espBytes, this.#scratch);
  }

  /** The paged part, trailer included, gets one new chunk; the ICV is not copied but written there by the cipher. */
  #moveToNewPage(skb: Skb): void {
    const copied = skb.dataLen - this.sa.icvBytes;
    const block = this.#pool.take(alignCacheLine(skb.dataLen));
    moveToFrag(this.host.skbs, skb, block, this.#pool.takenOffset, copied, REASON.nullCipher);
  }
}
