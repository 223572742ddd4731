/**
 * `explain`: one run, and out of it the life of one captured packet, stage by stage.
 *
 * The whole capture is replayed, because what happens to a packet depends on those before it; only the rows about this one
 * are kept.
 *
 * ```ts
 * const life = await explain({ input, resolved: resolveConfig({ preset: "baseline", sets: [] }), profile }, 4);
 * life.record.copiedBytes; // 1650
 * life.chapters.map(({ stage }) => stage); // ["rx-ring", "driver-rx", "forward", ...]
 * ```
 *
 * @module
 */

import { headerBytes, innerMtu } from "../esp/arithmetic.ts";
import type { PacketRecord } from "../ledger/packets.ts";
import { NONE, STAGE_NAMES } from "../ledger/schema.ts";
import type { BufferShape } from "../skb/shape.ts";
import { LL_RESERVED_SPACE } from "../stages/forward.ts";
import { type Moment, PacketStory, type StoryRow } from "./packet_story.ts";
import { replay, type ReplayRequest, type Run } from "./run.ts";

export type { BufferShape } from "../skb/shape.ts";
export type { StoryRow } from "./packet_story.ts";

/** The packet that was asked for is not in the capture. */
export class PacketNumberError extends RangeError {
  /** Name of the class. */
  override name = "PacketNumberError";
}

/** What happened in a chapter, in order: a row of the ledger, or the buffer as it was seen from then on. */
export type Step = { readonly row: StoryRow } | { readonly shape: BufferShape };

/** What one stage did with the packet in one go. */
export interface Chapter {
  /** The stage. */
  readonly stage: typeof STAGE_NAMES[number];
  /** Buffer that carried the packet when the chapter began, NONE before there was one. */
  readonly skb: number;
  /** Time of the first row in ns since the first arrival. */
  readonly tNs: number;
  /** The packet's share of the cost, in picoseconds. */
  readonly costPs: number;
  /** The buffer when the chapter began; undefined where it was not seen. */
  readonly before: BufferShape | undefined;
  /** What happened. */
  readonly steps: readonly Step[];
}

/** Lengths that decisions were made by. */
export interface PathLengths {
  /** Bytes that ESP and the outer header put in front of a packet. */
  readonly headerBytes: number;
  /** Headroom that a packet must have: room for the link layer, and for those bytes where ESP comes in front. */
  readonly headroomNeeded: number;
  /** Largest packet that fits into the tunnel, or may go on in the clear; Infinity when the egress MTU grows to fit. */
  readonly innerMtu: number;
  /** Bytes of ICV. */
  readonly icvBytes: number;
}

/** The life of one packet. */
export interface PacketLife {
  /** The run it was taken from. */
  readonly run: Run;
  /** Number of the packet, from 1. */
  readonly number: number;
  /** What became of it and what it cost, as in packets.csv. */
  readonly record: PacketRecord;
  /** Lengths that decisions were made by. */
  readonly lengths: PathLengths;
  /** Its life in order. */
  readonly chapters: readonly Chapter[];
}

/**
 * Replays a capture and tells the life of its packet number `number`, counted from 1.
 *
 * @throws {PacketNumberError} when the capture does not have that packet.
 * @throws {CaptureError} when the capture cannot be read.
 * @throws {UnplayableError} when it holds nothing that the path can play.
 */
export async function explain(request: ReplayRequest, number: number): Promise<PacketLife> {
  const story = new PacketStory(number - 1);
  const run = await replay({ ...request, folds: [...request.folds ?? [], story], probe: story });
  const { record } = story;
  if (record === undefined) {
    throw new PacketNumberError(`Cannot explain packet ${number}: the capture has ${story.packets}`);
  }
  return { run, number, record, lengths: lengthsOf(run), chapters: chaptersOf(story.moments) };
}

function lengthsOf({ sa, resolved: { config } }: Run): PathLengths {
  if (sa === undefined) {
    return { headerBytes: 0, headroomNeeded: LL_RESERVED_SPACE, innerMtu: config.mtu, icvBytes: 0 };
  }
  const header = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, sa.encapsulationBytes);
  if (config.path === "receive") {
    return { headerBytes: header, headroomNeeded: LL_RESERVED_SPACE, innerMtu: config.mtu, icvBytes: sa.icvBytes };
  }
  const grows = config.path === "forward" && config.oversize === "grow";
  return {
    headerBytes: header,
    headroomNeeded: header + LL_RESERVED_SPACE,
    innerMtu: grows ? Infinity : innerMtu(config.mtu, sa.mode, 4, header, sa.blockBytes, sa.icvBytes),
    icvBytes: sa.icvBytes,
  };
}

/** A chapter while it is written. */
interface Draft {
  readonly stage: typeof STAGE_NAMES[number];
  readonly skb: number;
  readonly tNs: number;
  costPs: number;
  before: BufferShape | undefined;
  readonly steps: Step[];
  /** Buffers that were named in it. */
  readonly skbs: Set<number>;
}

/** Cuts a story where the packet enters a stage. Rows of devices, which are written when somebody looks, go to their time. */
function chaptersOf(moments: readonly Moment[]): Chapter[] {
  const inOrder = moments.toSorted((a, b) => a.row.tNs - b.row.tNs);
  const drafts: Draft[] = [];
  let shape: BufferShape | undefined;
  for (const { row, shapes } of inOrder) {
    for (const next of shapes) {
      const draft = drafts.at(-1);
      // Fragments of one packet go on in turn: the shape of one is no change of another.
      const isOwn = draft?.skbs.has(next.skb) === true;
      if (draft !== undefined && shape === undefined) draft.before = next;
      else if (draft !== undefined && shape !== undefined && isOwn && !sameShape(shape, next)) {
        draft.steps.push({ shape: next });
      }
      shape = next;
    }
    let draft = drafts.at(-1);
    if (draft === undefined || startsChapter(draft, row)) {
      // What came over the link is bytes: the buffer of the other host is not the one that the driver fills.
      if (row.stage === "driver-rx" && row.event === "alloc") shape = undefined;
      draft = { stage: row.stage, skb: row.skb, tNs: row.tNs, costPs: 0, before: shape, steps: [], skbs: new Set() };
      drafts.push(draft);
    }
    draft.costPs += row.costPs;
    draft.steps.push({ row });
    for (const skb of [row.skb, row.into]) if (skb !== NONE) draft.skbs.add(skb);
  }
  return drafts.map(({ stage, skb, tNs, costPs, before, steps }) => ({ stage, skb, tNs, costPs, before, steps }));
}

function startsChapter(draft: Draft, row: StoryRow): boolean {
  return row.stage !== draft.stage || (row.event === "visit" && !draft.skbs.has(row.skb));
}

/** Whether two shapes look the same, whichever skb they are of. */
export function sameShape(a: BufferShape, b: BufferShape): boolean {
  return a.headroom === b.headroom && a.linear === b.linear && a.behind === b.behind && a.cloned === b.cloned &&
    a.gsoSize === b.gsoSize && a.gsoSegs === b.gsoSegs && a.packets === b.packets &&
    a.frags.length === b.frags.length && a.frags.every((bytes, i) => bytes === b.frags[i]) &&
    a.fragList.length === b.fragList.length && a.fragList.every((member, i) => sameShape(member, b.fragList[i]!));
}
