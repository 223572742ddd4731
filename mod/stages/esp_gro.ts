/**
 * GRO's handler for ESP: packets of a known SA are decrypted at once, in the poll of the NIC, and never go up as ESP.
 *
 * linux-datapath 5.9 (net/ipv4/esp4_offload.c: esp4_gro_receive, net/ipv6/esp6_offload.c: esp6_gro_receive; 4.11 and later,
 * with the module loaded: `esp_gro=on`). It merges nothing: what it decrypts goes through GRO a second time (`gro_cells.ts`).
 * Packets without an SA go up as they are, to be dropped there.
 *
 * @module
 */

import { ESP_HEADER_BYTES } from "../esp/arithmetic.ts";
import { pull, push } from "../skb/head_ops.ts";
import { mayPull } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { EspInput } from "./esp_input.ts";
import type { Host } from "./host.ts";

/** Takes ESP packets out of GRO. */
export class EspGro {
  constructor(readonly host: Host, readonly input: EspInput) {}

  /**
   * Takes `skb`, whose data are `networkBytes` bytes of IP headers and then ESP, over; false when it has no SA, and goes on
   * as it is but for its headers, which are linear then.
   */
  take(skb: Skb, networkBytes: number): boolean {
    const { skbs } = this.host;
    if (!mayPull(skbs, skb, networkBytes)) return false;
    pull(skb, networkBytes);
    skb.transportHeader = skb.data;
    if (mayPull(skbs, skb, ESP_HEADER_BYTES)) {
      const inbound = this.input.find(skb);
      if (inbound !== undefined) {
        this.input.takeFromGro(skb, inbound);
        return true;
      }
    }
    push(skb, networkBytes);
    return false;
  }
}
