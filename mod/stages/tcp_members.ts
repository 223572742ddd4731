/**
 * Which captured packets the bytes of a TCP socket's buffers belong to (`skb/members.ts`), while they are gathered, cut and
 * sent again.
 *
 * A buffer that is going to be segmented lists its packets with their ends, even if it is one; any other has its first packet
 * pay for it.
 *
 * @module
 */

import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { type Carrier, inheritMembers, joinMembers, MemberShare } from "../skb/members.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { split } from "../skb/split.ts";
import type { OutgoingPacket } from "./outgoing.ts";

/** Says of a part of a packet what a buffer says that holds nothing else. */
function describe(carrier: Carrier, from: OutgoingPacket, at: number, bytes: number): void {
  const endsHere = at + bytes === from.payloadBytes;
  carrier.packet = from.packet;
  carrier.members = null;
  carrier.memberEnds = null;
  carrier.isContinued = !endsHere;
  carrier.payloadBytes = endsHere ? from.payloadBytes : 0;
}

/** Used again for each part. */
const part: Carrier = {
  packet: NONE,
  members: null,
  memberEnds: null,
  isContinued: false,
  isKept: false,
  payloadBytes: 0,
};

/** All of `skb` is the `bytes` payload bytes of `from` from byte `at` on. */
export function nameBytes(skb: Skb, from: OutgoingPacket, at: number, bytes: number, gso: boolean): void {
  describe(skb, from, at, bytes);
  finishNames(skb, bytes, gso);
}

/** The last `bytes` of the payload in `skb` are those of `from` from byte `at` on. */
export function addBytes(skb: Skb, from: OutgoingPacket, at: number, bytes: number, gso: boolean): void {
  if (skb.len === bytes) return nameBytes(skb, from, at, bytes, gso);
  describe(part, from, at, bytes);
  joinMembers(skb, part, skb.len - bytes, bytes);
  finishNames(skb, skb.len, gso);
}

function finishNames(skb: Skb, bytes: number, gso: boolean): void {
  if (skb.members === null) {
    if (!gso) return;
    skb.members = [skb.packet];
    skb.memberEnds = [bytes];
  }
  skb.packet = gso && skb.members.length > 1 ? NONE : skb.members[0]!;
}

/** Cuts the payload of `skb` behind its first `bytes` bytes: returns a buffer with the rest (tcp_fragment). */
export function splitNamed(skbs: SkbMemory, skb: Skb, bytes: number, gso: boolean): Skb {
  const whole: Carrier = { ...part };
  inheritMembers(whole, skb);
  const share = new MemberShare(whole, skb.len);
  const rest = split(skbs, skb, bytes);
  share.give(skb, 0, bytes, gso);
  share.give(rest, bytes, rest.len, gso);
  finishNames(skb, skb.len, gso);
  finishNames(rest, rest.len, gso);
  noteMembers(skbs, rest);
  return rest;
}

/** Says in the ledger whose bytes went to `rest` by reference. */
function noteMembers(skbs: SkbMemory, rest: Skb): void {
  const packets = rest.members ?? [rest.packet];
  let start = 0;
  packets.forEach((packet, i) => {
    const end = rest.memberEnds?.[i] ?? rest.len;
    skbs.ledger.write(EVENT.frag, REASON.tcpSplit, packet, rest.id, NONE, end - start, 1, 0);
    start = end;
  });
}
