/**
 * What skb_segment must do, on paper: the rules of linux-datapath 6.2 applied to sizes alone, piece by piece. An independent
 * judge of `segment.ts`: written from that document, with no code of its. Not part of the library.
 *
 * @module
 */

import type { SegmentFeatures } from "./segment_plan.ts";
import type { Skb } from "./skb.ts";
import type { Era } from "./skb_memory.ts";
import type { Copy } from "./testing.ts";
import * as paper from "./testing_oracle.ts";

/** A list member on paper. */
interface PaperMember {
  /** Its sizes. */
  readonly skb: paper.PaperSkb;
  /** Offset of its first byte in the payload of the aggregate. */
  readonly at: number;
  /** Its linear part lies in a page. */
  readonly headFrag: boolean;
  /** Somebody else may look at the headers of its clone. */
  readonly headerCloned: boolean;
}

/** The aggregate on paper, its headers taken off. */
export interface PaperAggregate {
  /** Rules of which kernel. */
  readonly era: Era;
  /** In front of the headers. */
  readonly headroom: number;
  /** Headers that every segment repeats. */
  readonly headerBytes: number;
  /** Payload of a segment. */
  readonly mss: number;
  /** Payload in the linear area of the head. */
  readonly linear: number;
  /** Payload in the fragments of the head. */
  readonly frags: readonly number[];
  /** The frag_list. */
  readonly members: readonly PaperMember[];
  /** All bytes of payload. */
  readonly payload: number;
  /** Fragments that an skb holds. */
  readonly maxFrags: number;
}

/** A segment that must come out. */
export interface PaperSegment {
  /** Bytes of payload. */
  readonly bytes: number;
  /** In front of the headers. */
  readonly headroom: number;
  /** Linear bytes, headers included. */
  readonly linear: number;
  /** Usable bytes of its head. */
  readonly end: number;
  /** Sizes of its fragments. */
  readonly frags: readonly number[];
  /** What was copied for it, in order. */
  readonly copies: readonly Copy[];
  /** How its checksum is made: the reason of the event, or that the device makes it. */
  readonly checksum: "fused" | "segment-sum" | "device";
  /** Pieces that it is still to be cut into; 0 when it is no GSO buffer. */
  readonly gsoSegs: number;
}

/** Reads the sizes off a real aggregate. */
export function aggregateOf(skb: Skb, headerBytes: number, era: Era, maxFrags: number): PaperAggregate {
  const frags = skb.head.frags.map(({ bytes }) => bytes);
  const linear = skb.headlen - headerBytes;
  const members: PaperMember[] = [];
  let at = linear + frags.reduce((sum, bytes) => sum + bytes, 0);
  for (let member = skb.head.fragList; member !== null; member = member.next) {
    members.push({ skb: paper.paperOf(member), at, headFrag: member.headFrag, headerCloned: !member.nohdr });
    at += member.len;
  }
  const { headroom, head: { gsoSize: mss } } = skb;
  return { era, headroom, headerBytes, mss, linear, frags, members, payload: at, maxFrags };
}

/** A piece of payload in a row: `linear` pieces lie in a head. */
interface Piece {
  readonly at: number;
  readonly bytes: number;
  /** Number of the member whose linear part it is, -1 for that of the head, undefined for a fragment. */
  readonly linearOf?: number;
}

function piecesOf({ linear, frags, members }: PaperAggregate): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  const add = (bytes: number, linearOf?: number): void => {
    if (bytes > 0) pieces.push({ at, bytes, ...(linearOf === undefined ? {} : { linearOf }) });
    at += bytes;
  };
  add(linear, -1);
  for (const bytes of frags) add(bytes);
  members.forEach(({ skb }, index) => {
    add(skb.linear, index);
    for (const bytes of skb.frags) add(bytes);
  });
  return pieces;
}

