/**
 * The frames of a recording on their way into driver and GRO, poll by poll as they were recorded.
 *
 * One batch is one poll; a batch above the weight of 64 takes several, and a poll that ends at it is followed by another,
 * which may be empty. A batch is complete before the next one. With `gro_flush_timeout` the recorded cut points stand: what is
 * held goes up at the end of a poll where the recording has a buffer that ends there.
 *
 * The driver is that of the recordings: `rx_layout` as in `stages/driver_rx.ts`, but for the headroom of `build-skb`, which
 * was NET_SKB_PAD (`driver_headroom`) and not ixgbe's. Where it took several layouts in turn, each has a host of its own over
 * the same buffers.
 *
 * @module
 */

import { LINKTYPE_ETHERNET } from "../capture/mod.ts";
import type { Config } from "../config/schema.ts";
import { REASON, STAGE } from "../ledger/schema.ts";
import type { Engine } from "../sim/engine.ts";
import { placeInPages, RX_BUFFER_BYTES, RxFrame, writeFrame } from "../skb/dma.ts";
import { NET_SKB_PAD, PAGE_SIZE } from "../skb/geometry.ts";
import { pull, push, put } from "../skb/head_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { receiveFrame } from "../stages/driver_rx.ts";
import type { Gro } from "../stages/gro.ts";
import type { Host } from "../stages/host.ts";
import type { Napi, NetRx } from "../stages/net_rx.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import type { TableRow } from "./table.ts";

/** Heads of split frames. */
const SPLIT_HEAD_BYTES = 256;
/** Packets of one poll at most. */
const NAPI_POLL_WEIGHT = 64;

/** Frames that are polled together: one napi_schedule(), one poll, more where they are above its weight. */
export interface Batch {
  readonly first: number;
  readonly count: number;
}

/**
 * A TUN device in the words of a NIC: every write is a poll, no checksum is known, and of what is written in pieces the first
 * is the head. With IFF_NAPI_FRAGS each poll ends without work, so that gro_flush_timeout is not looked at.
 */
export function asNic(scenario: Scenario, frames: number): Scenario {
  const { tun, gro_flush_us, ...rest } = scenario;
  if (tun === undefined) return scenario;
  const isLinear = tun === "linear";
  return {
    ...rest,
    tun,
    rx_layout: isLinear ? "kmalloc" : "hdrsplit:1",
    nic_rx_csum: "off",
    batches: Array<number>(frames).fill(1),
    ...isLinear && gro_flush_us !== undefined ? { gro_flush_us } : {},
  };
}

/** The batches of a recording. */
export function batchesOf({ scenario, input }: Recording): Batch[] {
  const batches: Batch[] = [];
  let first = 0;
  for (const size of scenario.batches ?? [input.length]) {
    const count = Math.min(size, input.length - first);
    batches.push({ first, count });
    first += count;
  }
  return batches;
}

/**
 * After which frames a poll flushes GRO, as far as that is recorded: with gro_flush_timeout, where one of the `delivered`
 * buffers ends; else after all of them.
 */
export function flushesOf({ scenario }: Recording, delivered: readonly TableRow[]): (frame: number) => boolean {
  const holds = (scenario.gro_flush_us ?? 0) > 0 && delivered.some((row) => row.text("inputs") !== "");
  if (!holds) return () => true;
  const ends = new Set(delivered.map((row) => Number(/\d+$/.exec(row.text("inputs"))?.[0] ?? -1)));
  return (frame) => ends.has(frame);
}

/** What a poll needs beside frames. */
export interface PollParts {
  readonly gro: Gro;
  /** The driver: makes the skb of frame `index`, which it takes over, as `receiveFrame()` does. */
  readonly receive: (index: number, frame: RxFrame) => Skb;
  /** Whether a poll whose last frame is `frame` flushes; always unless given. */
  readonly flushes?: (frame: number) => boolean;
}

/** The NAPI of a NIC whose frames come batch by batch. */
export class BatchNapi implements Napi {
  readonly weight: number = NAPI_POLL_WEIGHT;
  readonly #facts = new FrameFacts();
  #next = 0;
  #end = 0;

  constructor(readonly netRx: NetRx, readonly frames: readonly Uint8Array[], readonly parts: PollParts) {}

  /** Plays the batches, each with all that it sets off before the next. */
  play(batches: readonly Batch[], engine: Engine): void {
    for (const { first, count } of batches) {
      this.#next = first;
      this.#end = first + count;
      this.netRx.schedule(this, engine.nowNs);
      engine.run();
    }
  }

