/**
 * Which captured packets the payload of a buffer belongs to.
 *
 * A captured packet and a buffer are not the same thing: GRO joins packets, segmentation cuts super-packets of the capture,
 * and re-cut traffic (`oversize=mss`) holds the end of one packet and the start of the next in one frame. Payload keeps its
 * order on all these ways, so a buffer knows its packets in order and where each of them ends (`Skb.members`,
 * `Skb.memberEnds`). A packet counts once: in the buffer that holds its last byte, and there with all of its payload. Bytes that
 * are sent again if they are lost count nowhere on their way (`isKept`): their packets end where the receiver has them in order.
 *
 * ```ts
 * joinMembers(aggregate, skb, 1448, 1448); // GRO: 1448 bytes of payload behind 1448
 * packetsIn(aggregate); // 2
 * const share = new MemberShare(aggregate, 2896);
 * share.give(segment, 0, 1448); // GSO: the first of them again
 * ```
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";

/** What carries payload of captured packets: a buffer (its fields are explained in `skb.ts`), or a frame on its way to one. */
export interface Carrier {
  packet: number;
  members: number[] | null;
  memberEnds: number[] | null;
  isContinued: boolean;
  isKept: boolean;
  payloadBytes: number;
}

/**
 * Captured packets that end in `skb`: none in all but the last segment or fragment of one, and none at all where the sender
 * keeps the bytes to send them again.
 */
export function packetsIn(skb: Carrier): number {
  if (skb.isKept) return 0;
  const packets = skb.members === null ? (skb.packet === NONE ? 0 : 1) : skb.members.length;
  return skb.isContinued ? packets - 1 : packets;
}

/** The `index`-th captured packet that ends in `skb`; `index` is below `packetsIn(skb)`. */
export function packetAt(skb: Carrier, index: number): number {
  return skb.members === null ? skb.packet : skb.members[index]!;
}

/** All payload bytes of the `index`-th captured packet that ends in `skb`, those in earlier buffers included. */
export function payloadAt(skb: Carrier, index: number): number {
  const ends = skb.memberEnds;
  if (ends === null) return skb.payloadBytes;
  if (index > 0) return ends[index]! - ends[index - 1]!;
  return skb.payloadBytes - (ends[packetsIn(skb) - 1]! - ends[0]!);
}

/** Bytes of payload in a buffer that is to be segmented, whichever captured packets they are of. */
export function payloadLength(skb: Carrier): number {
  return skb.memberEnds === null ? skb.payloadBytes : skb.memberEnds[skb.memberEnds.length - 1]!;
}

/** Notes that the `bytes` payload bytes of `skb` are appended to the `aggregateBytes` payload bytes of `aggregate`. */
export function joinMembers(aggregate: Carrier, skb: Carrier, aggregateBytes: number, bytes: number): void {
  if (carriesNone(skb)) return;
  if (carriesNone(aggregate)) return inheritBehind(aggregate, skb, aggregateBytes);
  aggregate.members ??= [aggregate.packet];
  aggregate.memberEnds ??= [aggregateBytes];
  if (skb.members === null || skb.memberEnds === null) {
    append(aggregate, skb.packet, aggregateBytes + bytes);
  } else {
    for (let i = 0; i < skb.members.length; i++) {
      append(aggregate, skb.members[i]!, aggregateBytes + skb.memberEnds[i]!);
    }
  }
  aggregate.isContinued = skb.isContinued;
  aggregate.payloadBytes += skb.payloadBytes;
  aggregate.packet = NONE;
}

/** It names no captured packet: a fragment of one that counts in its last fragment. */
function carriesNone({ packet, members }: Carrier): boolean {
  return packet === NONE && members === null;
}

/** `to` carries what `from` carries, behind `bytes` bytes of the first of them. */
function inheritBehind(to: Carrier, from: Carrier, bytes: number): void {
  inheritMembers(to, from);
  to.memberEnds = from.memberEnds?.map((end) => end + bytes) ?? null;
}

function append({ members, memberEnds, isContinued }: Carrier, packet: number, end: number): void {
  const last = members!.length - 1;
  if (isContinued && members![last] === packet) {
    memberEnds![last] = end;
    return;
  }
  members!.push(packet);
  memberEnds!.push(end);
}

/** `to` carries what `from` carries: a buffer that a frame came in, or the last fragment of a packet. */
export function inheritMembers(to: Carrier, from: Carrier): void {
  to.packet = from.packet;
  to.members = from.members;
  to.memberEnds = from.memberEnds;
  to.isContinued = from.isContinued;
  to.isKept = from.isKept;
  to.payloadBytes = from.payloadBytes;
}

/** Hands the captured packets of a buffer out to the segments that are cut from it, in order. */
export class MemberShare {
  /** The member in which the next segment begins. */
  #first = 0;
  readonly #count: number;

  /** `head` holds `bytes` payload bytes, and stays as it is. */
  constructor(readonly head: Carrier, readonly bytes: number) {
    this.#count = head.members?.length ?? 1;
  }

  /**
   * Says what the segment holds that gets the `bytes` payload bytes behind the first `offset`; segments come in order. One
   * that is an aggregate itself (`isAggregate`) names no single packet unless it has but one.
   */
  give(segment: Carrier, offset: number, bytes: number, isAggregate: boolean): void {
    const { head } = this;
    const end = offset + bytes;
    while (this.#endOf(this.#first) <= offset) this.#first += 1;
    let last = this.#first;
    while (last < this.#count - 1 && this.#endOf(last) < end) last += 1;
    segment.isContinued = this.#endOf(last) > end || (head.isContinued && last === this.#count - 1);
    this.#name(segment, this.#first, last, offset, end, isAggregate);
    segment.isKept = head.isKept;
    segment.payloadBytes = 0;
    if (head.isKept) return;
    for (let i = this.#first; i <= (segment.isContinued ? last - 1 : last); i++) {
      segment.payloadBytes += payloadAt(head, i);
    }
  }

  #endOf(member: number): number {
    return this.head.memberEnds === null ? this.bytes : this.head.memberEnds[member]!;
  }

  #name(segment: Carrier, first: number, last: number, offset: number, end: number, isAggregate: boolean): void {
    const { head } = this;
    const isSingle = first === last;
    segment.packet = isSingle || !isAggregate ? packetAt(head, first) : NONE;
    segment.members = isSingle ? null : head.members!.slice(first, last + 1);
    segment.memberEnds = null;
    if (isSingle) return;
    const ends = head.memberEnds!.slice(first, last + 1);
    segment.memberEnds = ends.map((memberEnd) => Math.min(memberEnd, end) - offset);
  }
}
