/**
 * Frames on their way through driver and GRO, poll by poll, without the rest of a host: what comes up, in which order, of
 * which shape. Not part of the library.
 *
 * ```ts
 * receiveAll(flowOf(4, { 2: { window: 100 } })).deliveries; // ["0-1:window", "2:window", "3:poll-end"]
 * ```
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { LINKTYPE_ETHERNET } from "../capture/mod.ts";
import { REASON, STAGE } from "../ledger/schema.ts";
import type { Recorder } from "../replay/testing.ts";
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import { RxFrame, writeFrame } from "../skb/dma.ts";
import { gather } from "../skb/scatterlist.ts";
import { GSO_TYPE, type Skb } from "../skb/skb.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import * as tcp from "../wire/tcp.ts";
import { receiveFrame } from "./driver_rx.ts";
import { Gro } from "./gro.ts";
import type { Host } from "./host.ts";
import { rangesOf, StageFixture } from "./testing.ts";

/** SKB_GSO_ flags of include/linux/skbuff.h, by GSO_TYPE. */
const GSO_FLAGS: readonly number[] = [0, 0x1, 0x10, 0x20000, 0x60000];
const GSO_TCP_ECN = 0x4;
const GSO_TCP_FIXEDID = 0x8;

/** One row of a table in the columns of the recordings: text by column. */
export type Row = Readonly<Record<string, string>>;

/** Which frames a poll takes, and how it ends. */
export interface Poll {
  readonly first: number;
  readonly count: number;
  /** It used its whole budget. */
  readonly isFull: boolean;
  /** What is held stays (gro_flush_timeout). */
  readonly keeps: boolean;
}

/** Frames on their way into GRO, poll by poll: a NET_RX of its own. */
export class Polling implements Task {
  readonly #facts = new FrameFacts();
  #poll = 0;
  #taken = 0;

  constructor(
    readonly frames: readonly Uint8Array[],
    readonly polls: readonly Poll[],
    readonly gro: Gro,
    /** The host whose driver takes the frame. */
    readonly hostOf: (index: number) => Host,
    readonly onReceived: (index: number, skb: Skb) => void,
  ) {}

  /** Plays all polls. */
  play({ host, engine }: StageFixture): void {
    host.cpu.onSoftirq(SOFTIRQ.netRx, this);
    host.cpu.raise(SOFTIRQ.netRx, 0);
    engine.run();
  }

  /** One frame, or the end of a poll. */
  step(): boolean {
    const poll = this.polls[this.#poll]!;
    this.gro.host.ledger.stage = STAGE["driver-rx"];
    if (this.#taken < poll.count) {
      this.#receive(poll.first + this.#taken);
      this.#taken += 1;
      return true;
    }
    if (!poll.keeps) this.gro.endPoll(!poll.isFull);
    this.#taken = 0;
    this.#poll += 1;
    return this.#poll < this.polls.length;
  }

  #receive(index: number): void {
    const host = this.hostOf(index);
    const { memory } = host.skbs;
    const bytes = this.frames[index]!;
    const frame = new RxFrame();
    const facts = this.#facts;
    facts.read(bytes, 0, bytes.length, bytes.length, LINKTYPE_ETHERNET);
    frame.packet = index;
    frame.payloadBytes = facts.payloadBytes;
    frame.checksumGood = host.config.nic_rx_csum === "on";
    // Ports in a row fill the buckets as in the one recording that had a hash.
    frame.hash = facts.sourcePort;
    writeFrame(memory, frame, bytes, 0, bytes.length, bytes.length);
    const skb = receiveFrame(host, frame);
    this.onReceived(index, skb);
    this.gro.receive(skb);
  }
}

/** What came up from GRO, and every row of the ledger. */
export interface Received {
  readonly events: Recorder;
  /** Packets of each buffer and why GRO let it go, as `deliveries()` writes them. */
  readonly deliveries: readonly string[];
  /** The bytes of each buffer. */
  readonly buffers: readonly Uint8Array[];
  /** The buffers in the columns of the recordings. */
  readonly rows: readonly Row[];
}

