/**
 * The column `layout`, and buffers made after it: recorded shapes in this program's memory.
 *
 * `frags=1448/1448;fraglist=LEN:HEADLEN:NR_FRAGS:CLONED:TAILSPACE/...`: sizes of the page fragments, then the buffers of the
 * frag_list. Of fragments of a list member only the number is recorded: they are taken to be as large as those of the head in
 * turn, the last one as large as what is left.
 *
 * ```ts
 * import { parseLayout } from "./layout.ts";
 * parseLayout("frags=1448;fraglist=17376:0:12:0:626").frags; // [1448]
 * ```
 *
 * @module
 */

import { clone } from "../skb/clone_ops.ts";
import { put, reserve } from "../skb/head_ops.ts";
import { addFrag, addToFragList } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import type { SkbMemory } from "../skb/skb_memory.ts";
import { scatter } from "../skb/scatterlist.ts";
import type { TableRow } from "./table.ts";

/** One buffer of a frag_list. */
export interface MemberShape {
  readonly len: number;
  readonly headlen: number;
  readonly nrFrags: number;
  readonly cloned: boolean;
  readonly tailspace: number;
}

/** Fragments and frag_list. */
export interface Layout {
  readonly frags: readonly number[];
  readonly members: readonly MemberShape[];
}

/** The shape of a recorded buffer. */
export interface RecordedShape extends Layout {
  readonly headroom: number;
  readonly headlen: number;
  readonly tailspace: number;
  readonly cloned: boolean;
  readonly headFrag: boolean;
  /** Headroom of the buffers of the frag_list, which is not recorded. */
  readonly memberHeadroom: number;
}

/** No buffer of Linux is longer, BIG TCP included (GSO_MAX_SIZE of 6.1, and headers). */
const LONGEST_SKB = 8 * 65536 + 1024;

/** Reads a cell. */
export function parseLayout(cell: string): Layout {
  const [own = "", list = ""] = cell.split(";").map((part) => part.slice(part.indexOf("=") + 1));
  const frags = own === "" ? [] : own.split("/").map(Number);
  const members = list === "" ? [] : list.split("/").map((member) => {
    const [len, headlen, nrFrags, cloned, tailspace] = member.split(":").map(Number) as [
      number,
      number,
      number,
      number,
      number,
    ];
    return { len, headlen, nrFrags, cloned: cloned !== 0, tailspace };
  });
  return { frags, members };
}

/**
 * The layout of a row, whose paged bytes are `data_len`. Throws RecordingError where its sizes contradict the row, or are
 * larger than any buffer.
 */
export function layoutOf(row: TableRow): Layout {
  const layout = parseLayout(row.text("layout"));
  const dataLen = row.integer("data_len");
  const paged = [...layout.frags, ...layout.members.map(({ len }) => len)].reduce((sum, bytes) => sum + bytes, 0);
  if (paged !== dataLen) throw row.error(`its sizes add up to ${paged} where data_len is ${dataLen}`, "layout");
  if (layout.frags.length !== row.integer("nr_frags")) {
    throw row.error("it has other fragments than nr_frags", "layout");
  }
  if (row.integer("len") > LONGEST_SKB) throw row.error("no buffer is that long", "len");
  if (row.integer("len") - dataLen !== row.integer("headlen")) throw row.error("it is not len - data_len", "headlen");
  for (const { len, headlen, nrFrags, tailspace } of layout.members) {
    const isSound = headlen <= len && (nrFrags > 0) === (len > headlen) && nrFrags <= Math.min(64, len - headlen) &&
      tailspace <= LONGEST_SKB;
    if (!isSound) throw row.error("a buffer of the frag_list contradicts itself", "layout");
  }
  return layout;
}

/** A size of a row that memory is to be allocated by. Throws RecordingError where it is negative or larger than any. */
export function sizeOf(row: TableRow, column: string): number {
  const bytes = row.integer(column);
  if (bytes < 0 || bytes > LONGEST_SKB) throw row.error("no buffer has such a size", column);
  return bytes;
}

/** A recorded buffer in this program's memory, and who else holds its bytes. */
export interface Rebuilt {
  readonly skb: Skb;
  /** A second owner of the head (a packet socket, the retransmit queue) and of cloned list members; none where nobody is. */
  readonly twins: readonly Skb[];
}

/** A buffer of that shape; its bytes are undefined. */
export function rebuild(skbs: SkbMemory, shape: RecordedShape): Rebuilt {
  const twins: Skb[] = [];
  const skb = buildHead(skbs, shape.headroom, shape.headlen, shape.tailspace, shape.headFrag);
  for (const bytes of shape.frags) addPage(skbs, skb, bytes);
  let last: Skb | null = null;
  for (const member of shape.members) {
    const built = buildMember(skbs, member, shape);
    if (member.cloned) twins.push(clone(skbs, built));
    addToFragList(skb, last, built);
    last = built;
  }
  if (shape.cloned) twins.push(clone(skbs, skb));
  return { skb, twins };
}

/** A head of exactly these sizes, whatever block it came from. */
function buildHead(skbs: SkbMemory, headroom: number, headlen: number, tailspace: number, headFrag: boolean): Skb {
  const endOffset = headroom + headlen + tailspace;
  const skb = skbs.buildSkb(endOffset + skbs.geometry.sharedInfoBytes, 0);
  reserve(skb, headroom);
  put(skb, headlen);
  skb.headFrag = headFrag;
  return skb;
}

function buildMember(skbs: SkbMemory, member: MemberShape, shape: RecordedShape): Skb {
  const skb = buildHead(skbs, shape.memberHeadroom, member.headlen, member.tailspace, shape.headFrag);
  for (const bytes of memberFrags(shape.frags, member)) addPage(skbs, skb, bytes);
  return skb;
}

/** GRO may leave a fragment of no bytes. */
function addPage(skbs: SkbMemory, skb: Skb, bytes: number): void {
  addFrag(skb, skbs.memory.allocate(Math.max(1, bytes)), 0, bytes);
}

function memberFrags(headFrags: readonly number[], { len, headlen, nrFrags }: MemberShape): number[] {
  const paged = len - headlen;
  const typical = headFrags.length > 0 ? headFrags : [Math.ceil(paged / Math.max(1, nrFrags))];
  const sizes = Array.from({ length: nrFrags }, (_, i) => typical[i % typical.length]!);
  if (nrFrags > 0) sizes[nrFrags - 1]! += paged - sizes.reduce((sum, bytes) => sum + bytes, 0);
  return sizes.some((bytes) => bytes <= 0) ? evenly(paged, nrFrags) : sizes;
}

function evenly(bytes: number, pieces: number): number[] {
  const each = Math.floor(bytes / pieces);
  return Array.from({ length: pieces }, (_, i) => i === 0 ? bytes - each * (pieces - 1) : each);
}

/** Puts `bytes` into a buffer of that length, wherever they belong. */
export function fillBytes(skbs: SkbMemory, skb: Skb, bytes: Uint8Array): void {
  scatter(skbs, skb, 0, bytes.length, bytes);
}
