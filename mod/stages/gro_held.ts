/**
 * What GRO holds: a buffer with all that has joined it, and how it is finished before it goes up.
 *
 * linux-datapath 5.1, 5.5, 5.6 (struct napi_gro_cb; inet_gro_complete, ipv6_gro_complete, tcp_gro_complete,
 * udp4_gro_complete, udp6_gro_complete; 4.4 and 6.1). An aggregate gets the lengths of the whole, and the checksum field of a
 * packet that its sender leaves to the device: the sum of the pseudo-header.
 *
 * @module
 */

import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { MergeTarget } from "../wire/merge_rules.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { pseudoHeaderSum } from "./gro_checksum.ts";
import type { GroHeaders } from "./gro_headers.ts";

/** A buffer that GRO holds (napi_gro_cb of a held skb). */
export class Held implements MergeTarget {
  /** Last buffer of its frag_list, or the buffer itself. */
  last: Skb;
  /** Segments merged into it, its own included. */
  count: number;
  /** Offset of its IP header in the arena; nothing that joins moves it. */
  readonly at: number;
  readonly isIpv6: boolean;
  readonly networkBytes: number;
  readonly headerBytes: number;
  readonly protocol: number;
  readonly mss: number;
  isAtomic: boolean;

  /** Holds `skb`, whose headers have been read and are linear. */
  constructor(
    skbs: SkbMemory,
    readonly skb: Skb,
    headers: GroHeaders,
    /** When it was held first. */
    readonly jiffy: number,
  ) {
    const { head } = skb;
    this.last = skb;
    this.count = skb.isGso ? head.gsoSegs : 1;
    this.at = skb.dataAt;
    this.isIpv6 = headers.isIpv6;
    this.networkBytes = headers.networkBytes;
    this.headerBytes = headers.headerBytes;
    this.protocol = headers.protocol;
    if (!skb.isGso) head.gsoSize = headers.payloadBytes;
    this.mss = head.gsoSize;
    this.isAtomic = headers.isIpv6 || ipv4.dontFragment(skbs.memory.u8, skb.dataAt);
  }

  /** Payload bytes of all that has joined. */
  get payloadBytes(): number {
    return this.skb.len - this.headerBytes;
  }
}

/** Makes the buffer one that the stack can take (napi_gro_complete); `chained` where UDP packets were chained whole. */
export function finishHeld(skbs: SkbMemory, held: Held, chained: boolean): void {
  const { skb } = held;
  if (held.count === 1) {
    skb.head.gsoSize = 0;
    return;
  }
  skb.head.gsoSegs = held.count;
  writeLength(skbs.memory.u8, held);
  if (held.protocol === PROTOCOL_TCP) finishTcp(skbs, held);
  else finishUdp(skbs, held, chained);
}

function writeLength(u8: Uint8Array, { skb, at, isIpv6 }: Held): void {
  if (isIpv6) return ipv6.setPayloadLength(u8, at, skb.len - ipv6.HEADER_BYTES);
  ipv4.setTotalLength(u8, at, skb.len);
  ipv4.writeHeaderChecksum(u8, at);
}

function finishTcp(skbs: SkbMemory, held: Held): void {
  const { skb, at, isIpv6, networkBytes } = held;
  const { u8 } = skbs.memory;
  const transportBytes = skb.len - networkBytes;
  tcp.setChecksum(u8, at + networkBytes, pseudoHeaderSum(u8, at, isIpv6, PROTOCOL_TCP, transportBytes));
  skb.ipSummed = CHECKSUM.partial;
  skb.checksumOffset = tcp.OFFSET_CHECKSUM;
  skb.head.gsoType = isIpv6 ? GSO_TYPE.tcpV6 : GSO_TYPE.tcpV4;
  skb.head.gsoFixedId = skbs.era === "6.1" && !isIpv6 && held.isAtomic;
}

function finishUdp(skbs: SkbMemory, held: Held, chained: boolean): void {
  const { skb, at, isIpv6, networkBytes } = held;
  const { u8 } = skbs.memory;
  const transportBytes = skb.len - networkBytes;
  udp.setLength(u8, at + networkBytes, transportBytes);
  if (chained) {
    skb.head.gsoType = GSO_TYPE.fragList;
    return;
  }
  udp.setChecksum(u8, at + networkBytes, pseudoHeaderSum(u8, at, isIpv6, PROTOCOL_UDP, transportBytes));
  skb.ipSummed = CHECKSUM.partial;
  skb.checksumOffset = udp.OFFSET_CHECKSUM;
  skb.head.gsoType = GSO_TYPE.udpL4;
}
