/**
 * ESP input: a received ESP packet finds its SA, is checked, decrypted and unpacked. Here lies the copy of the receiving side.
 *
 * linux-datapath 4.1 to 4.5, 9.1, 9.4 (net/xfrm/xfrm_input.c: xfrm_input; net/ipv4/esp4.c and net/ipv6/esp6.c: esp_input,
 * esp6_input; 4.4 and 6.1). `rx_cow=always` is 4.4: skb_cow_data, which makes page fragments linear, whoever owns them.
 * `rx_cow=if-shared` is 4.11 and later: in place, unless the buffer is a clone or has a frag_list (or, in 6.1.192, pages that
 * outsiders may write to). `gcm_sg=single` is AES-NI up to 4.16: a request of several scatterlist entries goes through a
 * linear bounce buffer. What the NIC has decrypted (`offload=crypto`) is only unpacked; one whose ICV it found wrong is dropped. An asynchronous engine (`crypto`) takes the packet away and calls back with it, on a CPU of its choice.
 *
 * Departures: one layer of ESP in transport mode (an inner ESP packet of tunnel mode is received like any other); no
 * policies; SPI and length are looked at before the buffer is made writable.
 *
 * ```ts
 * input.process(skb); // From IP input: the data begin at the ESP header.
 * const inbound = input.find(skb); // From GRO.
 * if (inbound !== undefined) input.receive(skb, inbound, true);
 * ```
 *
 * @module
 */

import { ESP_HEADER_BYTES } from "../esp/arithmetic.ts";
import { OFFSET_SEQUENCE, sequenceHigh } from "../esp/framing.ts";
import type { InboundAssociation, InboundTable } from "../esp/inbound.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { openEsp } from "../esp/seal.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { bounce, needsBounce } from "../skb/bounce.ts";
import { cowData } from "../skb/cow_data.ts";
import { mayPull } from "../skb/paged_ops.ts";
import { cryptoSteps, gather, scatter, scatterlistEntries } from "../skb/scatterlist.ts";
import { CHECKSUM, RX_ESP, type Skb } from "../skb/skb.ts";
import { get32 } from "../wire/bytes.ts";
import { Scratch } from "../wire/scratch.ts";
import type { CryptoRunner } from "./crypto_engine.ts";
import { BY_CPU, type CryptoRequest, type CryptoWork } from "./crypto_request.ts";
import { EspDecap } from "./esp_decap.ts";
import { espHeaderBytes } from "./esp_transform.ts";
import { drop, type Host, observe, type Stage, visit } from "./host.ts";

/** Where clear packets go; their data begin at the IP header. */
export interface ClearStages {
  /** Those of tunnel mode. */
  readonly tunnel: Stage;
  /** Those of transport mode. */
  readonly transport: Stage;
  /** Those of either mode that GRO's ESP handler took. */
  readonly fromGro: Stage;
}

/** Receives ESP packets of one host. */
export class EspInput implements Stage, CryptoWork {
  readonly decap: EspDecap;
  readonly #scratch = new Scratch();

  /** `runner` decrypts asynchronously; null when the CPU decrypts at once. */
  constructor(
    readonly host: Host,
    readonly table: InboundTable,
    readonly next: ClearStages,
    readonly runner: CryptoRunner | null = null,
  ) {
    this.decap = new EspDecap(host);
  }

  /** Takes a packet from IP input: its data begin at the ESP header, and its network header is that of IP. */
  process(skb: Skb): void {
    this.#process(skb, false);
  }

