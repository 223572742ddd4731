/**
 * What a packet that is not for ESP still needs between the queue and the driver: to be cut, or to be made linear, unless the
 * device does without.
 *
 * linux-datapath 6.1, 6.2 (net/core/dev.c: validate_xmit_skb, netif_needs_gso, skb_needs_linearize; 4.4 and 6.1). An
 * aggregate goes to a NIC that segments TCP as it is, if it has no frag_list or the NIC takes one; else software cuts it: by
 * reference where the NIC sends scattered buffers, copying where it does not.
 *
 * Departures: in a run the NIC fills in transport checksums (`nic_tx_csum` is not built). It does not repeat IPv4 ids
 * (tx-tcp-mangleid-segmentation is off, as drivers have it), nor segment UDP.
 *
 * @module
 */

import { checksumHelp } from "../skb/checksum_help.ts";
import { linearize } from "../skb/paged_ops.ts";
import type { SegmentFeatures } from "../skb/segment_plan.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import type { Gso } from "./gso.ts";
import type { Host } from "./host.ts";
import type { TransmitValidator } from "./qdisc.ts";

const NO_SEGMENTS: readonly Skb[] = [];

/** Makes clear packets fit for the driver. */
export class ValidatePlain implements TransmitValidator {
  readonly #scatterGather: boolean;
  readonly #tso: boolean;
  readonly #fragList: boolean;

  constructor(
    readonly host: Host,
    readonly gso: Gso,
    /** The device fills in transport checksums. */
    readonly checksumOffload: boolean = true,
  ) {
    const { nic_sg, nic_tso, nic_fraglist } = host.config;
    this.#scatterGather = nic_sg === "on";
    // A device that does not gather cannot segment either (netdev_fix_features).
    this.#tso = nic_tso === "on" && this.#scatterGather;
    this.#fragList = nic_fraglist === "on" && this.#scatterGather;
  }

  segments(skb: Skb): readonly Skb[] {
    if (!this.#needsGso(skb)) return NO_SEGMENTS;
    const segments: Skb[] = [];
    this.gso.segment(skb, (segment) => void segments.push(segment), this.#featuresFor(skb));
    return segments;
  }

  finish(skb: Skb): void {
    const cannotGather = skb.nrFrags > 0 && !this.#scatterGather;
    if (cannotGather || (skb.hasFragList && !this.#fragList)) linearize(this.host.skbs, skb);
    if (skb.ipSummed === CHECKSUM.partial && !this.checksumOffload) checksumHelp(this.host.skbs, skb);
  }

  #needsGso(skb: Skb): boolean {
    if (!skb.isGso) return false;
    if (!this.#segments(skb) || (skb.hasFragList && !this.#fragList)) return true;
    return skb.ipSummed !== CHECKSUM.partial && skb.ipSummed !== CHECKSUM.unnecessary;
  }

  /** The NIC segments buffers of this kind (net_gso_ok). */
  #segments({ head }: Skb): boolean {
    return this.#tso && !head.gsoFixedId && (head.gsoType === GSO_TYPE.tcpV4 || head.gsoType === GSO_TYPE.tcpV6);
  }

  #featuresFor(skb: Skb): SegmentFeatures {
    const { checksumOffload } = this;
    return { scatterGather: this.#scatterGather, checksumOffload, fragListOffload: this.#segments(skb) };
  }
}
