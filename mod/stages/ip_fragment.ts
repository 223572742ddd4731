/**
 * Fragmentation: each fragment is a copy, or a buffer of the packet's frag_list as it is.
 *
 * ip_do_fragment (net/ipv4/ip_output.c) and ip6_fragment (net/ipv6/ip6_output.c); 4.4 and 6.1. An outer header without DF is
 * cut after encryption, and so is an outer IPv6 header around an IPv4 packet that may be cut. A datagram of this host has been
 * laid out for it: where the buffers of its frag_list are fragments of the right sizes, each gets a header in front and
 * nothing is copied.
 *
 * Departures: identifications of IPv6 fragments count from 1, where Linux hashes addresses and draws the start. All fragments
 * are made before the first is sent: where one is refused, Linux does not make those that follow.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { push, pushBehind, put, reserve } from "../skb/head_ops.ts";
import { inheritMembers } from "../skb/members.ts";
import { copyBits, takeFragList } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { set16, set32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_FRAGMENT } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { LL_RESERVED_SPACE } from "./forward.ts";
import { type Host, observe } from "./host.ts";

/** Fragment offsets count in units of 8 bytes. */
const FRAGMENT_UNIT = 8;
/** "More fragments" in the fragment header of IPv6. */
const IPV6_MORE_FRAGMENTS = 1;

/** Cuts packets that are larger than an MTU. */
export class IpFragmenter {
  #identification = 0;

  constructor(readonly host: Host, readonly mtu: number) {}

  /**
   * Cuts `skb`, whose data is an IP header without options, calls `emit` for each fragment in order, and frees it. All but
   * the last fragment carry a multiple of 8 bytes; the captured packet counts with the last one.
   */
  fragment(skb: Skb, emit: (fragment: Skb) => void): void {
    const isIpv6 = ip.isIpv6(this.host.skbs.memory.u8, skb.dataAt);
    const ipBytes = isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
    const headerBytes = ipBytes + (isIpv6 ? ipv6.FRAGMENT_HEADER_BYTES : 0);
    if (this.#isLaidOut(skb, ipBytes, headerBytes)) return this.#takeApart(skb, ipBytes, headerBytes, emit);
    const total = skb.len - ipBytes;
    const most = Math.floor((this.mtu - headerBytes) / FRAGMENT_UNIT) * FRAGMENT_UNIT;
    this.#identification += 1;
    for (let offset = 0; offset < total;) {
      const left = total - offset;
      const bytes = left + headerBytes <= this.mtu ? left : most;
      const fragment = this.#copy(skb, ipBytes, headerBytes, offset, bytes);
      if (isIpv6) this.#writeIpv6(fragment, offset, offset + bytes === total);
      else this.#writeIpv4(fragment, offset, offset + bytes === total);
      observe(this.host, fragment);
      emit(fragment);
      offset += bytes;
    }
    this.host.skbs.free(skb, REASON.segmented);
  }

  /** Whether the buffers of the frag_list can be the fragments: the fast path. */
  #isLaidOut(skb: Skb, ipBytes: number, headerBytes: number): boolean {
    const most = this.mtu - headerBytes;
    const firstBytes = firstLength(skb) - ipBytes;
    if (!skb.hasFragList || skb.isCloned || firstBytes > most || firstBytes % FRAGMENT_UNIT !== 0) return false;
    if (skb.headroom < LL_RESERVED_SPACE + headerBytes - ipBytes) return false;
    for (let member = skb.head.fragList; member !== null; member = member.next) {
      if (member.len > most || (member.next !== null && member.len % FRAGMENT_UNIT !== 0)) return false;
      if (member.headroom < headerBytes + LL_RESERVED_SPACE || member.isShared) return false;
    }
    return true;
  }

  /** The packet's own buffer becomes the first fragment, and those of its frag_list the others. */
  #takeApart(skb: Skb, ipBytes: number, headerBytes: number, emit: (fragment: Skb) => void): void {
    const { skbs } = this.host;
    const fragments = [skb];
    for (let member = takeFragList(skb); member !== null; member = member.next) fragments.push(member);
    const last = fragments.at(-1)!;
    inheritMembers(last, skb);
    disown(skb);
    this.#identification += 1;
    if (headerBytes > ipBytes) pushBehind(skbs, skb, ipBytes, headerBytes - ipBytes);
    for (const fragment of fragments) {
      fragment.next = null;
      fragment.flow = skb.flow;
      fragment.hash = skb.hash;
      fragment.priority = skb.priority;
      if (fragment === skb) continue;
      push(fragment, headerBytes);
      skbs.memory.move(skb.dataAt, fragment.dataAt, ipBytes);
    }
    let offset = 0;
    for (const fragment of fragments) {
      fragment.networkHeader = fragment.data;
      if (headerBytes > ipBytes) this.#writeIpv6(fragment, offset, fragment === last);
      else this.#writeIpv4(fragment, offset, fragment === last);
      offset += fragment.len - headerBytes;
      observe(this.host, fragment);
      emit(fragment);
    }
  }

  #copy(skb: Skb, ipBytes: number, headerBytes: number, offset: number, bytes: number): Skb {
    const { skbs, ledger } = this.host;
    const isLast = ipBytes + offset + bytes === skb.len;
    const fragment = skbs.allocSkb(headerBytes + bytes + LL_RESERVED_SPACE);
    reserve(fragment, LL_RESERVED_SPACE);
    put(fragment, headerBytes + bytes);
    copyBits(skbs, skb, 0, fragment.dataAt, ipBytes);
    copyBits(skbs, skb, ipBytes + offset, fragment.dataAt + headerBytes, bytes);
    fragment.networkHeader = fragment.data;
    fragment.flow = skb.flow;
    fragment.hash = skb.hash;
    fragment.priority = skb.priority;
    if (isLast) inheritMembers(fragment, skb);
    ledger.write(EVENT.copy, REASON.ipFragment, skb.packet, fragment.id, skb.id, ipBytes + bytes, 1, 0);
    return fragment;
  }

  #writeIpv4(fragment: Skb, offset: number, isLast: boolean): void {
    const { u8 } = this.host.skbs.memory;
    const at = fragment.dataAt;
    ipv4.setTotalLength(u8, at, fragment.len);
    set16(u8, at + ipv4.OFFSET_FRAGMENT, offset / FRAGMENT_UNIT | (isLast ? 0 : ipv4.FLAG_MF));
    ipv4.writeHeaderChecksum(u8, at);
  }

  #writeIpv6(fragment: Skb, offset: number, isLast: boolean): void {
    const { u8 } = this.host.skbs.memory;
    const at = fragment.dataAt;
    const headerAt = at + ipv6.HEADER_BYTES;
    u8[headerAt] = ipv6.nextHeader(u8, at);
    u8[headerAt + 1] = 0;
    set16(u8, headerAt + 2, offset | (isLast ? 0 : IPV6_MORE_FRAGMENTS));
    set32(u8, headerAt + 4, this.#identification);
    ipv6.setNextHeader(u8, at, PROTOCOL_FRAGMENT);
    ipv6.setPayloadLength(u8, at, fragment.len - ipv6.HEADER_BYTES);
  }
}

/** Bytes in front of the frag_list (skb_pagelen). */
function firstLength(skb: Skb): number {
  let bytes = skb.len;
  for (let member = skb.head.fragList; member !== null; member = member.next) bytes -= member.len;
  return bytes;
}

/** No captured packet ends in `skb`. */
function disown(skb: Skb): void {
  skb.packet = NONE;
  skb.members = null;
  skb.memberEnds = null;
  skb.isContinued = false;
  skb.payloadBytes = 0;
}
