/**
 * Probes in the stages of a receiver (`replay/receive_path.ts`): where packets come up, and around ESP input.
 *
 * @module
 */

import type { EspMode } from "../esp/arithmetic.ts";
import { tunnelNextHeader } from "../esp/framing.ts";
import type { InboundAssociation } from "../esp/inbound.ts";
import type { ReplayWindow } from "../esp/replay_window.ts";
import { NONE } from "../ledger/schema.ts";
import type { ReceivePath } from "../replay/receive_path.ts";
import type { Skb } from "../skb/skb.ts";
import type { CryptoRunner } from "../stages/crypto_engine.ts";
import type { Gro } from "../stages/gro.ts";
import type { Host } from "../stages/host.ts";
import * as ip from "../wire/ip.ts";
import { type InputEntry, inputResult } from "./esp_input_rows.ts";
import type { GroResults, PathLog } from "./path_log.ts";
import { type ResultRow, skbRow } from "./skb_row.ts";
import type { Work } from "./stage_host.ts";
import { watchEntry } from "./watch.ts";

/** What became of each ESP packet, by number of the frame that it came in: `expected_esp_rx.csv`. */
export class EspReceiveLog {
  readonly rows: Map<number, ResultRow> = new Map();

  constructor(readonly log: PathLog, readonly mode: EspMode) {}

  /** Notes more about a packet. */
  note(packet: number, columns: ResultRow): void {
    this.rows.set(packet, { ...this.rows.get(packet), ...columns });
  }
}

/** Shows all packets that reach netif_receive_skb, as ESP or in the clear. */
export function watchPackets({ outer, inner }: ReceivePath, log: PathLog): void {
  for (const stage of [outer, outer.listStart, inner, inner.listStart]) watchEntry(stage, (skb) => log.receive(skb));
}

/** Shows clear packets that reach netif_receive_skb, or, of transport mode without GRO's handler, tcp_v4_rcv. */
export function watchDelivery({ inner, localIn }: ReceivePath, see: (skb: Skb) => void, atSocket: boolean): void {
  if (atSocket) return watchEntry(localIn.protocols.sockets, see);
  for (const stage of [inner, inner.listStart]) watchEntry(stage, see);
}

/** Shows what GRO sees of packets for the second time, in the clear. */
export function watchSecondGro(gro: Gro, esp: EspReceiveLog): void {
  const receive = gro.receive.bind(gro);
  gro.receive = (skb) => {
    esp.note(skb.packet, {
      inner_ip_summed: skb.ipSummed,
      inner_headlen: skb.headlen,
      inner_nr_frags: skb.nrFrags,
      inner_gro_ret: "NORMAL",
    });
    receive(skb);
  };
}

/** -EBADMSG: what esp_input returns for a wrong ICV. */
const EBADMSG = -74;

/** What esp_input returns for a packet that asynchronous crypto takes (-EINPROGRESS), and for one that it refuses (-ENOSPC). */
const EINPROGRESS = -115;
const ENOSPC = -28;

/** Shows packets at esp_input, and what was copied until esp_input_done2 was through. */
export function watchEspInput({ espInput, host }: ReceivePath, esp: EspReceiveLog, results: GroResults): void {
  const watch = new EspInputWatch(host, esp);
  const find = espInput.find.bind(espInput);
  espInput.find = (skb) => {
    const inbound = find(skb);
    if (inbound !== undefined) watch.enter(skb, inbound);
    return inbound;
  };
  if (espInput.runner !== null) watch.watchRunner(espInput.runner);
  const receive = (skb: Skb, process: (skb: Skb) => void): void => {
    const { packet } = skb;
    // What GRO said is in the ledger, whose rows have not been read up to here.
    esp.log.takeWork();
    esp.note(packet, { via: "ip_rcv", outer_gro_ret: results.of(packet) });
    results.forget(packet);
    process(skb);
    watch.leave(packet, skb);
  };
  const process = espInput.process.bind(espInput);
  espInput.process = (skb) => receive(skb, process);
  const processEncapsulated = espInput.processEncapsulated.bind(espInput);
  espInput.processEncapsulated = (skb) => receive(skb, processEncapsulated);
  const takeFromGro = espInput.takeFromGro.bind(espInput);
  espInput.takeFromGro = (skb, inbound) => {
    const { packet } = skb;
    esp.note(packet, { via: "gro", outer_gro_ret: "CONSUMED" });
    takeFromGro(skb, inbound);
    watch.leave(packet, skb);
  };
}

/** esp_input begins where the association is found, and ends where the replay window moves on, or the packet is dropped. */
class EspInputWatch {
  #packet = NONE;
  #entry: InputEntry | null = null;
  readonly #opened = new Set<number>();
  readonly #windows = new Set<ReplayWindow>();

  /** Packets that crypto was asked to take: what follows is not a matter of esp_input. */
  readonly #submitted = new Set<number>();

  constructor(readonly host: Host, readonly esp: EspReceiveLog) {}

  /** Asynchronous crypto ends esp_input. */
  watchRunner(runner: CryptoRunner): void {
    const submit = runner.submit.bind(runner);
    runner.submit = (request) => {
      const { entries, skb: { packet } } = request;
      this.#submitted.add(packet);
      this.#end(entries);
      const isTaken = submit(request);
      this.esp.note(packet, { esp_input_ret: isTaken ? EINPROGRESS : ENOSPC });
      return isTaken;
    };
  }

  /** The association of a packet is found. */
  enter(skb: Skb, { window }: InboundAssociation): void {
    const { esp } = this;
    this.#watchWindow(window);
    esp.log.takeWork();
    this.#packet = skb.packet;
    this.#entry = { isNonlinear: skb.isNonlinear, hasFragList: skb.hasFragList };
    esp.note(skb.packet, { ...skbRow(esp.log.u8, skb), shared_frag: Number(skb.head.hasSharedFrag) });
  }

  /** ESP input is through: the packet waits in a queue, in the clear, or is gone. */
  leave(packet: number, skb: Skb): void {
    const { esp } = this;
    if (this.#submitted.has(packet)) return;
    if (this.#end()?.isRejected === true) esp.note(packet, { esp_input_ret: EBADMSG });
    if (!this.#opened.has(packet)) return;
    const { u8 } = this.host.skbs.memory;
    const at = skb.head.at + skb.networkHeader;
    esp.note(packet, { esp_input_ret: esp.mode === "tunnel" ? tunnelNextHeader(u8, at) : ip.protocol(u8, at) });
  }

  #watchWindow(window: ReplayWindow): void {
    if (this.#windows.has(window)) return;
    this.#windows.add(window);
    const advance = window.advance.bind(window);
    window.advance = (sequence) => {
      this.#opened.add(this.#packet);
      this.#end();
      advance(sequence);
    };
  }

  /** Notes what was copied, once for each packet; null where that has been done. `entries` are those of a request. */
  #end(entries?: number): Work | null {
    if (this.#entry === null) return null;
    const work = this.esp.log.takeWork();
    work.openEntries = entries ?? work.openEntries;
    this.esp.note(this.#packet, inputResult(work, this.#entry));
    this.#entry = null;
    return work;
  }
}
