/**
 * ESP output at layer 3: trailer, headers and encryption of one packet, in the sender's or forwarder's context.
 *
 * linux-datapath 3.4 and 3.5 (net/ipv4/esp4.c and net/ipv6/esp6.c: esp_output, esp6_output; 4.4 and 6.1). What is done to
 * the buffer stands in `esp_transform.ts`; `esp_xmit.ts` is the same at layer 2.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import type { EspEncap } from "./esp_encap.ts";
import type { EspSeal } from "./esp_seal.ts";
import type { EspTransform } from "./esp_transform.ts";
import { drop, type Host, type Stage, visit } from "./host.ts";

/** Encapsulates and encrypts under one SA. */
export class EspOutput implements Stage {
  constructor(
    readonly host: Host,
    readonly next: Stage,
    readonly encap: EspEncap,
    readonly transform: EspTransform,
    /** Encrypts asynchronously, and goes on with `next`; null when the CPU encrypts at once. */
    readonly seals: EspSeal | null = null,
  ) {}

  /** Takes an skb whose data is the IP packet to protect. */
  process(skb: Skb): void {
    visit(this.host, "esp-output", skb);
    const { encap, transform } = this;
    if (!encap.find(skb)) return drop(this.host, skb, REASON.malformed);
    const sequence = transform.sa.nextSequence();
    if (sequence === 0) return drop(this.host, skb, REASON.sequenceExhausted);
    const tfcBytes = transform.tfcBytes(skb.len - encap.offset);
    const ciphertextBytes = transform.ciphertextBytes(skb.len - encap.offset + tfcBytes);
    const toNewPage = transform.makeTrailer(skb, encap.offset, encap.nextHeader, tfcBytes);
    encap.push(skb, sequence);
    const espOffset = skb.transportHeader - skb.data;
    if (this.seals !== null) {
      if (!this.seals.submit(skb, espOffset, ciphertextBytes, toNewPage)) drop(this.host, skb, REASON.cryptoFull);
      return;
    }
    transform.seal(skb, espOffset, ciphertextBytes, toNewPage);
    this.next.process(skb);
  }
}
