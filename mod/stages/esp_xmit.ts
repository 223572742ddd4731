/**
 * ESP at layer 2: trailer, lengths and encryption of one packet on its way from the queue to the driver (`gso=l2`).
 *
 * linux-datapath 6.5 (net/ipv4/esp4_offload.c, net/ipv6/esp6_offload.c: esp_xmit; net/xfrm/xfrm_device.c:
 * validate_xmit_xfrm; 4.16 and later, 6.1). The outer header and a dummy ESP header have been there since xfrm output
 * (`xfrm_output.ts`), the sequence number of each segment since it was cut (`gso.ts`). Asynchronous crypto (4.16) takes the
 * packet away, which comes back by itself (`esp_seal.ts`), or refuses it: then it is dropped.
 *
 * Of an SA that is offloaded to the NIC (`offload=crypto`) the bytes stay as they are: a packet gets its trailer here all the same,
 * which makes a clone linear (esp_output_head), an aggregate that the NIC cuts gets nothing (`xfrm_device.ts`).
 *
 * @module
 */

import { OFFSET_SEQUENCE } from "../esp/framing.ts";
import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { get32 } from "../wire/bytes.ts";
import type { EspEncap } from "./esp_encap.ts";
import type { SealQueue } from "./esp_seal.ts";
import { espHeaderBytes, type EspTransform } from "./esp_transform.ts";
import { drop, type Host, visit } from "./host.ts";
import { FINISH } from "./transmit_list.ts";
import type { XfrmDevice } from "./xfrm_device.ts";

/** Finishes packets that carry a dummy ESP header. */
export class EspXmit {
  /** `later` encrypts asynchronously; null when the CPU encrypts at once. */
  constructor(
    readonly host: Host,
    readonly encap: EspEncap,
    readonly transform: EspTransform,
    readonly later: SealQueue | null = null,
    /** The NIC that encrypts; null when there is none. */
    readonly device: XfrmDevice | null = null,
  ) {}

  /**
   * Encrypts `skb`, whose data is its Ethernet header, or leaves that to the NIC; an aggregate only where the NIC cuts it. One of
   * {@linkcode FINISH}.
   */
  xmit(skb: Skb): number {
    visit(this.host, "esp-output", skb);
    const espOffset = skb.transportHeader - skb.data;
    const offset = espOffset + espHeaderBytes(this.transform.sa);
    const ciphertextBytes = this.transform.ciphertextBytes(skb.len - offset);
    const toNewPage = skb.isGso ? false : this.transform.makeTrailer(skb, offset, skb.espProtocol);
    const low = get32(this.host.skbs.memory.u8, skb.head.at + skb.transportHeader + OFFSET_SEQUENCE);
    this.encap.writeEsp(skb, skb.espSequenceHigh * 2 ** 32 + low);
    this.encap.writeLength(skb);
    skb.espProtocol = 0;
    if (this.device !== null) {
      this.device.leaveCrypto(this.host, skb, offset);
      return FINISH.ready;
    }
    if (this.later !== null) return this.#sealLater(this.later, skb, espOffset, ciphertextBytes, toNewPage);
    this.transform.seal(skb, espOffset, ciphertextBytes, toNewPage);
    return FINISH.ready;
  }

  #sealLater(later: SealQueue, skb: Skb, espOffset: number, ciphertextBytes: number, toNewPage: boolean): number {
    if (later.submit(skb, espOffset, ciphertextBytes, toNewPage)) return FINISH.taken;
    drop(this.host, skb, REASON.cryptoFull);
    return FINISH.refused;
  }
}
