/**
 * A buffer of this program in the columns of a recording.
 *
 * ```ts
 * skbRow(memory.u8, skb)["layout"]; // "frags=1448/1448"
 * ```
 *
 * @module
 */

import { GSO_TYPE, type Skb } from "../skb/skb.ts";
import * as tcp from "../wire/tcp.ts";
import type { Value } from "./comparison.ts";

/** One row of results: a value for each column that it has. */
export type ResultRow = Readonly<Record<string, Value>>;

/** SKB_GSO_ flags of include/linux/skbuff.h, by GSO_TYPE. */
const GSO_FLAGS: readonly number[] = [0, 0x1, 0x10, 0x20000, 0x60000];
const GSO_TCP_ECN = 0x4;
const GSO_TCP_FIXEDID = 0x8;

/** The columns that tables of buffers share; `u8` is the arena. */
export function skbRow(u8: Uint8Array, skb: Skb): ResultRow {
  const { head } = skb;
  return {
    len: skb.len,
    data_len: skb.dataLen,
    headlen: skb.headlen,
    nr_frags: skb.nrFrags,
    has_frag_list: Number(skb.hasFragList),
    frag_list_n: membersOf(skb).length,
    gso_size: head.gsoSize,
    gso_segs: head.gsoSegs,
    gso_type: `0x${gsoFlags(u8, skb).toString(16)}`,
    ip_summed: skb.ipSummed,
    head_frag: Number(skb.headFrag),
    skb_cloned: Number(skb.isCloned),
    layout: layoutText(skb),
  };
}

/** The {@linkcode GSO_TYPE} of SKB_GSO_ flags. */
export function gsoTypeOf(flags: number): number {
  const base = flags & ~(GSO_TCP_ECN | GSO_TCP_FIXEDID);
  return Math.max(GSO_TYPE.none, GSO_FLAGS.indexOf(base));
}

/** Whether segments keep the id of the first (SKB_GSO_TCP_FIXEDID). */
export function isFixedId(flags: number): boolean {
  return (flags & GSO_TCP_FIXEDID) !== 0;
}

function gsoFlags(u8: Uint8Array, skb: Skb): number {
  const { gsoType, gsoFixedId } = skb.head;
  if (gsoType !== GSO_TYPE.tcpV4 && gsoType !== GSO_TYPE.tcpV6) return GSO_FLAGS[gsoType]!;
  // What is no aggregate may be encrypted.
  const isCwr = skb.isGso && (tcp.flags(u8, skb.head.at + skb.transportHeader) & tcp.FLAG_CWR) !== 0;
  return GSO_FLAGS[gsoType]! | (gsoFixedId ? GSO_TCP_FIXEDID : 0) | (isCwr ? GSO_TCP_ECN : 0);
}

/** The buffers of the frag_list. */
export function membersOf(skb: Skb): Skb[] {
  const members: Skb[] = [];
  for (let member = skb.head.fragList; member !== null; member = member.next) members.push(member);
  return members;
}

/** "frags=size/size;fraglist=len:headlen:nr_frags:cloned:tailspace/..." */
export function layoutText(skb: Skb): string {
  const frags = skb.head.frags.map(({ bytes }) => bytes).join("/");
  const members = membersOf(skb).map((member) => {
    const tailspace = member.head.endOffset - member.tail;
    return [member.len, member.headlen, member.nrFrags, Number(member.isCloned), tailspace].join(":");
  });
  if (members.length > 0) return `frags=${frags};fraglist=${members.join("/")}`;
  return frags === "" ? "" : `frags=${frags}`;
}

/** "0-2 4" for 0, 1, 2, 4. */
export function rangesOf(packets: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < packets.length;) {
    const first = packets[i]!;
    let last = first;
    while (packets[++i] === last + 1) last += 1;
    ranges.push(first === last ? `${first}` : `${first}-${last}`);
  }
  return ranges.join(" ");
}
