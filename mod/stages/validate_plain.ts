/**
 * What a packet that is not for ESP, or whose ESP is all the NIC's, still needs between the queue and the driver: to be cut, or
 * to be made linear, unless the device does without.
 *
 * linux-datapath 6.1, 6.2 (net/core/dev.c: validate_xmit_skb, netif_needs_gso, skb_needs_linearize; 4.4 and 6.1). An
 * aggregate goes to a NIC that segments TCP as it is, if it has no frag_list or the NIC takes one; else software cuts it: by
 * reference where the NIC sends scattered buffers, copying where it does not (`segmentation_offload.ts`).
 *
 * @module
 */

import { checksumHelp } from "../skb/checksum_help.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import type { Gso } from "./gso.ts";
import type { Host } from "./host.ts";
import { SegmentationOffload } from "./segmentation_offload.ts";
import { FINISH, type TransmitValidator } from "./transmit_list.ts";
import { linearizeForDevice } from "./validate_xmit.ts";

const NO_SEGMENTS: readonly Skb[] = [];

/** Makes clear packets fit for the driver. */
export class ValidatePlain implements TransmitValidator {
  readonly #offload: SegmentationOffload;

  constructor(
    readonly host: Host,
    readonly gso: Gso,
    /** The device fills in transport checksums. */
    readonly checksumOffload: boolean = true,
  ) {
    const { nic_sg, nic_tso, nic_fraglist } = host.config;
    this.#offload = new SegmentationOffload({
      scatterGather: nic_sg === "on",
      checksums: checksumOffload,
      segments: nic_tso === "on",
      fragLists: nic_fraglist === "on",
    });
  }

  segments(skb: Skb): readonly Skb[] {
    if (!skb.isGso) return NO_SEGMENTS;
    const features = this.#offload.featuresFor(skb);
    if (features === null) return NO_SEGMENTS;
    const segments: Skb[] = [];
    this.gso.segment(skb, (segment) => void segments.push(segment), features);
    return segments;
  }

  /** Nothing waits for anything. */
  refuses(): boolean {
    return false;
  }

  finish(skb: Skb): number {
    linearizeForDevice(this.host, skb);
    if (skb.ipSummed === CHECKSUM.partial && !skb.isGso && !this.checksumOffload) checksumHelp(this.host.skbs, skb);
    return FINISH.ready;
  }
}
