/**
 * IP input and forwarding: where a packet that is not for ESP goes its own way, and one that is gets its route.
 *
 * ip_rcv, ip_forward (net/ipv4, 4.4 and 6.1): trailing padding is trimmed, the time to live checked, the packet held
 * against the MTU that ESP leaves over, headroom made, the time to live decremented. All traffic is one policy's.
 *
 * Departures: the ICMP answers to what is dropped here are not generated; netfilter is not there; multicast and broadcast
 * are forwarded as any other packet, since the captured host, not the gateway, was their receiver.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { cow } from "../skb/head_ops.ts";
import { mayPull, trim } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { etherType, ETHERTYPE_IPV4 } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { drop, type Host, packetsIn, type Stage, visit } from "./host.ts";

/** Room for an Ethernet header, rounded up to 16 (LL_RESERVED_SPACE). */
export const LL_RESERVED_SPACE = 16;

/** Forwards every IPv4 packet to the SA. */
export class Forward implements Stage {
  constructor(
    readonly host: Host,
    readonly next: Stage,
    /** Bytes that the transformation will put in front (dst->header_len). */
    readonly headerBytes: number,
    /** The MTU inside the tunnel; Infinity when the egress MTU grows to fit. */
    readonly innerMtu: number,
  ) {}

  process(skb: Skb): void {
    const { u8 } = this.host.skbs.memory;
    if (etherType(u8, skb.head.at + skb.macHeader) !== ETHERTYPE_IPV4) return this.#bypass(skb);
    visit(this.host, "forward", skb);
    const refusal = this.#receive(skb) ?? this.#forward(skb);
    if (refusal !== undefined) return drop(this.host, skb, refusal);
    this.next.process(skb);
  }

  /** Not IP: delivered to whoever asked for its protocol, outside this model. */
  #bypass(skb: Skb): void {
    visit(this.host, "napi", skb);
    this.host.gate.leave(1);
    this.host.ledger.write(EVENT.deliver, REASON.bypass, skb.packet, skb.id, NONE, skb.len, 1, skb.payloadBytes);
    this.host.skbs.free(skb, REASON.consumed);
  }

  /** ip_rcv: the reason to drop, or undefined. */
  #receive(skb: Skb): number | undefined {
    const { skbs } = this.host;
    if (!mayPull(skbs, skb, ipv4.HEADER_BYTES)) return REASON.malformed;
    const headerBytes = ipv4.ihlBytes(skbs.memory.u8, skb.dataAt);
    if (ipv4.version(skbs.memory.u8, skb.dataAt) !== 4 || headerBytes < ipv4.HEADER_BYTES) return REASON.malformed;
    if (!mayPull(skbs, skb, headerBytes)) return REASON.malformed;
    const { u8 } = skbs.memory;
    const totalBytes = ipv4.totalLength(u8, skb.dataAt);
    if (!ipv4.headerChecksumOk(u8, skb.dataAt) || totalBytes < headerBytes) return REASON.malformed;
    if (totalBytes > skb.len) return REASON.malformed;
    trim(skbs, skb, totalBytes);
    return undefined;
  }

  /** ip_forward: the reason to drop, or undefined. */
  #forward(skb: Skb): number | undefined {
    const { skbs } = this.host;
    if (ipv4.ttl(skbs.memory.u8, skb.dataAt) <= 1) return REASON.ttl;
    if (this.#exceedsMtu(skb)) return REASON.pmtu;
    cow(skbs, skb, LL_RESERVED_SPACE + this.headerBytes);
    ipv4.decreaseTtl(skbs.memory.u8, skb.dataAt);
    return undefined;
  }

  /** ip_exceeds_mtu: an aggregate counts with the length of its segments. */
  #exceedsMtu(skb: Skb): boolean {
    const { u8 } = this.host.skbs.memory;
    const payload = packetsIn(skb) > 1 ? skb.payloadBytes : 0;
    const bytes = skb.isGso ? skb.len - payload + skb.head.gsoSize : skb.len;
    return bytes > this.innerMtu && ipv4.dontFragment(u8, skb.dataAt);
  }
}
