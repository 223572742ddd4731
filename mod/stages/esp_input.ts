/**
 * ESP input: a received ESP packet finds its SA, is checked, decrypted and unpacked. Here lies the copy of the receiving side.
 *
 * linux-datapath 4.1 to 4.5, 9.1, 9.4 (net/xfrm/xfrm_input.c: xfrm_input; net/ipv4/esp4.c and net/ipv6/esp6.c: esp_input,
 * esp6_input; 4.4 and 6.1). `rx_cow=always` is 4.4: skb_cow_data, which makes page fragments linear, whoever owns them.
 * `rx_cow=if-shared` is 4.11 and later: in place, unless the buffer is a clone or has a frag_list (or, in 6.1.192, pages that
 * outsiders may write to). `gcm_sg=single` is AES-NI up to 4.16: a request of several scatterlist entries goes through a
 * linear bounce buffer.
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
import { OFFSET_SEQUENCE } from "../esp/framing.ts";
import type { InboundAssociation, InboundTable } from "../esp/inbound.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { openEsp } from "../esp/seal.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { bounce, needsBounce } from "../skb/bounce.ts";
import { cowData } from "../skb/cow_data.ts";
import { mayPull } from "../skb/paged_ops.ts";
import { cryptoSteps, gather, scatter, scatterlistEntries } from "../skb/scatterlist.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { get32 } from "../wire/bytes.ts";
import { EspDecap } from "./esp_decap.ts";
import { espHeaderBytes } from "./esp_transform.ts";
import { drop, type Host, observe, type Stage, visit } from "./host.ts";

/** Longest ESP packet and more: IP cannot carry it. */
const SCRATCH_BYTES = 1 << 17;

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
export class EspInput implements Stage {
  readonly decap: EspDecap;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);

  constructor(readonly host: Host, readonly table: InboundTable, readonly next: ClearStages) {
    this.decap = new EspDecap(host);
  }

  /** Takes a packet from IP input: its data begin at the ESP header, and its network header is that of IP. */
  process(skb: Skb): void {
    visit(this.host, "esp-input", skb);
    if (!mayPull(this.host.skbs, skb, ESP_HEADER_BYTES)) return drop(this.host, skb, REASON.espShort);
    const inbound = this.find(skb);
    if (inbound === undefined) drop(this.host, skb, REASON.noState);
    else this.#receive(skb, inbound, false);
  }

  /** The association of a packet whose ESP header is linear; undefined when there is none. */
  find(skb: Skb): InboundAssociation | undefined {
    const { u8 } = this.host.skbs.memory;
    return this.table.find(u8, skb.head.at + skb.networkHeader, get32(u8, skb.dataAt));
  }

  /** Takes a packet whose association is known from GRO. */
  takeFromGro(skb: Skb, inbound: InboundAssociation): void {
    visit(this.host, "esp-input", skb);
    this.#receive(skb, inbound, true);
  }

  /** xfrm_input from the look-up of the SA on. */
  #receive(skb: Skb, inbound: InboundAssociation, isFromGro: boolean): void {
    const sequence = get32(this.host.skbs.memory.u8, skb.dataAt + OFFSET_SEQUENCE);
    if (!inbound.window.accepts(sequence)) return drop(this.host, skb, REASON.replayed);
    const refusal = this.#open(skb, inbound) || this.#unpack(skb, inbound, sequence);
    if (refusal !== REASON.none) return drop(this.host, skb, refusal);
    observe(this.host, skb);
    if (isFromGro) this.next.fromGro.process(skb);
    else if (inbound.sa.mode === "tunnel") this.next.tunnel.process(skb);
    else this.next.transport.process(skb);
  }

  /** esp_input: decrypts where the bytes are, or where skb_cow_data has put them. The reason to drop, or REASON.none. */
  #open(skb: Skb, inbound: InboundAssociation): number {
    const { skbs, ledger } = this.host;
    const { sa } = inbound;
    const headerBytes = espHeaderBytes(sa);
    const sealedBytes = skb.len - headerBytes;
    if (sealedBytes <= 0 || sealedBytes < sa.icvBytes || !mayPull(skbs, skb, headerBytes)) return REASON.espShort;
    this.#makeWritable(skb);
    skb.ipSummed = CHECKSUM.none;
    const entries = scatterlistEntries(skbs, skb, 0);
    const ciphertextBytes = sealedBytes - sa.icvBytes;
    const steps = this.#walk(skb, sa, ciphertextBytes);
    ledger.request(EVENT.open, sa.suite.reason, skb, ciphertextBytes, entries, steps);
    if (this.#decrypt(skb, inbound)) return REASON.none;
    ledger.note(EVENT.reject, REASON.wrongIcv, skb, ciphertextBytes);
    return REASON.wrongIcv;
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
    bounce(skbs, skb, 0, assocBytes, ciphertextBytes + sa.icvBytes, sa.icvBytes, "decrypt");
    return 1;
  }

  /** False when the ICV is wrong. What was left in the clear stays as it is. */
  #decrypt(skb: Skb, { sa, aead }: InboundAssociation): boolean {
    if (skb.leftClear || aead === null) return true;
    const { skbs } = this.host;
    gather(skbs, skb, 0, skb.len, this.#scratch);
    if (!openEsp(sa, aead, this.#scratch, 0, skb.len)) return false;
    scatter(skbs, skb, 0, skb.len, this.#scratch);
    return true;
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
