/**
 * The frames of a recording on their way into driver and GRO, poll by poll as they were recorded.
 *
 * One batch is one poll; a batch above the budget of 64 is split, and a poll that ends at the budget is followed by another,
 * which may be empty. The polls are driven from here and not through `napi_weight`. With `gro_flush_timeout` the recorded cut
 * points stand: what is held goes up at the end of a poll where the recording has a buffer that ends there.
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
import { SOFTIRQ, type Task } from "../sim/cpu.ts";
import type { Engine } from "../sim/engine.ts";
import { RX_BUFFER_BYTES, RxFrame, writeFrame } from "../skb/dma.ts";
import { NET_SKB_PAD, PAGE_SIZE } from "../skb/geometry.ts";
import { pull, push, put } from "../skb/head_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { receiveFrame } from "../stages/driver_rx.ts";
import type { Gro } from "../stages/gro.ts";
import type { Host } from "../stages/host.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import type { TableRow } from "./table.ts";

/** Packets of one poll at most (NAPI_POLL_WEIGHT). */
const BUDGET = 64;

/** Which frames a poll takes, and how it ends. */
export interface Poll {
  readonly first: number;
  readonly count: number;
  /** It used its whole budget. */
  readonly isFull: boolean;
  /** What is held stays (gro_flush_timeout). */
  readonly keeps: boolean;
}

/** The polls of a recording; `delivered` are the buffers that came up, with their `inputs` where these are known. */
export function pollsOf({ scenario, input }: Recording, delivered: readonly TableRow[]): Poll[] {
  const { batches = [input.length], gro_flush_us } = scenario;
  const ends = gro_flush_us === undefined ? new Set<number>() : new Set(delivered.map(lastInput));
  const polls: Poll[] = [];
  let first = 0;
  for (const batch of batches) {
    for (let left = Math.min(batch, input.length - first); left >= 0; left -= BUDGET) {
      const count = Math.min(left, BUDGET);
      const keeps = gro_flush_us !== undefined && !ends.has(first + count - 1);
      polls.push({ first, count, isFull: count === BUDGET, keeps });
      first += count;
      if (count < BUDGET) break;
    }
  }
  return polls;
}

/** The last input packet of a delivered buffer: 7 of "0-2 5-7". */
function lastInput(row: TableRow): number {
  return Number(/\d+$/.exec(row.text("inputs"))?.[0] ?? -1);
}

/** Who takes what the polls bring. */
export interface Receiver {
  readonly gro: Gro;
  /** Is shown each buffer as the driver hands it to GRO. */
  received(index: number, skb: Skb): void;
}

/** Plays polls: a NET_RX of its own. */
export class Polling implements Task {
  readonly #hosts: readonly Host[];
  readonly #facts = new FrameFacts();
  #poll = 0;
  #taken = 0;

  constructor(
    readonly host: Host,
    readonly recording: Recording,
    readonly polls: readonly Poll[],
    readonly receiver: Receiver,
  ) {
    const layouts = [recording.scenario.rx_layout ?? []].flat() as Config["rx_layout"][];
    this.#hosts = layouts.map((rx_layout) => ({ ...host, config: { ...host.config, rx_layout } }));
  }

  /** Plays all polls, and what they set off. */
  play(engine: Engine): void {
    this.host.cpu.onSoftirq(SOFTIRQ.netRx, this);
    this.host.cpu.raise(SOFTIRQ.netRx, 0);
    engine.run();
  }

  /** One frame, or the end of a poll. */
  step(): boolean {
    const poll = this.polls[this.#poll];
    if (poll === undefined) return false;
    this.host.ledger.stage = STAGE["driver-rx"];
    if (this.#taken < poll.count) {
      this.#receive(poll.first + this.#taken);
      this.#taken += 1;
      return true;
    }
    if (!poll.keeps) this.receiver.gro.endPoll(!poll.isFull);
    this.#taken = 0;
    this.#poll += 1;
    return this.#poll < this.polls.length;
  }

  #receive(index: number): void {
    const host = this.#hosts[index % this.#hosts.length]!;
    const { bytes } = this.recording.input[index]!;
    const frame = new RxFrame();
    const facts = this.#facts;
    facts.read(bytes, 0, bytes.length, bytes.length, LINKTYPE_ETHERNET);
    frame.packet = index;
    frame.payloadBytes = facts.payloadBytes;
    frame.checksumGood = host.config.nic_rx_csum === "on";
    // Ports in a row fill the buckets of GRO one after the other, as Toeplitz hashes need not.
    frame.hash = facts.sourcePort;
    writeFrame(host.skbs.memory, frame, bytes, 0, bytes.length, bytes.length);
    const isBuilt = host.config.rx_layout === "build-skb";
    const received = receiveFrame(host, frame);
    const skb = isBuilt ? inRecordedBuffer(host, received, this.recording.scenario) : received;
    this.receiver.received(index, skb);
    this.receiver.gro.receive(skb);
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
