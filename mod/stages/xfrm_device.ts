/**
 * A NIC to which the SA of the way out is offloaded: what it does of ESP, which packets it takes, and what the stack still does.
 *
 * linux-datapath 8.1 to 8.4 (net/xfrm/xfrm_device.c: xfrm_dev_state_add, xfrm_dev_offload_ok; ixgbe_ipsec_offload_ok,
 * mlx5e_ipsec_offload_ok). With `offload=crypto` (4.12) the stack makes headers, sequence numbers and, of what it has cut, the
 * trailer; the NIC encrypts, with `nic_gso_esp=on` it cuts aggregates as well (NETIF_F_GSO_ESP), with `nic_tx_csum=on` it fills in
 * the checksums inside (NETIF_F_HW_ESP_TX_CSUM). With `offload=packet` (6.2) it gets clear packets and does all of ESP.
 *
 * A driver refuses single packets, those with IPv4 options or IPv6 extension headers. With crypto offload they are encrypted
 * by software, at layer 3; packet offload has no fallback, and they are dropped.
 *
 * Departures: the SA is asked for when it is made, so the module esp4_offload is there whatever `gso` says. Drivers of Linux look
 * for options of IPv4 where the outer header will be IPv4, whatever the version inside; here they look at the packet as it is. An
 * SA with traffic flow confidentiality cannot be offloaded, nor one behind UDP; no configuration has the one, and the other is
 * refused (`config/legality.ts`).
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { Aead } from "../crypto/aead.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import {
  PROTOCOL_AH,
  PROTOCOL_DESTINATION_OPTIONS,
  PROTOCOL_FRAGMENT,
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_NONE,
  PROTOCOL_ROUTING,
} from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { Host } from "./host.ts";
import { NicEsp } from "./nic_esp.ts";
import { SegmentationOffload } from "./segmentation_offload.ts";

/** What ipv6_ext_hdr() takes for extension headers. */
const EXTENSION_HEADERS: readonly number[] = [
  PROTOCOL_HOP_BY_HOP,
  PROTOCOL_ROUTING,
  PROTOCOL_FRAGMENT,
  PROTOCOL_AH,
  PROTOCOL_NONE,
  PROTOCOL_DESTINATION_OPTIONS,
];

/** The device of one SA that sends. */
export class XfrmDevice {
  /** It gets clear packets; else packets with an ESP header that are not encrypted. */
  readonly encapsulates: boolean;
  /** It fills in the checksums of what it encrypts. */
  readonly fillsChecksums: boolean;
  /** Who cuts aggregates that it is to encrypt. */
  readonly segmentation: SegmentationOffload;
  /** What it does to frames. */
  readonly esp: NicEsp;

  /** `aead` is that of `sa`; null when nobody looks at the bytes. */
  constructor(config: Config, readonly sa: SecurityAssociation, aead: Aead | null) {
    const { offload, nic_sg, nic_gso_esp, nic_tx_csum, nic_fraglist } = config;
    this.encapsulates = offload === "packet";
    this.fillsChecksums = nic_tx_csum === "on";
    this.segmentation = new SegmentationOffload({
      scatterGather: nic_sg === "on",
      checksums: this.fillsChecksums,
      segments: nic_gso_esp === "on",
      fragLists: nic_fraglist === "on",
    });
    this.esp = new NicEsp(sa, aead);
  }

  /** Whether the driver takes the packet whose IP header is at `at`, before ESP (xdo_dev_offload_ok). */
  takes(u8: Uint8Array, at: number): boolean {
    if (ip.isIpv6(u8, at)) return !EXTENSION_HEADERS.includes(ipv6.nextHeader(u8, at));
    return ipv4.ihlBytes(u8, at) === ipv4.HEADER_BYTES;
  }

  /** What is left of `skb` is encryption, of an aggregate also segmentation; ESP protects its data from `offset` on. */
  leaveCrypto(host: Host, skb: Skb, offset: number): void {
    skb.deviceEsp = skb.isGso ? this.esp.segmenting : this.esp.encrypting;
    if (!skb.isGso && skb.ipSummed !== CHECKSUM.partial) return;
    // The device looks for the transport header inside (skb_inner_transport_header).
    const inner = skb.data + offset;
    const { u8 } = host.skbs.memory;
    skb.transportHeader = this.sa.mode === "tunnel" ? inner + ip.headerBytes(u8, skb.head.at + inner) : inner;
  }
}

/** The device of `sa`; null when nothing is offloaded. */
export function xfrmDeviceOf(config: Config, sa: SecurityAssociation, aead: Aead | null): XfrmDevice | null {
  return config.offload === "none" ? null : new XfrmDevice(config, sa, aead);
}
