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
 * An association with `tfcPadBytes` hides how long its packets are: zeros in front of the padding proper, as many as the MTU
 * allows. Only layer 3 adds them, as in Linux.
 *
 * ```ts
 * const tfcBytes = transform.tfcBytes(skb.len - ipHeaderBytes);
 * const toNewPage = transform.makeTrailer(skb, ipHeaderBytes, nextHeader, tfcBytes);
 * // ... outer header, SPI, sequence number and IV are pushed ...
 * transform.seal(skb, outerHeaderBytes, ciphertextBytes, toNewPage);
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Aead } from "../crypto/aead.ts";
import {
  ESP_HEADER_BYTES,
  ESP_TRAILER_BYTES,
  headerBytes,
  innerMtu,
  padAndTrailerBytes,
  trailerBytes,
} from "../esp/arithmetic.ts";
import { writeTrailer } from "../esp/framing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { sealEsp } from "../esp/seal.ts";
import { udpChecksum } from "../esp/udp_encapsulation.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { bounce, needsBounce } from "../skb/bounce.ts";
import { cowData } from "../skb/cow_data.ts";
import { alignCacheLine } from "../skb/geometry.ts";
import { put } from "../skb/head_ops.ts";
import { exceedsFragLimit, PageFragPool } from "../skb/page_frag_pool.ts";
import { addFrag, moveToFrag, sumBits } from "../skb/paged_ops.ts";
import { CryptoSource, cryptoSteps, gather, scatter, scatterlistEntries } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import { Scratch } from "../wire/scratch.ts";
import * as udp from "../wire/udp.ts";
import { BY_CPU } from "./crypto_request.ts";
import { type Host, observe } from "./host.ts";

/** Every link takes IPv6 packets of this length (RFC 8200, section 5). */
const IPV6_MIN_MTU = 1280;

/** Appends trailers and encrypts under one SA. */
export class EspTransform {
  /** Scatterlist entries of the request that was prepared last, and steps of the null cipher. */
  entries = 0;
  nullSteps = 0;

  readonly #pool: PageFragPool;
  readonly #source = new CryptoSource();
  readonly #scratch = new Scratch();
  /** Bytes of SPI, sequence number and IV: what AES-GCM authenticates without encrypting it (RFC 4106, section 5). */
  readonly #headerBytes: number;
  /** What TFC padding pads to, and bytes of it in the trailer at hand. */
  readonly #padTo: number;
  #tfcBytes = 0;

  constructor(
    readonly host: Host,
    readonly sa: SecurityAssociation,
    /** Encrypts; null when nobody looks at the bytes, which then stay clear. */
    readonly aead: Aead | null,
  ) {
    this.#pool = new PageFragPool(host.skbs.memory, host.skbs.pageOrder);
    this.#headerBytes = espHeaderBytes(sa);
    this.#padTo = tfcPadTo(sa, host.config);
  }

  /** Gives back what the transformation holds itself. */
  release(): void {
    this.#pool.release();
  }

  /** Bytes of ciphertext that `protectedBytes` bytes become. */
  ciphertextBytes(protectedBytes: number): number {
    return protectedBytes + padAndTrailerBytes(protectedBytes, this.sa.blockBytes);
  }

  /** Bytes of TFC padding behind `protectedBytes` bytes. */
  tfcBytes(protectedBytes: number): number {
    return Math.max(0, this.#padTo - protectedBytes);
  }

  /**
   * Appends `tfcBytes` zeros, padding, pad length, `nextHeader` and room for the ICV behind the bytes of `skb` that are
   * protected, those from `offset` on (esp_output_head). True when the paged bytes have to be encrypted into a new page.
   */
  makeTrailer(skb: Skb, offset: number, nextHeader: number, tfcBytes: number = 0): boolean {
    const { config } = this.host;
    this.#tfcBytes = tfcBytes;
    const bytes = tfcBytes + trailerBytes(skb.len - offset + tfcBytes, this.sa.blockBytes, this.sa.icvBytes);
    const cause = this.#reasonToCow(skb, bytes);
    if (cause !== NONE) this.#cowTrailer(skb, bytes, nextHeader, cause);
    else if (bytes <= skb.tailroom) this.#appendTrailer(skb, skb, bytes, nextHeader, REASON.tailInPlace);
    else this.#fragmentTrailer(skb, bytes, nextHeader);
    observe(this.host, skb);
    return cause === NONE && skb.dataLen > 0 && config.tx_dst === "new-page";
  }

  /** One AEAD request over `ciphertextBytes` bytes behind the ESP header and IV at `espOffset` (esp_output_tail). */
  seal(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): void {
    this.prepare(skb, espOffset, ciphertextBytes, toNewPage);
    this.encrypt(skb, espOffset, ciphertextBytes, this.entries, this.nullSteps, BY_CPU);
    this.finish(skb, espOffset);
  }

  /**
   * What comes before the cipher, on the CPU of the sender: the scatterlists, and the null cipher where the bytes go to a new
   * page (seqiv_aead_encrypt).
   */
  prepare(skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): void {
    const { skbs } = this.host;
    this.entries = scatterlistEntries(skbs, skb, espOffset);
    this.nullSteps = 0;
    if (!toNewPage) return;
    this.nullSteps = this.#moveToNewPage(skb, espOffset, ciphertextBytes);
    this.entries += scatterlistEntries(skbs, skb, espOffset);
  }

  /** The cipher itself, by the CPU that runs, or by a device at `deviceNs`. */
  encrypt(
    skb: Skb,
    espOffset: number,
    ciphertextBytes: number,
    entries: number,
    nullSteps: number,
    deviceNs: number,
  ): void {
    const { skbs, ledger } = this.host;
    const { suite } = this.sa;
    if (deviceNs === BY_CPU) {
      const steps = nullSteps + this.#walk(skb, espOffset, ciphertextBytes);
      ledger.request(EVENT.seal, suite.reason, skb, ciphertextBytes, entries, steps);
    } else {
      ledger.deviceRequest(deviceNs, STAGE.crypto, EVENT.seal, suite.reason, skb, ciphertextBytes, entries, nullSteps);
    }
    if (this.aead === null) return;
    const espBytes = skb.len - espOffset;
    const { watch } = skbs.memory;
    watch?.ciphering(skb, espOffset, ciphertextBytes, this.sa, true);
    const scratch = this.#scratch.room(espBytes);
    gather(skbs, skb, espOffset, espBytes, scratch);
    sealEsp(this.sa, this.aead, scratch, 0, ciphertextBytes, skb.espSequenceHigh);
    scatter(skbs, skb, espOffset, espBytes, scratch);
    watch?.ciphered(true);
  }

  /** What follows the cipher (esp_output_done). */
  finish(skb: Skb, espOffset: number): void {
    if (this.sa.encapsulation !== null) this.#sumUdp(skb, espOffset - this.sa.encapsulationBytes);
  }

  /** UDP over IPv6 needs a checksum, over all that was encrypted (esp_output_encap_csum of net/ipv6/esp6.c). */
  #sumUdp(skb: Skb, udpOffset: number): void {
    const { skbs, ledger } = this.host;
    const { u8 } = skbs.memory;
    const ipAt = skb.head.at + skb.networkHeader;
    if (!ip.isIpv6(u8, ipAt)) return;
    const bytes = skb.len - udpOffset;
    ledger.note(EVENT.checksum, REASON.encapChecksum, skb, bytes);
    // Written even where nobody looks and the bytes stay clear: the receiver verifies, and GRO joins, what has a checksum.
    const udpAt = skb.dataAt + udpOffset;
    udp.setChecksum(u8, udpAt, udpChecksum(sumBits(skbs, skb, udpOffset, bytes), u8, ipAt, bytes));
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
    // An extended sequence number begins 4 bytes further to the front while it is authenticated (esp_output_set_esn).
    const aheadBytes = this.sa.aadBytes - ESP_HEADER_BYTES;
    bounce(skbs, skb, espOffset - aheadBytes, assocBytes + aheadBytes, ciphertextBytes, icvBytes, "encrypt");
    return 1;
  }

  /** Why the buffer has to go through skb_cow_data; NONE when it need not. */
  #reasonToCow(skb: Skb, bytes: number): number {
    const { config } = this.host;
    if (config.tx_tail === "linearize") return REASON.cowAlways;
    if (config.esp_frag_limit === "4096" && exceedsFragLimit(skb.dataLen, bytes)) return REASON.cowFragLimit;
    if (skb.isCloned || (config.tx_dst === "inplace" && hasPagesOfOthers(skb))) return REASON.cowCloned;
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
    const { u8 } = this.host.skbs.memory;
    const tfcBytes = this.#tfcBytes;
    const padBytes = bytes - tfcBytes - this.sa.icvBytes - ESP_TRAILER_BYTES;
    u8.fill(0, at, at + tfcBytes);
    writeTrailer(u8, at + tfcBytes, padBytes, nextHeader);
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

/**
 * Bytes that ESP output at layer 3 pads to: as many as the MTU leaves inside, 0 where there is no TFC padding. In 6.1 IPv6
 * outside leaves 1280 at least (xfrm_state_mtu).
 */
export function tfcPadTo(sa: SecurityAssociation, { mtu, era }: Pick<Config, "mtu" | "era">): number {
  if (sa.tfcPadBytes === 0) return 0;
  const { mode, outerVersion, ivBytes, blockBytes, icvBytes } = sa;
  const inside = innerMtu(mtu, mode, outerVersion, headerBytes(mode, outerVersion, ivBytes), blockBytes, icvBytes);
  return Math.min(sa.tfcPadBytes, era === "6.1" && outerVersion === 6 ? Math.max(inside, IPV6_MIN_MTU) : inside);
}

/** Linux need not ask, it encrypts paged bytes into new pages: in place, what a socket or a file still holds would change. */
function hasPagesOfOthers(skb: Skb): boolean {
  return skb.nrFrags > 0 && (skb.head.sharesPages || skb.head.hasSharedFrag);
}

/** Bytes of SPI, sequence number and IV. */
export function espHeaderBytes(sa: SecurityAssociation): number {
  return ESP_HEADER_BYTES + sa.ivBytes;
}