  takeOne(): boolean {
    if (this.#next === this.#end) return false;
    const { gro, receive } = this.parts;
    gro.host.ledger.stage = STAGE["driver-rx"];
    const index = this.#next;
    this.#next += 1;
    gro.receive(receive(index, this.#arrive(index)));
    return true;
  }

  endPoll(complete: boolean): boolean {
    const { gro, flushes } = this.parts;
    if (flushes?.(this.#next - 1) ?? true) gro.endPoll(complete);
    return false;
  }

  /** The frame in receive buffers, with what a NIC says of it. */
  #arrive(index: number): RxFrame {
    const { config, skbs } = this.parts.gro.host;
    const bytes = this.frames[index]!;
    const frame = new RxFrame();
    const facts = this.#facts;
    facts.read(bytes, 0, bytes.length, bytes.length, LINKTYPE_ETHERNET);
    frame.packet = index;
    frame.payloadBytes = facts.payloadBytes;
    frame.checksumGood = config.nic_rx_csum === "on";
    // Ports in a row fill the buckets of GRO one after the other, as Toeplitz hashes need not.
    frame.hash = facts.sourcePort;
    writeFrame(skbs.memory, frame, bytes, 0, bytes.length, bytes.length);
    return frame;
  }
}

/** The driver of a recording. */
export class RecordedDriver {
  readonly #hosts: readonly Host[];

  constructor(host: Host, readonly scenario: Scenario) {
    const layouts = [scenario.rx_layout ?? []].flat() as Config["rx_layout"][];
    this.#hosts = layouts.map((rx_layout) => host.withConfig({ ...host.config, rx_layout }));
  }

  /** Makes the skb of frame `index`, which it takes over. */
  receive(index: number, frame: RxFrame): Skb {
    const host = this.#hosts[index % this.#hosts.length]!;
    const { rx_layout } = host.config;
    // The recorded driver knew how long the headers of an ESP packet are, which no flow dissector does.
    if (this.scenario.path === "receive" && rx_layout.startsWith("hdrsplit:")) return this.#split(host, frame);
    if (this.scenario.tun === "frags" && this.scenario.tun_iov !== undefined) return this.#asWritten(host, frame);
    const skb = receiveFrame(host, frame);
    return rx_layout === "build-skb" ? inRecordedBuffer(host, skb, this.scenario) : skb;
  }

  /** The first `header_bytes` bytes in the head, the others in pages. */
  #split(host: Host, frame: RxFrame): Skb {
    const headBytes = Math.min(this.scenario.header_bytes ?? 0, frame.bytes);
    const pages = Number(host.config.rx_layout.slice("hdrsplit:".length));
    return this.#inPages(host, frame, headBytes, Math.ceil((frame.bytes - headBytes) / pages), []);
  }

  /** Each piece that was written to a TUN device in a page of its own, but the first in the head (tun_napi_alloc_frags). */
  #asWritten(host: Host, frame: RxFrame): Skb {
    const [headBytes = frame.bytes, ...pieces] = this.scenario.tun_iov!;
    return this.#inPages(host, frame, Math.min(headBytes, frame.bytes), frame.bytes, pieces);
  }

  #inPages(
    host: Host,
    frame: RxFrame,
    headBytes: number,
    pieceBytes: number,
    firstPieces: readonly number[],
  ): Skb {
    const { skbs } = host;
    const skb = skbs.napiAllocSkb(Math.max(SPLIT_HEAD_BYTES, headBytes));
    skb.packet = frame.packet;
    skb.payloadBytes = frame.payloadBytes;
    skb.ipSummed = frame.checksumGood ? CHECKSUM.unnecessary : CHECKSUM.none;
    skb.macHeader = skb.data;
    placeInPages(skbs.memory, frame, skb, headBytes, pieceBytes, firstPieces);
    pull(skb, ETH_HLEN);
    skb.networkHeader = skb.data;
    return skb;
  }
}

/** The frame in a receive buffer of the recorded driver, half a page or as many as it takes. No event: a NIC would have written it there. */
function inRecordedBuffer(host: Host, skb: Skb, { driver_headroom = NET_SKB_PAD }: Scenario): Skb {
  const { skbs } = host;
  push(skb, ETH_HLEN);
  const needed = driver_headroom + skb.len + skbs.geometry.sharedInfoBytes;
  const bufferBytes = needed <= RX_BUFFER_BYTES ? RX_BUFFER_BYTES : Math.ceil(needed / PAGE_SIZE) * PAGE_SIZE;
  const own = skbs.buildSkb(bufferBytes, driver_headroom);
  put(own, skb.len);
  gather(skbs, skb, 0, skb.len, skbs.memory.u8.subarray(own.dataAt, own.dataAt + skb.len));
  own.packet = skb.packet;
  own.payloadBytes = skb.payloadBytes;
  own.hash = skb.hash;
  own.ipSummed = skb.ipSummed;
  own.macHeader = own.data;
  pull(own, ETH_HLEN);
  own.networkHeader = own.data;
  skbs.free(skb, REASON.consumed);
  return own;
}