/** Plays frames into driver and GRO in one poll; `sets` are settings on top of preset nocopy with GRO on. */
export function receiveAll(frames: readonly Uint8Array[], sets: readonly string[] = []): Received {
  const fixture = new StageFixture(["gro=on", "gso=xfrm", ...sets]);
  const { host } = fixture;
  const { skbs } = host;
  const up: { skb: number; packets: readonly number[] }[] = [];
  const buffers: Uint8Array[] = [];
  const rows: Row[] = [];
  const take = (skb: Skb): void => {
    up.push({ skb: skb.id, packets: skb.members ?? [skb.packet] });
    const bytes = new Uint8Array(skb.len);
    gather(skbs, skb, 0, skb.len, bytes);
    buffers.push(bytes);
    rows.push(skbRow(skbs.memory.u8, skb, 0));
    skbs.free(skb, REASON.consumed);
  };
  const poll = { first: 0, count: frames.length, isFull: false, keeps: false };
  new Polling(frames, [poll], new Gro(host, { process: take }), () => host, () => {}).play(fixture);
  fixture.finish();
  assertEquals(skbs.memory.live, 0);
  const reasons = new Map(fixture.events.of("flush").map(({ skb, reason }) => [skb, `:${reason}`]));
  const deliveries = up.map(({ skb, packets }) => rangesOf(packets) + (reasons.get(skb) ?? ""));
  return { events: fixture.events, deliveries, buffers, rows };
}

/** A buffer in the columns of the recordings. */
export function skbRow(u8: Uint8Array, skb: Skb, moreHeadroom: number): Row {
  const { head } = skb;
  return {
    len: `${skb.len}`,
    data_len: `${skb.dataLen}`,
    headlen: `${skb.headlen}`,
    nr_frags: `${skb.nrFrags}`,
    has_frag_list: `${Number(skb.hasFragList)}`,
    frag_list_n: `${membersOf(skb).length}`,
    gso_size: `${head.gsoSize}`,
    gso_segs: `${head.gsoSegs}`,
    gso_type: `0x${gsoFlags(u8, skb).toString(16)}`,
    ip_summed: `${skb.ipSummed}`,
    head_frag: `${Number(skb.headFrag)}`,
    skb_cloned: `${Number(skb.isCloned)}`,
    layout: layoutText(skb, moreHeadroom),
  };
}

function gsoFlags(u8: Uint8Array, skb: Skb): number {
  const { gsoType, gsoFixedId } = skb.head;
  if (gsoType !== GSO_TYPE.tcpV4 && gsoType !== GSO_TYPE.tcpV6) return GSO_FLAGS[gsoType]!;
  const isCwr = (tcp.flags(u8, skb.head.at + skb.transportHeader) & tcp.FLAG_CWR) !== 0;
  return GSO_FLAGS[gsoType]! | (gsoFixedId ? GSO_TCP_FIXEDID : 0) | (isCwr ? GSO_TCP_ECN : 0);
}

function membersOf(skb: Skb): Skb[] {
  const members: Skb[] = [];
  for (let member = skb.head.fragList; member !== null; member = member.next) members.push(member);
  return members;
}

/** "frags=size/size;fraglist=len:headlen:nr_frags:cloned:tailspace/..." */
function layoutText(skb: Skb, moreHeadroom: number): string {
  const frags = skb.head.frags.map(({ bytes }) => bytes).join("/");
  const members = membersOf(skb).map((member) => {
    const tailspace = member.head.endOffset - member.tail + moreHeadroom;
    return [member.len, member.headlen, member.nrFrags, Number(member.isCloned), tailspace].join(":");
  });
  if (members.length > 0) return `frags=${frags};fraglist=${members.join("/")}`;
  return frags === "" ? "" : `frags=${frags}`;
}
