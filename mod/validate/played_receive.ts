/**
 * The ESP frames of a recording, played through the receiver that every run builds (`replay/receive_path.ts`), with the
 * recorded polls in front.
 *
 * Under a suite that is built they are decrypted; under any other they are played in the clear, each with the recorded inner
 * packet in place of its ciphertext.
 *
 * @module
 */

import { ENGINES } from "../crypto/engines.ts";
import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES, type EspMode } from "../esp/arithmetic.ts";
import { tunnelNextHeader, writeTrailer } from "../esp/framing.ts";
import { buildReceivePath } from "../replay/receive_path.ts";
import { Engine } from "../sim/engine.ts";
import type { RxFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { EspGro } from "../stages/esp_gro.ts";
import { Gro } from "../stages/gro.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { GroResults, PathLog } from "./path_log.ts";
import type { PlayedPath } from "./played_path.ts";
import { batchesOf, BatchNapi, flushesOf, RecordedDriver } from "./polls.ts";
import { cryptoSets } from "./recorded_queue.ts";
import { associationOf, SizedAssociation, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import { configOf, WorkLedger } from "./stage_host.ts";
import type { TableRow } from "./table.ts";
import { EspReceiveLog, watchDelivery, watchEspInput, watchPackets, watchSecondGro } from "./watch_receive.ts";

/** Plays the frames of a recording under a suite of these sizes. */
export function playReceived(recording: Recording, sizes: SuiteSizes): PlayedPath {
  const { scenario, tables } = recording;
  const results = new GroResults();
  const works = new WorkLedger([results]);
  const engine = new Engine();
  const [recorded] = scenario.sa!;
  const built = associationOf(recorded!);
  const path = buildReceivePath({
    config: configOf(scenario, setsOf(scenario)),
    engine,
    ledger: works.ledger,
    sa: built ?? new SizedAssociation(sizes, recorded!),
    aead: null,
    opener: built?.aead(ENGINES.noble) ?? null,
    tap: null,
    poison: true,
  });
  for (const { window } of path.espInput.table.all) window.startAfter(recorded!.replay_seq ?? 0);
  const log = new PathLog(path.host, works);
  const esp = new EspReceiveLog(log, recorded!.mode as EspMode);
  const cells = path.cells.all[0]!;
  watchPackets(path, log);
  const numbers = innerNumbers(recording);
  const see = (skb: Skb): void => log.deliver(skb, (packet) => numbers.get(packet) ?? packet);
  const isFromGro = scenario.esp_module === true && recorded!.encap === undefined;
  watchDelivery(path, see, recorded!.mode === "transport" && !isFromGro);
  watchEspInput(path, esp, results);
  watchSecondGro(cells.gro, esp);
  const espGro = scenario.esp_module === true ? new EspGro(path.host, path.espInput) : null;
  const gro = new Gro(path.host, path.outer, path.outer.listStart, scenario.gro_max_size, espGro);
  const driver = new RecordedDriver(path.host, scenario);
  const receive = (index: number, frame: RxFrame): Skb => {
    const skb = driver.receive(index, frame);
    esp.note(index, { outer_headlen: skb.headlen, outer_nr_frags: skb.nrFrags, outer_gro_ret: "NORMAL" });
    return skb;
  };
  const flushes = flushesOf(recording, tables.get("expected.csv")!.rows);
  const frames = built === undefined ? clearFrames(recording, sizes) : recording.input.map(({ bytes }) => bytes);
  new BatchNapi(cells.netRx, frames, { gro, receive, flushes }).play(batchesOf(recording), engine);
  log.takeWork();
  path.release();
  frames.forEach((_, packet) => log.espInputs.push(finished(esp.rows.get(packet), results.of(packet))));
  return { log, liveBlocks: path.host.skbs.memory.live };
}

function finished(row: Record<string, string | number> = {}, groResult: string): Record<string, string | number> {
  return "inner_gro_ret" in row ? { ...row, inner_gro_ret: groResult } : row;
}

/** Numbers of the inner packets, which are those of the delivered buffers, by frame. */
function innerNumbers({ tables }: Recording): Map<number, number> {
  const rows = tables.get("expected_esp_rx.csv")!.rows.filter((row) => row.text("inner_index") !== "");
  return new Map(rows.map((row) => [row.integer("in_index"), row.integer("inner_index")]));
}

/** What the scenario says in the words of the configuration. */
function setsOf(scenario: Scenario): string[] {
  const { sa, gro = "on", nic_rx_csum = "on", rx_hash, mtu, tap, udp_gro_socket } = scenario;
  return [
    "path=receive",
    ...cryptoSets(scenario),
    `mode=${sa![0]!.mode}`,
    `gro=${gro}`,
    `nic_rx_csum=${nic_rx_csum}`,
    `rx_hash=${rx_hash === true ? "on" : "off"}`,
    `mtu=${mtu}`,
    `tap=${tap ?? "none"}`,
    `udp_gro=${udp_gro_socket === true ? "encap" : "off"}`,
  ];
}

/** The frames, what is inside in place of the ciphertext. */
function clearFrames({ scenario, input, inner, tables }: Recording, sizes: SuiteSizes): Uint8Array[] {
  const frames = input.map(({ bytes }) => bytes.slice());
  const isTunnel = scenario.sa![0]!.mode === "tunnel";
  for (const row of tables.get("expected_esp_rx.csv")!.rows) {
    const frame = frames[row.integer("in_index")];
    const packet = row.text("inner_index") === "" ? undefined : inner[row.integer("inner_index")]?.bytes;
    if (frame !== undefined && packet !== undefined) writeClear(row, frame, packet, isTunnel, sizes);
  }
  return frames;
}

function writeClear(row: TableRow, frame: Uint8Array, packet: Uint8Array, isTunnel: boolean, sizes: SuiteSizes): void {
  const ownBytes = isTunnel ? 0 : ip.headerBytes(packet, 0);
  const innerAt = frame.length - row.integer("len") + ESP_HEADER_BYTES + sizes.ivBytes;
  const trailerAt = innerAt + packet.length - ownBytes;
  const padBytes = frame.length - sizes.icvBytes - ESP_TRAILER_BYTES - trailerAt;
  if (innerAt < ETH_HLEN || padBytes < 0 || padBytes > 255) {
    throw row.error("the inner packet does not fit into it", "len");
  }
  frame.set(packet.subarray(ownBytes), innerAt);
  const nextHeader = isTunnel ? tunnelNextHeader(packet, 0) : ip.protocol(packet, 0);
  writeTrailer(frame, trailerAt, padBytes, nextHeader);
}
