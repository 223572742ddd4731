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
import { REASON } from "../ledger/schema.ts";
import type { Recorder } from "../replay/testing.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { BatchNapi } from "../validate/polls.ts";
import { skbRow } from "../validate/skb_row.ts";
import { receiveFrame } from "./driver_rx.ts";
import { Gro } from "./gro.ts";
import { NetRx } from "./net_rx.ts";
import { rangesOf, StageFixture } from "./testing.ts";

/** One row of a table in the columns of the recordings: text by column. */
export type Row = Readonly<Record<string, string>>;

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
    rows.push(rowOf(skbs.memory.u8, skb));
    skbs.free(skb, REASON.consumed);
  };
  const gro = new Gro(host, { process: take });
  const napi = new BatchNapi(new NetRx(host), frames, { gro, receive: (_, frame) => receiveFrame(host, frame) });
  napi.play([{ first: 0, count: frames.length }], fixture.engine);
  fixture.finish();
  assertEquals(skbs.memory.live, 0);
  const reasons = new Map(fixture.events.of("flush").map(({ skb, reason }) => [skb, `:${reason}`]));
  const deliveries = up.map(({ skb, packets }) => rangesOf(packets) + (reasons.get(skb) ?? ""));
  return { events: fixture.events, deliveries, buffers, rows };
}

function rowOf(u8: Uint8Array, skb: Skb): Row {
  return Object.fromEntries(Object.entries(skbRow(u8, skb)).map(([column, value]) => [column, `${value}`]));
}