/** The segments that must come out; null when one would need too many fragments. */
export function segmentsOf(aggregate: PaperAggregate, features: SegmentFeatures): PaperSegment[] | null {
  const { mss, payload, era } = aggregate;
  const times = features.scatterGather ? splitFactor(aggregate, features) : 1;
  const byReference = features.scatterGather && walksByReference(aggregate, times * mss);
  const step = byReference ? times * mss : mss;
  const inDevice = features.checksumOffload && (byReference || era === "6.1");
  const segments: PaperSegment[] = [];
  /** The member cloned last still has fragments that nothing moved over, or the head has. */
  let fragsLeft = aggregate.frags.length > 0;
  for (let from = 0; from < payload; from += step) {
    const to = Math.min(payload, from + step);
    const pieces = Math.ceil((to - from) / mss);
    const gsoSegs = pieces > 1 ? pieces : 0;
    const member = aggregate.members.find(({ at, skb }) => at === from && skb.linear > 0);
    const mayClone = byReference || (era === "6.1" && !fragsLeft && member?.skb.linear === to - from);
    if (member !== undefined && mayClone) {
      // Without scatter-gather the next member can only be reached when this one has no fragments.
      if (!byReference) fragsLeft = member.skb.frags.length > 0;
      const checksum = features.checksumOffload ? "device" : "segment-sum";
      segments.push({ ...clonedSegment(aggregate, member, to - from), checksum, gsoSegs });
    } else if (byReference) {
      const segment = referringSegment(aggregate, from, to);
      if (segment.frags.length > aggregate.maxFrags) return null;
      segments.push({ ...segment, checksum: inDevice ? "device" : "segment-sum", gsoSegs });
    } else {
      // Bytes of a member that were copied stay in front of those that follow: no later member is reached.
      if (!isBeforeMembers(aggregate, to)) fragsLeft = true;
      segments.push({
        ...copiedSegment(aggregate, to - from, inDevice),
        checksum: inDevice ? "device" : "fused",
        gsoSegs,
      });
    }
  }
  return segments;
}

function isBeforeMembers({ members }: PaperAggregate, to: number): boolean {
  return members.length === 0 || to <= members[0]!.at;
}

/** 6.1, device with everything but frag_list: equally long members in pages, the last of any length. */
function splitFactor({ era, linear, frags, members, mss }: PaperAggregate, features: SegmentFeatures): number {
  if (era !== "6.1" || !features.checksumOffload || !features.fragListOffload || members.length === 0) return 1;
  const own = linear + frags.reduce((sum, bytes) => sum + bytes, 0);
  const lengths = members.map(({ skb }) => paper.lengthOf(skb));
  const equal = [own, ...lengths.slice(0, -1)].every((bytes) => bytes === own) && lengths[0] === own;
  const inPages = members.every(({ skb, headFrag }) => skb.linear === 0 || headFrag);
  return equal && inPages ? Math.max(1, Math.floor(own / mss)) : 1;
}

/** No segment contains a linear part that it can neither take over as a clone nor refer to. */
function walksByReference({ era, members, payload }: PaperAggregate, step: number): boolean {
  return members.every(({ skb, at, headFrag }) => {
    if (skb.linear === 0) return true;
    const begin = Math.floor(at / step) * step;
    const end = Math.min(payload, begin + step);
    if (begin < at) return era === "6.1" && headFrag;
    return at + skb.linear <= end && end <= at + paper.lengthOf(skb);
  });
}

type Shape = Omit<PaperSegment, "checksum" | "gsoSegs">;

function copiedSegment({ headroom, headerBytes }: PaperAggregate, bytes: number, plain: boolean): Shape {
  return {
    bytes,
    headroom,
    linear: headerBytes + bytes,
    end: paper.endFor(bytes + headerBytes + headroom),
    frags: [],
    copies: [[plain ? "segment-plain-copy" : "segment-copy", bytes]],
  };
}

function referringSegment(aggregate: PaperAggregate, from: number, to: number): Shape {
  const { headroom, headerBytes } = aggregate;
  let copied = 0;
  const frags: number[] = [];
  for (const { at, bytes, linearOf } of piecesOf(aggregate)) {
    const inside = Math.min(to, at + bytes) - Math.max(from, at);
    if (inside <= 0) continue;
    if (linearOf === -1) copied += inside;
    else frags.push(inside);
  }
  return {
    bytes: to - from,
    headroom,
    linear: headerBytes + copied,
    end: paper.endFor(copied + headerBytes + headroom),
    frags,
    copies: copied > 0 ? [["segment-linear", copied]] : [],
  };
}

function clonedSegment({ era, headroom, headerBytes }: PaperAggregate, member: PaperMember, bytes: number): Shape {
  const skb: paper.PaperSkb = { ...member.skb, frags: [...member.skb.frags], cloned: true };
  const copies = paper.trim(skb, bytes, era);
  const shared = skb.cloned && member.headerCloned;
  copies.push(...paper.ensureHeadroom(skb, headerBytes + headroom, shared));
  return {
    bytes,
    headroom: skb.headroom - headerBytes,
    linear: skb.linear + headerBytes,
    end: skb.end,
    frags: skb.frags,
    copies,
  };
}
