/**
 * Who cuts an aggregate that leaves a queue: the NIC, which then gets it as it is, or software, its fallback.
 *
 * linux-datapath 6.1, 6.2, 6.5 (net/core/dev.c: netif_needs_gso, net_gso_ok, netdev_fix_features; 4.4 and 6.1). Software GSO is
 * what every device can do; what the device gets then decides what it costs. The same question, with the same answer, is asked of a
 * clear aggregate (TSO), of one whose ESP the NIC does (GSO_ESP), and of one that software encrypts: that goes to a device which
 * can do nothing (esp4_gso_segment takes scatter-gather and checksum offload away).
 *
 * A buffer with a frag_list is too much for nearly any NIC: software cuts it, by reference where the NIC gathers. That is what
 * fair buffers (`gro_overflow=stop`) are for.
 *
 * Departures: a NIC does not repeat IPv4 ids (tx-tcp-mangleid-segmentation is off, as drivers have it), nor segment UDP.
 *
 * ```ts
 * const features = offload.featuresFor(skb);
 * if (features === null) driver.take(skb); else gso.segment(skb, emit, features);
 * ```
 *
 * @module
 */

import type { SegmentFeatures } from "../skb/segment_plan.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";

/** What a device does. */
export interface SegmentingDevice {
  /** It sends scattered buffers (NETIF_F_SG). */
  readonly scatterGather: boolean;
  /** It fills transport checksums in. */
  readonly checksums: boolean;
  /** It cuts aggregates of TCP (TSO, of ESP packets GSO_ESP); needs both of the above. */
  readonly segments: boolean;
  /** It takes buffers with a frag_list (NETIF_F_FRAGLIST). */
  readonly fragLists: boolean;
}

/** A device that does nothing. */
const NOTHING: SegmentingDevice = { scatterGather: false, checksums: false, segments: false, fragLists: false };

/** Decides who cuts. */
export class SegmentationOffload {
  /** What software makes for this device, of what the device could cut but for a frag_list, and of anything else. */
  readonly #ofItsKind: SegmentFeatures;
  readonly #ofOthers: SegmentFeatures;
  readonly #segments: boolean;
  readonly #fragLists: boolean;

  constructor({ scatterGather, checksums, segments, fragLists }: SegmentingDevice = NOTHING) {
    // A device that does not gather, or fills in no checksums, cannot segment either (netdev_fix_features).
    this.#segments = segments && scatterGather && checksums;
    this.#fragLists = fragLists && scatterGather;
    this.#ofOthers = { scatterGather, checksumOffload: checksums, fragListOffload: false };
    this.#ofItsKind = { ...this.#ofOthers, fragListOffload: true };
  }

  /** What software has to make of the aggregate `skb`; null when the NIC cuts it. */
  featuresFor(skb: Skb): SegmentFeatures | null {
    const isOfItsKind = this.#isOfItsKind(skb);
    const isSummable = skb.ipSummed === CHECKSUM.partial || skb.ipSummed === CHECKSUM.unnecessary;
    if (isOfItsKind && isSummable && (!skb.hasFragList || this.#fragLists)) return null;
    return isOfItsKind ? this.#ofItsKind : this.#ofOthers;
  }

  /** The NIC segments buffers of this kind (net_gso_ok). */
  #isOfItsKind({ head }: Skb): boolean {
    return this.#segments && !head.gsoFixedId && (head.gsoType === GSO_TYPE.tcpV4 || head.gsoType === GSO_TYPE.tcpV6);
  }
}
