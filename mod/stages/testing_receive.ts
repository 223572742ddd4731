/**
 * Plays a recording of path receive, frame by frame and poll by poll as it was recorded, and says in the columns of the
 * recordings what ESP input found, and what came up in the clear. Not part of the library.
 *
 * Frames that the recorded poll found waiting are one interrupt here; everything that follows from it, the second pass of
 * GRO too, is left to the stages.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { resolveConfig } from "../config/resolve.ts";
import { ENGINES } from "../crypto/engines.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { Ledger } from "../ledger/ledger.ts";
import { buildReceivePath, type ReceivePath } from "../replay/receive_path.ts";
import { type EventRow, Recorder } from "../replay/testing.ts";
import { Engine } from "../sim/engine.ts";
import { placeInPages, type RxFrame } from "../skb/dma.ts";
import { pull } from "../skb/head_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { type Batch, BatchNapi, RecordedDriver } from "../validate/polls.ts";
import { associationOf } from "../validate/recorded_sa.ts";
import type { Recording } from "../validate/recording.ts";
import type { Scenario } from "../validate/scenario.ts";
import { rangesOf, type ResultRow, skbRow } from "../validate/skb_row.ts";
import type { TableRow } from "../validate/table.ts";
import { watchEntry } from "../validate/watch.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";

/** What became of a recording's frames. */
export interface PlayedReceive {
  /** As in `expected_esp_rx.csv`. */
  readonly espInputs: readonly ResultRow[];
  /** As in `expected.csv`. */
  readonly delivered: readonly ResultRow[];
  /** The first bytes of each buffer that came up, as ESP or in the clear, as many as the recording has. */
  readonly starts: readonly string[];
}

/** What crypto_aead_decrypt returns for a wrong ICV. */
const EBADMSG = -74;
/** Bytes of each packet in `output.pcap`, Ethernet header included. */
const SNAPLEN = 128;
/** Linear area of the skbs of `hdrsplit`. */
const SPLIT_HEAD_BYTES = 256;

/** Why a recording cannot be played, or undefined. */
export function whyNotReceived({ scenario }: Recording): string | undefined {
  const [sa] = scenario.sa ?? [];
  if (scenario.queues) return "asynchronous crypto";
  if (sa === undefined || scenario.sa!.length > 1) return "several SAs";
  if (scenario.udp_gro_socket === true) return "two passes of GRO with results";
  return associationOf(sa) === undefined ? "a suite that is not built" : undefined;
}

/** The rows of a table; none where the recording has no such table. */
export function rowsOf({ tables }: Recording, file: string): readonly TableRow[] {
  return tables.get(file)?.rows ?? [];
}

/** Plays one recording. */
export function playReceive(recording: Recording): PlayedReceive {
  return new ReceiveRun(recording).play();
}

/** What was seen of a packet on its way through ESP input. */
interface Passage {
  readonly row: Record<string, string | number>;
  /** Ledger rows between which ESP input worked on it. */
  from: number;
  to: number;
}

/** A recording, played. */
class ReceiveRun {
  readonly #path: ReceivePath;
  readonly #engine = new Engine();
  readonly #events = new Recorder();
  readonly #ledger = new Ledger(() => 0, [this.#events]);
  readonly #passages: Passage[] = [];
  readonly #delivered: { packets: readonly number[]; row: ResultRow }[] = [];
  readonly #starts: string[] = [];
  readonly #driver: RecordedDriver;
  /** The table of ESP input as recorded: it says which poll took a frame, and which packet was inside. */
  readonly #recorded: readonly TableRow[];
  #polls = 0;

