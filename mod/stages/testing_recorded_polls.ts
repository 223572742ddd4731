/**
 * Plays a recording's frames into driver, GRO and forwarding, poll by poll as they were recorded, and says what came up: in
 * the columns of the recordings. Not part of the library.
 *
 * The polls are driven from here and not through `napi_weight`: one batch is one poll, a batch above the budget is split.
 * The driver lays each frame out as the recording did; where it took several layouts in turn, each has a host of its own over
 * the same buffers.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Config } from "../config/schema.ts";
import { headerBytes, innerMtu } from "../esp/arithmetic.ts";
import { REASON } from "../ledger/schema.ts";
import type { EventRow } from "../replay/testing.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { Forward } from "./forward.ts";
import { Gro } from "./gro.ts";
import type { Stage } from "./host.ts";
import { rangesOf, StageFixture } from "./testing.ts";
import { type Poll, Polling, type Row, skbRow } from "./testing_polls.ts";
import { groMaxSize, openableSa, type Recording } from "./testing_recordings.ts";

/** What became of a recording's frames. */
export interface Played {
  /** As in `expected_inputs.csv`. */
  readonly inputs: readonly Row[];
  /** As in `expected.csv` of path gro and `expected_gro.csv` of path forward. */
  readonly delivered: readonly Row[];
  /** As in `expected_xfrm_output.csv`. */
  readonly forwarded: readonly Row[];
}

/** Packets of one poll at most (NAPI_POLL_WEIGHT). */
const BUDGET = 64;
/** Headroom of ixgbe's buffers, where the recordings of the layout had NET_SKB_PAD. */
const BUILD_SKB_MORE_HEADROOM = 192 - 64;
/** What ESP in a GCM tunnel puts in front; that no packet lacks it is all that matters here. */
const ESP_HEADER_BYTES = 36;

/** Plays one recording. */
export function playPolls(recording: Recording): Played {
  return new PolledRun(recording).play();
}

function pollsOf({ settings, frames, delivered }: Recording): Poll[] {
  const { batches = [frames.length] } = settings;
  const polls: Poll[] = [];
  let first = 0;
  for (const batch of batches) {
    // A poll that ends at the budget is followed by another, which may be empty.
    for (let left = Math.min(batch, frames.length - first); left >= 0; left -= BUDGET) {
      const count = Math.min(left, BUDGET);
      const keeps = settings.gro_flush_us !== undefined && !endsSome(delivered, first + count - 1);
      polls.push({ first, count, isFull: count === BUDGET, keeps });
      first += count;
      if (count < BUDGET) break;
    }
  }
  return polls;
}

/** What a packet may measure that the SA of the recording takes, where the model knows the SA. */
function innerMtuOf(recording: Recording): number {
  const sa = openableSa(recording);
  if (sa === undefined) return Infinity;
  const { mode, outerVersion, ivBytes, blockBytes, icvBytes } = sa;
  return innerMtu(recording.settings.mtu, mode, 4, headerBytes(mode, outerVersion, ivBytes), blockBytes, icvBytes);
}

/** Whether a buffer of the recording ends with input packet `index`. */
function endsSome(delivered: readonly Row[], index: number): boolean {
  return delivered.some(({ inputs }) => inputs !== undefined && new RegExp(`(^|[ -])${index}$`).test(inputs));
}

/** A recording, played. */
class PolledRun {
  readonly #fixture: StageFixture;
  readonly #polling: Polling;
  readonly #inputs: Record<string, string>[] = [];
  readonly #delivered: Row[] = [];
  readonly #forwarded: Row[] = [];
  readonly #moreHeadroom: number;

  constructor(recording: Recording) {
    const { gro, nic_rx_csum, rx_layout, rx_hash } = recording.settings;
    const hash = `rx_hash=${rx_hash === true ? "on" : "off"}`;
    this.#fixture = new StageFixture(["era=6.1", hash, `gro=${gro}`, "gso=xfrm", `nic_rx_csum=${nic_rx_csum}`]);
    const { host } = this.#fixture;
    const layouts = [rx_layout].flat() as Config["rx_layout"][];
    const hosts = layouts.map((layout) => ({ ...host, config: { ...host.config, rx_layout: layout } }));
    this.#moreHeadroom = layouts[0] === "build-skb" ? BUILD_SKB_MORE_HEADROOM : 0;
    const forward = new Forward(host, { process: (skb) => this.#leave(skb) }, ESP_HEADER_BYTES, innerMtuOf(recording));
    const next: Stage = { process: (skb) => this.#deliver(forward, skb) };
    const listStart: Stage = { process: (skb) => this.#deliver(forward.listStart, skb) };
    this.#polling = new Polling(
      recording.frames.map(({ bytes }) => bytes),
      pollsOf(recording),
      new Gro(host, next, listStart, groMaxSize(recording)),
      (index) => hosts[index % hosts.length]!,
      (index, skb) => this.#inputs[index] = inputRow(index, skb),
    );
  }

  play(): Played {
    this.#polling.play(this.#fixture);
    this.#fixture.finish();
    assertEquals(this.#fixture.host.skbs.memory.live, 0);
    const { rows } = this.#fixture.events;
    this.#inputs.forEach((row, packet) => row["gro_ret"] = groResult(rows, packet));
    return { inputs: this.#inputs, delivered: this.#delivered, forwarded: this.#forwarded };
  }

  #deliver(forward: Stage, skb: Skb): void {
    const { u8 } = this.#fixture.host.skbs.memory;
    const inputs = rangesOf(skb.members ?? [skb.packet]);
    this.#delivered.push({ inputs, ...skbRow(u8, skb, this.#moreHeadroom) });
    forward.process(skb);
  }

  #leave(skb: Skb): void {
    const { skbs } = this.#fixture.host;
    this.#forwarded.push(skbRow(skbs.memory.u8, skb, this.#moreHeadroom));
    skbs.free(skb, REASON.consumed);
  }
}

/** The buffer as the driver hands it to GRO, without the Ethernet header. */
function inputRow(index: number, skb: Skb): Record<string, string> {
  const isInPages = skb.headlen === 0;
  return {
    in_index: `${index}`,
    entry: isInPages ? "napi_gro_frags" : "napi_gro_receive",
    len: `${skb.len - (isInPages ? ETH_HLEN : 0)}`,
    headlen: `${skb.headlen}`,
    nr_frags: `${skb.nrFrags}`,
    head_frag: `${Number(skb.headFrag)}`,
    ip_summed: `${skb.ipSummed}`,
  };
}

/** What napi_gro_receive returned for a packet. */
function groResult(rows: readonly EventRow[], packet: number): string {
  const merged = rows.find((row) => row.event === "merge" && row.packet === packet);
  if (merged !== undefined) return merged.reason === "frag-list" ? "MERGED" : "MERGED_FREE";
  const skb = rows.find((row) => row.stage === "driver-rx" && row.packet === packet)!.skb;
  return rows.some((row) => row.event === "flush" && row.skb === skb) ? "HELD" : "NORMAL";
}
