/**
 * xfrm output: where a packet that ESP is to protect is cut, transformed, or left to layer 2.
 *
 * linux-datapath 6.4 (net/xfrm/xfrm_output.c: xfrm_output, xfrm_output_gso, xfrm_output_one, xfrm_skb_check_space;
 * net/xfrm/xfrm_device.c: xfrm_dev_offload_ok). An aggregate is cut into segments first, and each of them goes on as a step
 * of its own, until one is refused: 4.4 to 4.11 always, later where there is no layer-2 path. With `gso=l2` (4.16 and later with esp4_offload) it
 * gets its outer header and a dummy ESP header as a whole and goes on unencrypted, sequence numbers for all its segments
 * reserved; so does a single packet. What ESP would make larger than the MTU goes the old way, and so does all under an SA with UDP
 * encapsulation. A checksum that a socket of this
 * host left to the device is filled in before ESP (skb_checksum_help), except where segmentation is still to come.
 *
 * With `offload=crypto` what the NIC takes goes the same way as at layer 2, whatever `gso` says, and its checksum is left to a NIC
 * that fills it in; what its driver refuses is cut and encrypted here, one `reject` row each. With `offload=packet` (6.2) nothing is
 * done to the packet; what the NIC does not take is dropped (`xfrm_device.ts`).
 *
 * Departures: whole packets in a list (`udp_gro=frag-list`) are always taken apart here. `gso=off` says that nobody in this host builds aggregates; one that arrives is cut all the same.
 *
 * @module
 */

import { EVENT, REASON, STAGE } from "../ledger/schema.ts";
import { checksumHelp } from "../skb/checksum_help.ts";
import { expandHead } from "../skb/head_ops.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import * as ip from "../wire/ip.ts";
import { Burst } from "./burst.ts";
import type { EspEncap } from "./esp_encap.ts";
import { LL_RESERVED_SPACE } from "./forward.ts";
import type { Gso } from "./gso.ts";
import type { IcmpErrors } from "./icmp.ts";
import { drop, type Host, networkBytes, type Stage, visit } from "./host.ts";
import type { XfrmDevice } from "./xfrm_device.ts";

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
  /** The NIC that the SA is offloaded to; null, or absent, when there is none. */
  readonly device?: XfrmDevice | null;
  /** Answers what is too large; absent where packets are those of sockets of this host. */
  readonly icmp?: IcmpErrors;
}

/** What an IP packet of each version may measure so that it fits the egress device after ESP; Infinity where that grows. */
export interface InnerMtu {
  readonly ipv4: number;
  readonly ipv6: number;
}

/** Segments what is too large, or leaves it to layer 2, then transforms packet by packet. */
export class XfrmOutput implements Stage {
  readonly device: XfrmDevice | null;
  /** There is a layer-2 path (type_offload). */
  readonly #hasLayer2: boolean;
  readonly #burst: Burst;
  readonly #packets: Burst;

  constructor(readonly host: Host, readonly parts: XfrmParts) {
    this.device = parts.device ?? null;
    this.#hasLayer2 = this.device !== null || host.config.gso === "l2";
    this.#packets = new Burst(host, this, REASON.burstRefused);
    this.#burst = new Burst(host, { process: (skb) => this.#outputOne(skb) }, REASON.burstRefused);
  }

  process(skb: Skb): void {
    const { device } = this;
    if (device !== null && device.encapsulates) this.#leaveToDevice(device, skb);
    else if (device !== null && skb.head.gsoType === GSO_TYPE.fragList) this.#takeListApart(skb);
    else if (this.#hasLayer2 && this.#fitsLayer2(skb) && this.#isTaken(skb)) this.#leaveToLayer2(skb);
    else if (skb.isGso) this.#segment(skb);
    else this.#outputOne(skb);
  }

  /** xfrm_output_gso: the first segment that is refused takes the rest with it. */
  #segment(skb: Skb): void {
    const refused: Skb[] = [];
    let isFirst = true;
    this.parts.gso.segment(skb, (segment) => {
      if (refused.length > 0 || this.#isTooBig(segment)) refused.push(segment);
      else this.#burst.handOn(segment, isFirst);
      isFirst = false;
    });
    refused.forEach((segment, i) => {
      if (i === 0) this.#refuse(segment);
      else drop(this.host, segment, REASON.pmtu);
    });
  }

  /** Each packet of the list goes its own way. */
  #takeListApart(skb: Skb): void {
    let isFirst = true;
    this.parts.gso.segment(skb, (packet) => {
      this.#packets.handOn(packet, isFirst);
      isFirst = false;
    });
  }