  #process(skb: Skb, isEncapsulated: boolean): void {
    visit(this.host, "esp-input", skb);
    if (!mayPull(this.host.skbs, skb, ESP_HEADER_BYTES)) return drop(this.host, skb, REASON.espShort);
    const inbound = this.find(skb);
    if (inbound === undefined) drop(this.host, skb, REASON.noState);
    else this.#receive(skb, inbound, false, isEncapsulated);
  }

  /** Takes a packet that was in a datagram, whose UDP header is off. */
  processEncapsulated(skb: Skb): void {
    this.#process(skb, true);
  }

  /** The association of a packet whose ESP header is linear; undefined when there is none. */
  find(skb: Skb): InboundAssociation | undefined {
    const { u8 } = this.host.skbs.memory;
    return this.table.find(u8, skb.head.at + skb.networkHeader, get32(u8, skb.dataAt));
  }

  /** Takes a packet whose association is known from GRO. */
  takeFromGro(skb: Skb, inbound: InboundAssociation): void {
    visit(this.host, "esp-input", skb);
    this.#receive(skb, inbound, true, false);
  }

  /** xfrm_input from the look-up of the SA on. */
  #receive(skb: Skb, inbound: InboundAssociation, isFromGro: boolean, isEncapsulated: boolean): void {
    if ((inbound.sa.encapsulation !== null) !== isEncapsulated) return drop(this.host, skb, REASON.wrongEncapsulation);
    const low = get32(this.host.skbs.memory.u8, skb.dataAt + OFFSET_SEQUENCE);
    const sequence = inbound.sa.esn ? inbound.window.extended(low) : low;
    skb.espSequenceHigh = sequenceHigh(sequence);
    if (skb.rxEsp === RX_ESP.failed) return drop(this.host, skb, REASON.nicStatus);
    if (!inbound.window.accepts(sequence)) return drop(this.host, skb, REASON.replayed);
    if (skb.rxEsp === RX_ESP.decrypted) return this.#finishDecrypted(skb, inbound, isFromGro, sequence);
    if (!this.#prepare(skb, inbound)) return drop(this.host, skb, REASON.espShort);
    if (this.runner === null) this.#finish(skb, inbound, isFromGro, this.#open(skb, inbound, BY_CPU), sequence);
    else this.#submit(this.runner, skb, inbound, isFromGro);
  }

  /** The NIC has decrypted it: nobody makes it writable, and what the NIC says of its checksum holds (esp_input_tail). */
  #finishDecrypted(skb: Skb, inbound: InboundAssociation, isFromGro: boolean, sequence: number): void {
    if (!mayPull(this.host.skbs, skb, espHeaderBytes(inbound.sa))) return drop(this.host, skb, REASON.espShort);
    this.#finish(skb, inbound, isFromGro, REASON.none, sequence);
  }

  /** A request to an asynchronous engine; what that refuses is lost (-EINPROGRESS, -ENOSPC). */
  #submit(runner: CryptoRunner, skb: Skb, inbound: InboundAssociation, isFromGro: boolean): void {
    const request = runner.requests.take(skb, this);
    request.inbound = inbound;
    request.isFromGro = isFromGro;
    request.ciphertextBytes = skb.len - espHeaderBytes(inbound.sa) - inbound.sa.icvBytes;
    request.entries = scatterlistEntries(this.host.skbs, skb, 0);
    if (runner.submit(request)) return;
    runner.requests.giveBack(request);
    drop(this.host, skb, REASON.cryptoFull);
  }

  cipher(request: CryptoRequest, deviceNs: number): void {
    this.host.ledger.stage = STAGE.crypto;
    request.refusal = this.#open(request.skb, request.inbound!, deviceNs);
  }

  /** esp_input_done, xfrm_input_resume: others of its number may have come meanwhile (xfrm_replay_recheck). */
  done({ skb, inbound, isFromGro, refusal }: CryptoRequest): void {
    const { host } = this;
    const { window } = inbound!;
    host.ledger.stage = STAGE["esp-input"];
    const sequence = skb.espSequenceHigh * 2 ** 32 + get32(host.skbs.memory.u8, skb.dataAt + OFFSET_SEQUENCE);
    const isLate = refusal === REASON.none && !window.accepts(sequence);
    this.#finish(skb, inbound!, isFromGro, isLate ? REASON.replayed : refusal, sequence);
  }

  /** What follows the cipher, which had `result` to say: a reason to drop, or REASON.none. */
  #finish(skb: Skb, inbound: InboundAssociation, isFromGro: boolean, result: number, sequence: number): void {
    if (result === REASON.wrongIcv) {
      const sealedBytes = skb.len - espHeaderBytes(inbound.sa) - inbound.sa.icvBytes;
      this.host.ledger.note(EVENT.reject, REASON.wrongIcv, skb, sealedBytes);
    }
    const refusal = result || this.#unpack(skb, inbound, sequence);
    if (refusal !== REASON.none) return drop(this.host, skb, refusal);
    observe(this.host, skb);
    if (isFromGro) this.next.fromGro.process(skb);
    else if (inbound.sa.mode === "tunnel") this.next.tunnel.process(skb);
    else this.next.transport.process(skb);
  }

  /** esp_input up to the cipher: the bytes are checked and made writable; false when they are too few. */
  #prepare(skb: Skb, { sa }: InboundAssociation): boolean {
    const headerBytes = espHeaderBytes(sa);
    const sealedBytes = skb.len - headerBytes;
    if (sealedBytes <= 0 || sealedBytes < sa.icvBytes || !mayPull(this.host.skbs, skb, headerBytes)) return false;
    this.#makeWritable(skb);
    skb.ipSummed = CHECKSUM.none;
    return true;
  }

  /**
   * Decrypts where the bytes are, or where skb_cow_data has put them: the CPU that runs, or a device at `deviceNs`. The reason
   * to drop, or REASON.none.
   */
  #open(skb: Skb, inbound: InboundAssociation, deviceNs: number): number {
    const { skbs, ledger } = this.host;
    const { sa } = inbound;
    const { reason } = sa.suite;
    const ciphertextBytes = skb.len - espHeaderBytes(sa) - sa.icvBytes;
    const entries = scatterlistEntries(skbs, skb, 0);
    if (deviceNs === BY_CPU) {
      ledger.request(EVENT.open, reason, skb, ciphertextBytes, entries, this.#walk(skb, sa, ciphertextBytes));
    } else {
      ledger.deviceRequest(deviceNs, STAGE.crypto, EVENT.open, reason, skb, ciphertextBytes, entries, 0);
    }
    return this.#decrypt(skb, inbound) ? REASON.none : REASON.wrongIcv;
  }

  #makeWritable(skb: Skb): void {
    const { skbs, ledger } = this.host;
    const cause = this.#reasonToCow(skb);
    if (cause === NONE) return;
    const { copied } = cowData(skbs, skb, 0);
    if (!copied) return;
    ledger.note(EVENT.tail, cause, skb, 0);
    observe(this.host, skb);
  }

  /** Why the buffer has to go through skb_cow_data; NONE when it need not. */
  #reasonToCow(skb: Skb): number {
    if (this.host.config.rx_cow === "always") return REASON.rxCowAlways;
    if (skb.isCloned) return REASON.rxCowCloned;
    if (skb.hasFragList) return REASON.rxCowFragList;
    const mayChange = skb.head.hasSharedFrag && skb.isNonlinear && this.host.config.era === "6.1";
    return mayChange ? REASON.rxCowSharedFrag : NONE;
  }

  /** The walk of the cipher: entry by entry, or over a bounce buffer in one. Returns its steps. */
  #walk(skb: Skb, sa: SecurityAssociation, ciphertextBytes: number): number {
    const { skbs, config } = this.host;
    const assocBytes = espHeaderBytes(sa);
    const isBounced = config.gcm_sg === "single" && sa.suite.algorithm === "aes-gcm" &&
      needsBounce(skbs, skb, 0, skb.len);
    if (!isBounced) return cryptoSteps(skbs, skb, assocBytes, ciphertextBytes, config.crypto_pages === "any");
    const aheadBytes = sa.aadBytes - ESP_HEADER_BYTES;
    bounce(skbs, skb, -aheadBytes, assocBytes + aheadBytes, ciphertextBytes + sa.icvBytes, sa.icvBytes, "decrypt");
    return 1;
  }

  /** False when the ICV is wrong. What was left in the clear stays as it is. */
  #decrypt(skb: Skb, { sa, aead }: InboundAssociation): boolean {
    if (skb.leftClear || aead === null) return true;
    const { skbs } = this.host;
    const { watch } = skbs.memory;
    watch?.ciphering(skb, 0, skb.len - espHeaderBytes(sa) - sa.icvBytes, sa, false);
    const scratch = this.#scratch.room(skb.len);
    gather(skbs, skb, 0, skb.len, scratch);
    const isGood = openEsp(sa, aead, scratch, 0, skb.len, skb.espSequenceHigh);
    if (isGood) scatter(skbs, skb, 0, skb.len, scratch);
    watch?.ciphered(isGood);
    return isGood;
  }

  /** From esp_input_done2 on: the sequence number counts as received once the packet makes sense. */
  #unpack(skb: Skb, { sa, window }: InboundAssociation, sequence: number): number {
    const refusal = this.decap.removeEsp(skb, sa);
    if (refusal !== NONE) return refusal;
    window.advance(sequence);
    const misfit = this.decap.restore(skb, sa);
    return misfit === NONE ? REASON.none : misfit;
  }
}