  constructor(readonly recording: Recording) {
    const { scenario } = recording;
    const sa = associationOf(scenario.sa![0]!)!;
    this.#recorded = rowsOf(recording, "expected_esp_rx.csv");
    const { config } = resolveConfig({ preset: "linux-6.1", sets: setsOf(scenario, sa) });
    this.#path = buildReceivePath({
      config,
      engine: this.#engine,
      ledger: this.#ledger,
      sa,
      aead: null,
      opener: sa.aead(ENGINES.noble),
      tap: null,
      poison: true,
    });
    for (const { window } of this.#path.espInput.table.all) window.startAfter(scenario.sa![0]!.replay_seq ?? 0);
    this.#driver = new RecordedDriver(this.#path.host, scenario);
    this.#watchEspInput();
    this.#watchWaysUp();
  }

  play(): PlayedReceive {
    const { gros, cells } = this.#path;
    const gro = gros[0]!;
    const receive = (index: number, frame: RxFrame): Skb => this.#receive(index, frame);
    const napi = new BatchNapi(cells.all[0]!.netRx, this.recording.input.map(({ bytes }) => bytes), { gro, receive });
    const endPoll = napi.endPoll.bind(napi);
    napi.endPoll = (complete) => {
      this.#polls += 1;
      return endPoll(complete);
    };
    napi.play(this.#batches(), this.#engine);
    this.#path.release();
    this.#ledger.finish();
    assertEquals(this.#path.host.skbs.memory.live, 0);
    this.#passages.forEach((passage, packet) => this.#addResults(passage, packet));
    return {
      espInputs: this.#passages.map(({ row }) => row),
      delivered: this.#delivered.map(({ row }) => row),
      starts: this.#starts,
    };
  }

  /** Frames that a poll found waiting when it began: a batch, or several that were injected before it came to them. */
  #batches(): Batch[] {
    const batches: { first: number; count: number }[] = [];
    this.#recorded.forEach((row, index) => {
      const before = this.#recorded[index - 1];
      if (row.text("batch") === before?.text("batch")) batches.at(-1)!.count += 1;
      else batches.push({ first: index, count: 1 });
    });
    return batches;
  }

  #receive(index: number, frame: RxFrame): Skb {
    const isSplit = this.#path.host.config.rx_layout.startsWith("hdrsplit:");
    const skb = isSplit ? this.#split(frame) : this.#driver.receive(index, frame);
    const row = { in_index: index, outer_headlen: skb.headlen, outer_nr_frags: skb.nrFrags };
    this.#passages.push({ row, from: -1, to: -1 });
    return skb;
  }

  /** The NIC of the recordings was told how long the headers are. */
  #split(frame: RxFrame): Skb {
    const { host } = this.#path;
    const headerBytes = this.recording.scenario.header_bytes!;
    const pages = Number(host.config.rx_layout.split(":")[1]);
    const skb = host.skbs.napiAllocSkb(SPLIT_HEAD_BYTES);
    skb.packet = frame.packet;
    skb.payloadBytes = frame.payloadBytes;
    placeInPages(host.skbs.memory, frame, skb, headerBytes, Math.ceil((frame.bytes - headerBytes) / pages));
    skb.ipSummed = frame.checksumGood ? CHECKSUM.unnecessary : CHECKSUM.none;
    skb.macHeader = skb.data;
    pull(skb, ETH_HLEN);
    skb.networkHeader = skb.data;
    return skb;
  }

  #watchEspInput(): void {
    const { espInput, cells } = this.#path;
    const find = espInput.find.bind(espInput);
    espInput.find = (skb) => {
      const passage = this.#passages[skb.packet]!;
      passage.from = this.#ledger.rowCount;
      Object.assign(passage.row, this.#rowOf(skb), { via: "ip_rcv", shared_frag: Number(skb.head.hasSharedFrag) });
      return find(skb);
    };
    const takeFromGro = espInput.takeFromGro.bind(espInput);
    espInput.takeFromGro = (skb, inbound) => {
      this.#passages[skb.packet]!.row["via"] = "gro";
      takeFromGro(skb, inbound);
    };
    const restore = espInput.decap.restore.bind(espInput.decap);
    espInput.decap.restore = (skb, sa) => {
      const passage = this.#passages[skb.packet]!;
      passage.to = this.#ledger.rowCount;
      passage.row["esp_input_ret"] = espInput.decap.nextHeader;
      return restore(skb, sa);
    };
    const { gro } = cells.all[0]!;
    const receive = gro.receive.bind(gro);
    gro.receive = (skb) => {
      const { row } = this.#passages[skb.packet]!;
      row["inner_ip_summed"] = skb.ipSummed;
      row["inner_headlen"] = skb.headlen;
      row["inner_nr_frags"] = skb.nrFrags;
      receive(skb);
    };
  }

  #watchWaysUp(): void {
    const { outer, inner, localIn } = this.#path;
    const { sa, esp_module } = this.recording.scenario;
    for (const stage of [outer, outer.listStart, inner, inner.listStart]) {
      watchEntry(stage, (skb) => this.#seeStart(skb));
    }
    // In transport mode without the ESP handler of GRO packets do not come up a second time.
    const { mode, encap } = sa![0]!;
    const isSeenAtSocket = mode === "transport" && (esp_module !== true || encap !== undefined);
    for (const stage of isSeenAtSocket ? [localIn.protocols.sockets] : [inner, inner.listStart]) {
      watchEntry(stage, (skb) => this.#deliver(skb));
    }
  }

  #rowOf(skb: Skb): ResultRow {
    return skbRow(this.#path.host.skbs.memory.u8, skb);
  }

  #seeStart(skb: Skb): void {
    const start = new Uint8Array(Math.min(skb.len, SNAPLEN - ETH_HLEN));
    gather(this.#path.host.skbs, skb, 0, start.length, start);
    this.#starts.push(start.toHex());
  }

  #deliver(skb: Skb): void {
    const packets = skb.members ?? [skb.packet];
    // The recordings number what was delivered by its payload, which is that of the inner packets in order.
    const inner = packets.map((packet) => this.#recorded[packet]!.integer("inner_index"));
    const row = { inputs: rangesOf(inner), n_inputs: inner.length, poll: this.#polls, ...this.#rowOf(skb) };
    this.#delivered.push({ packets, row });
  }

  /** What esp_input copied of a packet, and what became of it. */
  #addResults({ row, from, to }: Passage, packet: number): void {
    row["outer_gro_ret"] = row["via"] === "gro" ? "CONSUMED" : "NORMAL";
    if (from === -1) return;
    const end = to === -1 ? this.#events.rows.length : to;
    const rows = this.#events.rows.slice(from, end)
      .filter((each) => each.packet === packet && each.stage === "esp-input");
    const isCow = rows.some(({ event, reason }) => event === "tail" && reason.startsWith("rx-cow"));
    const bytes = { pulled: copiedBytes(rows, "pull-tail"), expandHead: copiedBytes(rows, "expand-head") };
    const index = this.#delivered.findIndex(({ packets }) => packets.includes(packet));
    Object.assign(row, {
      branch: isCow ? "cow" : row["nr_frags"] === 0 ? "linear" : "frags",
      cow_ret: isCow ? 1 : "",
      bytes_pulled: bytes.pulled,
      bytes_expand_head: bytes.expandHead,
      bytes_skb_copy: 0,
      bytes_copied: bytes.pulled + bytes.expandHead,
      out_index: index === -1 ? "" : index,
    });
    if (rows.some(({ event }) => event === "reject")) row["esp_input_ret"] = EBADMSG;
    if (row["inner_headlen"] !== undefined) row["inner_gro_ret"] = this.#groResult(packet);
  }

  /** What napi_gro_receive returned for the clear packet. */
  #groResult(packet: number): string {
    const { rows } = this.#events;
    const merged = rows.find((row) => row.event === "merge" && row.packet === packet);
    if (merged !== undefined) return merged.reason === "frag-list" ? "MERGED" : "MERGED_FREE";
    const { skb } = rows.find((row) => row.stage === "gro-cells" && row.packet === packet)!;
    return rows.some((row) => row.event === "flush" && row.skb === skb) ? "HELD" : "NORMAL";
  }
}

function copiedBytes(rows: readonly EventRow[], reason: string): number {
  const copies = rows.filter((row) => row.event === "copy" && row.reason === reason);
  return copies.reduce((sum, { bytes }) => sum + bytes, 0);
}

function setsOf(scenario: Scenario, sa: SecurityAssociation): string[] {
  return [
    "path=receive",
    `esp_gro=${scenario.esp_module === true ? "on" : "off"}`,
    `rx_layout=${scenario.rx_layout}`,
    "rx_hash=off",
    `mode=${sa.mode}`,
    `cipher=${sa.suite.name}`,
    `esn=${sa.esn ? "on" : "off"}`,
    `encap=${sa.encapsulation === null ? "none" : "udp"}`,
    `tap=${scenario.tap ?? "none"}`,
    `mtu=${scenario.mtu}`,
    `nic_rx_csum=${scenario.nic_rx_csum}`,
  ];
}
