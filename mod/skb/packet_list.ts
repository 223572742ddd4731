/**
 * skb_gro_receive_list and skb_segment_list: whole packets chained behind the first, and taken apart again as they came.
 *
 * net/ipv4/udp_offload.c and net/core/skbuff.c, 6.1 (UDP frag-list GRO, NETIF_F_GRO_FRAGLIST). A packet keeps its headers,
 * in front of its data, while it is a member of the list. Nothing is copied on the way in, and on the way out only what the
 * next stage cannot take: paged data without scatter-gather, and heads that somebody shares.
 *
 * ```ts
 * let last = appendPacket(skbs, first, first, second, 28);
 * takeListApart(skbs, first, 28, false, (packet, index) => send(packet)); // first, then second, each with its own headers
 * ```
 *
 * @module
 */

import { EVENT, REASON } from "../ledger/schema.ts";
import { clone } from "./clone_ops.ts";
import { pull, push, unclone } from "./head_ops.ts";
import { joinMembers } from "./members.ts";
import { addToFragList, linearize } from "./paged_ops.ts";
import { GSO_TYPE, type Skb } from "./skb.ts";
import type { SkbMemory } from "./skb_memory.ts";

/**
 * Chains the packet `skb`, whose `headerBytes` bytes of headers are linear, behind `last`, the last packet of `first` (or
 * `first` itself). Returns the last packet from now on, which is `skb`.
 */
export function appendPacket(skbs: SkbMemory, first: Skb, last: Skb, skb: Skb, headerBytes: number): Skb {
  const payload = skb.len - headerBytes;
  skbs.ledger.note(EVENT.merge, REASON.packetList, skb, payload, 1, first.id);
  joinMembers(first, skb, first.len - headerBytes, payload);
  pull(skb, headerBytes);
  addToFragList(first, last === first ? null : last, skb);
  return skb;
}

/**
 * Calls `finish(packet, index)` for `first` and each packet that was chained to it, in order: their data begins at the
 * network header again, behind which there are `headerBytes` bytes of headers. Without `scatterGather` paged data becomes
 * linear. It owns each packet from then on.
 */
export function takeListApart(
  skbs: SkbMemory,
  first: Skb,
  headerBytes: number,
  scatterGather: boolean,
  finish: (packet: Skb, index: number) => void,
): void {
  unclone(skbs, first);
  let member = detachList(first);
  const { id, ipSummed } = first;
  release(skbs, first, id, headerBytes, scatterGather);
  finish(first, 0);
  for (let index = 1; member !== null; index++) {
    const packet = ownMember(skbs, member);
    member = member.next;
    packet.next = null;
    packet.ipSummed = ipSummed;
    push(packet, packet.data - packet.networkHeader);
    release(skbs, packet, id, headerBytes, scatterGather);
    finish(packet, index);
  }
}

/** The packet itself, or where a clone of the first has the list too, one with a head of its own. */
function ownMember(skbs: SkbMemory, member: Skb): Skb {
  if (!member.isShared) return member;
  const own = clone(skbs, member);
  skbs.free(member, REASON.consumed);
  unclone(skbs, own);
  return own;
}

/** Takes the list off `first`, which is a single packet and no GSO buffer from then on; returns the list. */
function detachList(first: Skb): Skb | null {
  const list = first.head.fragList;
  for (let member = list; member !== null; member = member.next) {
    first.len -= member.len;
    first.dataLen -= member.len;
    first.payloadBytes -= member.payloadBytes;
  }
  first.head.fragList = null;
  first.head.gsoSize = 0;
  first.head.gsoSegs = 0;
  first.head.gsoType = GSO_TYPE.none;
  first.packet = first.members?.[0] ?? first.packet;
  first.members = null;
  first.memberEnds = null;
  return list;
}

function release(skbs: SkbMemory, packet: Skb, from: number, headerBytes: number, scatterGather: boolean): void {
  skbs.ledger.note(EVENT.segment, REASON.listSegment, packet, packet.len - headerBytes, 1, from);
  if (!scatterGather) linearize(skbs, packet);
}
