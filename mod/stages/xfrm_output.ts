/**
 * xfrm output: where a packet that ESP is to protect is cut, transformed, or left to layer 2.
 *
 * linux-datapath 6.4 (net/xfrm/xfrm_output.c: xfrm_output, xfrm_output_gso, xfrm_output_one, xfrm_skb_check_space;
 * net/xfrm/xfrm_device.c: xfrm_dev_offload_ok). An aggregate is cut into segments first, and each of them goes on as a step
 * of its own: 4.4 to 4.11 always, later where there is no layer-2 path. With `gso=l2` (4.16 and later with esp4_offload) it
 * gets its outer header and a dummy ESP header as a whole and goes on unencrypted, sequence numbers for all its segments
 * reserved; so does a single packet. What ESP would make larger than the MTU goes the old way. A checksum that a socket of this
 * host left to the device is filled in before ESP (skb_checksum_help), except where segmentation is still to come.
 *
 * Departures: whole packets in a list (`udp_gro=frag-list`) are always taken apart here. `gso=off` says that nobody in this host builds aggregates; one that arrives is cut all the same. Packet Too
 * Big answers (IPv6) are not generated.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { checksumHelp } from "../skb/checksum_help.ts";
import { expandHead } from "../skb/head_ops.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import type { EspEncap } from "./esp_encap.ts";
import { LL_RESERVED_SPACE } from "./forward.ts";
import type { Gso } from "./gso.ts";
import { drop, type Host, networkBytes, type Stage, visit } from "./host.ts";

/** Every link takes IPv6 packets of this length (RFC 8200, section 5): one that ESP makes too large is fragmented then. */
const IPV6_MIN_MTU = 1280;

/** What xfrm output hands packets to, and what it has to know of the SA. */
export interface XfrmParts {
  readonly gso: Gso;
  readonly encap: EspEncap;
  /** ESP at layer 3. */
  readonly espOutput: Stage;
  /** IP output, for packets whose ESP is left to layer 2. */
  readonly ipOutput: Stage;
  /** Bytes that the transformation puts in front (dst->header_len). */
  readonly headerBytes: number;
  /** The MTUs inside. */
  readonly innerMtu: InnerMtu;
  /** Packets are those of sockets of this host, which know these MTUs: what is larger is fragmented behind ESP. */
  readonly isLocal?: boolean;
}

/** What an IP packet of each version may measure so that it fits the egress device after ESP; Infinity where that grows. */
export interface InnerMtu {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** Segments what is too large, or leaves it to layer 2, then transforms packet by packet. */
export class XfrmOutput implements Stage {
  readonly #one: Stage = { process: (skb) => this.#outputOne(skb) };

  constructor(readonly host: Host, readonly parts: XfrmParts) {}

  process(skb: Skb): void {
    if (this.host.config.gso === "l2" && this.#fits(skb)) this.#leaveToLayer2(skb);
    else if (skb.isGso) this.#segment(skb);
    else this.#outputOne(skb);
  }

  /** xfrm_output_gso: the first segment that is refused takes the rest with it. */
  #segment(skb: Skb): void {
    let refused = false;
    this.parts.gso.segment(skb, (segment) => {
      refused ||= this.#isTooBig(segment);
      if (refused) drop(this.host, segment, REASON.pmtu);
      else this.host.cpu.handOn(this.#one, segment);
    });
  }

  /** xfrm_output_one. */
  #outputOne(skb: Skb): void {
    visit(this.host, "xfrm-output", skb);
    if (skb.ipSummed === CHECKSUM.partial) checksumHelp(this.host.skbs, skb);
    this.#checkSpace(skb);
    if (this.#isTooBig(skb)) return drop(this.host, skb, REASON.pmtu);
    this.parts.espOutput.process(skb);
  }

  /** The packet gets its headers now, trailer and encryption when it leaves the queue. */
  #leaveToLayer2(skb: Skb): void {
    const { encap, ipOutput } = this.parts;
    visit(this.host, "xfrm-output", skb);
    if (skb.ipSummed === CHECKSUM.partial && !skb.isGso) checksumHelp(this.host.skbs, skb);
    this.#checkSpace(skb);
    if (!encap.find(skb)) return drop(this.host, skb, REASON.malformed);
    const sequence = encap.sa.reserveSequences(skb.isGso ? skb.head.gsoSegs : 1);
    if (sequence === 0) return drop(this.host, skb, REASON.sequenceExhausted);
    const { nextHeader } = encap;
    encap.push(skb, sequence);
    skb.espProtocol = nextHeader;
    ipOutput.process(skb);
  }

  /** Headroom for the headers of ESP and of the link (xfrm_skb_check_space). */
  #checkSpace(skb: Skb): void {
    const missing = this.parts.headerBytes + LL_RESERVED_SPACE - skb.headroom;
    if (missing > 0) expandHead(this.host.skbs, skb, missing, 0);
  }

  /** xfrm_dev_offload_ok: what ESP makes of it, or of its segments, fits the device. */
  #fits(skb: Skb): boolean {
    if (skb.head.gsoType === GSO_TYPE.fragList) return false;
    const { ipv4, ipv6 } = this.parts.innerMtu;
    return networkBytes(skb) <= (ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt) ? ipv6 : ipv4);
  }

  /** xfrm6_tunnel_check_size; IPv4 has been held against the MTU in ip_forward. */
  #isTooBig(skb: Skb): boolean {
    if (this.parts.isLocal === true) return false;
    return skb.len > Math.max(this.parts.innerMtu.ipv6, IPV6_MIN_MTU) &&
      ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt);
  }
}
