/**
 * IP output of finished ESP packets: fragments what may be fragmented and is too large, and puts the Ethernet header on.
 *
 * ip_finish_output, ip_do_fragment (slow path) and the neighbour's cached header (net/ipv4/ip_output.c, 4.4 and 6.1). An
 * outer header without DF is cut after encryption: every fragment is a copy.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { push, put, reserve } from "../skb/head_ops.ts";
import { copyBits } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, writeEthernet } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { LL_RESERVED_SPACE } from "./forward.ts";
import { type Host, observe, type Stage, visit } from "./host.ts";

/** MAC addresses of the link behind the gateway: locally administered. */
const GATEWAY_MAC = Uint8Array.of(0x02, 0, 0, 0, 0x01, 0x01);
const PEER_MAC = Uint8Array.of(0x02, 0, 0, 0, 0x01, 0x02);
/** Fragment offsets count in units of 8 bytes. */
const FRAGMENT_UNIT = 8;

/** Sends IPv4 packets to the device. */
export class IpOutput implements Stage {
  /** `mtu` is that of the egress device; Infinity when it grows to fit. */
  constructor(readonly host: Host, readonly next: Stage, readonly mtu: number) {}

  process(skb: Skb): void {
    visit(this.host, "ip-output", skb);
    if (skb.len > this.mtu) this.#fragment(skb);
    else this.#send(skb);
  }

  #send(skb: Skb): void {
    push(skb, ETH_HLEN);
    skb.macHeader = skb.data;
    writeEthernet(this.host.skbs.memory.u8, skb.dataAt, PEER_MAC, GATEWAY_MAC, ETHERTYPE_IPV4);
    this.next.process(skb);
  }

  /** All but the last fragment carry a multiple of 8 bytes; the captured packet counts with the last one. */
  #fragment(skb: Skb): void {
    const { skbs, cpu } = this.host;
    const total = skb.len - ipv4.HEADER_BYTES;
    const most = Math.floor((this.mtu - ipv4.HEADER_BYTES) / FRAGMENT_UNIT) * FRAGMENT_UNIT;
    for (let offset = 0; offset < total;) {
      const left = total - offset;
      const bytes = left + ipv4.HEADER_BYTES <= this.mtu ? left : most;
      cpu.handOn(this.#sendDoor, this.#makeFragment(skb, offset, bytes, offset + bytes === total));
      offset += bytes;
    }
    skbs.free(skb, REASON.segmented);
  }

  readonly #sendDoor: Stage = { process: (skb) => this.#send(skb) };

  #makeFragment(skb: Skb, offset: number, bytes: number, isLast: boolean): Skb {
    const { skbs, ledger } = this.host;
    const fragment = skbs.allocSkb(ipv4.HEADER_BYTES + bytes + LL_RESERVED_SPACE);
    reserve(fragment, LL_RESERVED_SPACE);
    put(fragment, ipv4.HEADER_BYTES + bytes);
    copyBits(skbs, skb, 0, fragment.dataAt, ipv4.HEADER_BYTES);
    copyBits(skbs, skb, ipv4.HEADER_BYTES + offset, fragment.dataAt + ipv4.HEADER_BYTES, bytes);
    fragment.networkHeader = fragment.data;
    fragment.flow = skb.flow;
    fragment.packet = isLast ? skb.packet : NONE;
    fragment.payloadBytes = isLast ? skb.payloadBytes : 0;
    const copied = ipv4.HEADER_BYTES + bytes;
    ledger.write(EVENT.copy, REASON.ipFragment, skb.packet, fragment.id, skb.id, copied, 1, 0);
    this.#writeFragmentHeader(fragment, offset, isLast);
    observe(this.host, fragment);
    return fragment;
  }

  #writeFragmentHeader(fragment: Skb, offset: number, isLast: boolean): void {
    const { u8 } = this.host.skbs.memory;
    const at = fragment.dataAt;
    ipv4.setTotalLength(u8, at, fragment.len);
    set16(u8, at + ipv4.OFFSET_FRAGMENT, offset / FRAGMENT_UNIT | (isLast ? 0 : ipv4.FLAG_MF));
    ipv4.writeHeaderChecksum(u8, at);
  }
}
