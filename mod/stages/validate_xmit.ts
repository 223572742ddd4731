/**
 * What a packet still needs between the queue and the driver: to be cut, and its ESP.
 *
 * linux-datapath 6.1 and 6.5 (net/core/dev.c: validate_xmit_skb, validate_xmit_skb_list; net/xfrm/xfrm_device.c:
 * validate_xmit_xfrm; 6.1). Software GSO is what every device can do. A device that does not encrypt gets linear segments,
 * whose payload is copied and summed in one pass (esp4_gso_segment takes scatter-gather and checksum offload away).
 *
 * @module
 */

import type { Skb } from "../skb/skb.ts";
import type { EspXmit } from "./esp_xmit.ts";
import type { Gso } from "./gso.ts";
import type { TransmitValidator } from "./qdisc.ts";

const NO_SEGMENTS: readonly Skb[] = [];

/** Makes packets fit for the driver. */
export class ValidateXmit implements TransmitValidator {
  constructor(readonly gso: Gso, readonly esp: EspXmit) {}

  segments(skb: Skb): readonly Skb[] {
    if (!skb.isGso) return NO_SEGMENTS;
    const segments: Skb[] = [];
    this.gso.segment(skb, (segment) => void segments.push(segment));
    return segments;
  }

  finish(skb: Skb): void {
    if (skb.espProtocol !== 0) this.esp.xmit(skb);
  }
}
