/**
 * What a packet still needs between the queue and the driver: to be cut, and its ESP.
 *
 * linux-datapath 6.1 and 6.5 (net/core/dev.c: validate_xmit_skb, validate_xmit_skb_list; net/xfrm/xfrm_device.c:
 * validate_xmit_xfrm; 6.1). Who cuts an aggregate is asked in one place (`segmentation_offload.ts`): a NIC with GSO_ESP, or
 * software for what the NIC can do. A device that does not encrypt gets linear segments, whose payload is copied and summed in one
 * pass (esp4_gso_segment takes scatter-gather and checksum offload away).
 *
 * Without scatter-gather (`nic_sg=off`) any other scattered packet is made linear (skb_needs_linearize, __skb_linearize): ESP of
 * layer 3 here, and ESP of layer 2 before it is encrypted, and behind it once more where the trailer went into a fragment
 * (esp_xmit of 6.1.192; earlier ones let the device have it).
 *
 * @module
 */

import { linearize } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { EspXmit } from "./esp_xmit.ts";
import type { Gso } from "./gso.ts";
import type { Host } from "./host.ts";
import type { NetTxWork } from "./net_tx.ts";
import { SegmentationOffload } from "./segmentation_offload.ts";
import { FINISH, type TransmitValidator } from "./transmit_list.ts";

/** Makes a packet linear that has fragments or a frag_list which the device does not send (skb_needs_linearize). */
export function linearizeForDevice({ config, skbs }: Host, skb: Skb): void {
  const gathers = config.nic_sg === "on";
  const takesFragList = gathers && config.nic_fraglist === "on";
  if ((skb.nrFrags > 0 && !gathers) || (skb.hasFragList && !takesFragList)) linearize(skbs, skb);
}

const NO_SEGMENTS: readonly Skb[] = [];

/** Says whether ESP packets that leave `queue` must wait, and if so has it taken up again once that may have changed. */
export interface EspOrder {
  mustWait(queue: NetTxWork): boolean;
}

/** Makes packets fit for the driver. */
export class ValidateXmit implements TransmitValidator {
  readonly #offload: SegmentationOffload;

  /** `order` is that of asynchronous crypto; null when nothing waits for anything. */
  constructor(readonly gso: Gso, readonly esp: EspXmit, readonly order: EspOrder | null = null) {
    this.#offload = esp.device?.segmentation ?? new SegmentationOffload();
  }

  segments(skb: Skb): readonly Skb[] {
    if (!skb.isGso) return NO_SEGMENTS;
    const features = this.#offload.featuresFor(skb);
    if (features === null) return NO_SEGMENTS;
    const segments: Skb[] = [];
    this.gso.segment(skb, (segment) => void segments.push(segment), features);
    return segments;
  }

  refuses(skb: Skb, queue: NetTxWork): boolean {
    return this.order !== null && skb.espProtocol !== 0 && this.order.mustWait(queue);
  }

  finish(skb: Skb): number {
    linearizeForDevice(this.esp.host, skb);
    if (skb.espProtocol === 0) return FINISH.ready;
    const result = this.esp.xmit(skb);
    if (result === FINISH.ready) linearizeForDevice(this.esp.host, skb);
    return result;
  }
}
