/**
 * ESP at layer 2: trailer, lengths and encryption of one packet on its way from the queue to the driver (`gso=l2`).
 *
 * linux-datapath 6.5 (net/ipv4/esp4_offload.c, net/ipv6/esp6_offload.c: esp_xmit; net/xfrm/xfrm_device.c:
 * validate_xmit_xfrm; 4.16 and later, 6.1). The outer header and a dummy ESP header have been there since xfrm output
 * (`xfrm_output.ts`), the sequence number of each segment since it was cut (`gso.ts`).
 *
 * Departures: synchronous software crypto only.
 *
 * @module
 */

import { OFFSET_SEQUENCE } from "../esp/framing.ts";
import type { Skb } from "../skb/skb.ts";
import { get32 } from "../wire/bytes.ts";
import type { EspEncap } from "./esp_encap.ts";
import { espHeaderBytes, type EspTransform } from "./esp_transform.ts";
import { type Host, visit } from "./host.ts";

/** Finishes packets that carry a dummy ESP header. */
export class EspXmit {
  constructor(readonly host: Host, readonly encap: EspEncap, readonly transform: EspTransform) {}

  /** Encrypts `skb`, whose data is its Ethernet header and which is no aggregate. */
  xmit(skb: Skb): void {
    visit(this.host, "esp-output", skb);
    const espOffset = skb.transportHeader - skb.data;
    const offset = espOffset + espHeaderBytes(this.transform.sa);
    const ciphertextBytes = this.transform.ciphertextBytes(skb.len - offset);
    const toNewPage = this.transform.makeTrailer(skb, offset, skb.espProtocol);
    this.encap.writeEsp(skb, get32(this.host.skbs.memory.u8, skb.head.at + skb.transportHeader + OFFSET_SEQUENCE));
    this.encap.writeLength(skb);
    skb.espProtocol = 0;
    this.transform.seal(skb, espOffset, ciphertextBytes, toNewPage);
  }
}