  /** xfrm_output_one. */
  #outputOne(skb: Skb): void {
    visit(this.host, "xfrm-output", skb);
    if (skb.ipSummed === CHECKSUM.partial) checksumHelp(this.host.skbs, skb);
    this.#checkSpace(skb);
    if (this.#isTooBig(skb)) return this.#refuse(skb);
    this.parts.espOutput.process(skb);
  }

  #refuse(skb: Skb): void {
    const { innerMtu, icmp } = this.parts;
    icmp?.tooBig(skb, Math.max(innerMtu.ipv6, IPV6_MIN_MTU));
    drop(this.host, skb, REASON.pmtu);
  }

  /** The packet gets its headers now, trailer and encryption when it leaves the queue. */
  #leaveToLayer2(skb: Skb): void {
    const { encap, ipOutput } = this.parts;
    visit(this.host, "xfrm-output", skb);
    const leavesSum = skb.isGso || this.device?.fillsChecksums === true;
    if (skb.ipSummed === CHECKSUM.partial && !leavesSum) checksumHelp(this.host.skbs, skb);
    this.#checkSpace(skb);
    if (!encap.find(skb)) return drop(this.host, skb, REASON.malformed);
    const sequence = encap.sa.reserveSequences(skb.isGso ? skb.head.gsoSegs : 1);
    if (sequence === 0) return drop(this.host, skb, REASON.sequenceExhausted);
    const { nextHeader } = encap;
    encap.push(skb, sequence);
    skb.espProtocol = nextHeader;
    ipOutput.process(skb);
  }

  /** The packet goes on as it is; sequence numbers are the NIC's, and the stack counts with it. */
  #leaveToDevice(device: XfrmDevice, skb: Skb): void {
    visit(this.host, "xfrm-output", skb);
    if (this.#isTooBig(skb)) return this.#refuse(skb);
    const isTaken = this.#fits(skb) && device.takes(this.host.skbs.memory.u8, skb.dataAt);
    if (!isTaken) return drop(this.host, skb, REASON.noFallback);
    if (device.sa.reserveSequences(skb.isGso ? skb.head.gsoSegs : 1) === 0) {
      return drop(this.host, skb, REASON.sequenceExhausted);
    }
    skb.deviceEsp = device.esp.encapsulating;
    this.parts.ipOutput.process(skb);
  }

  /** xdo_dev_offload_ok, where there is a device; a refusal is noted. */
  #isTaken(skb: Skb): boolean {
    const { host, device } = this;
    if (device === null || device.takes(host.skbs.memory.u8, skb.dataAt)) return true;
    host.ledger.stage = STAGE["xfrm-output"];
    host.ledger.note(EVENT.reject, REASON.offloadVeto, skb, skb.len, Math.max(1, skb.head.gsoSegs));
    return false;
  }

  /** Headroom for the headers of ESP and of the link (xfrm_skb_check_space). */
  #checkSpace(skb: Skb): void {
    const missing = this.parts.headerBytes + LL_RESERVED_SPACE - skb.headroom;
    if (missing > 0) expandHead(this.host.skbs, skb, missing, 0);
  }

  /** xfrm_dev_offload_ok: ESP is not in UDP, and what it makes of the packet, or of its segments, fits the device. */
  #fitsLayer2(skb: Skb): boolean {
    if (this.parts.encap.sa.encapsulation !== null) return false;
    return skb.head.gsoType !== GSO_TYPE.fragList && this.#fits(skb);
  }

  /** What ESP makes of the packet, or of its segments, fits the egress device. */
  #fits(skb: Skb): boolean {
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
