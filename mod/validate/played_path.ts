/**
 * The frames of a recording, played: through GRO alone, or through the gateway that every run builds
 * (`replay/forward_path.ts`; without ESP the way out of `replay/receive_path.ts`), with the recorded polls in front and a
 * driver that takes every frame at the end.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { buildForwardPath } from "../replay/forward_path.ts";
import { buildEgress } from "../replay/receive_path.ts";
import { Engine } from "../sim/engine.ts";
import type { RxFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { Gro } from "../stages/gro.ts";
import { NetRx } from "../stages/net_rx.ts";
import { suiteSizes } from "./row_associations.ts";
import { deviceSets, fillsChecksums } from "./driver_rows.ts";
import { isOpened, type OpenedFrame, openFrames } from "./opened_frames.ts";
import { GroResults, PathLog } from "./path_log.ts";
import type { Reach } from "./path_reach.ts";
import { asNic, batchesOf, BatchNapi, flushesOf, RecordedDriver } from "./polls.ts";
import { queueSets } from "./recorded_queue.ts";
import { associationOf, SizedAssociation } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import { addAssociations } from "./several_sas.ts";
import { configOf, StageHost, WorkLedger } from "./stage_host.ts";
import { watchEgress, watchEntry, watchForward } from "./watch.ts";

/** A run, finished. */
export interface PlayedPath {
  readonly log: PathLog;
  /** What the other host sent; absent where it is not played. */
  readonly otherLog?: PathLog;
  /** Blocks of memory that were not given back. */
  readonly liveBlocks: number;
}

/** A path with its probes. */
interface Watched {
  readonly log: PathLog;
  readonly gro: Gro;
  readonly engine: Engine;
  release(): void;
}

/** Plays the frames of a recording as far as `reach` says. */
export function playPath(recorded: Recording, reach: Reach): PlayedPath {
  const scenario = asNic(recorded.scenario, recorded.input.length);
  const recording = { ...recorded, scenario };
  const results = new GroResults();
  const { log, gro, engine, release } = build(recording, reach, results);
  const { host } = log;
  const driver = new RecordedDriver(host, scenario);
  const receive = (index: number, frame: RxFrame): Skb => {
    const skb = driver.receive(index, frame);
    log.received(index, skb, isInFrags(scenario, skb));
    return skb;
  };
  const delivered = recording.tables.get("expected.csv")!;
  const flushes = flushesOf(recording, delivered.form.name === "delivered" ? delivered.rows : []);
  const frames = recording.input.map(({ bytes }) => bytes);
  new BatchNapi(new NetRx(host), frames, { gro, receive, flushes }).play(batchesOf(recording), engine);
  log.takeWork();
  release();
  log.inputs.forEach((row, packet) => row["gro_ret"] = results.of(packet));
  return { log, liveBlocks: host.skbs.memory.live };
}

/** Whether the driver calls napi_gro_frags. */
function isInFrags({ tun }: Scenario, { headlen }: Skb): boolean {
  return tun === undefined ? headlen === 0 : tun === "frags";
}

/** What the scenario says in the words of the configuration. */
function setsOf(scenario: Scenario): string[] {
  const { gro = "on", nic_rx_csum = "on", rx_hash, mtu } = scenario;
  const hash = rx_hash === true ? "on" : "off";
  return [
    ...queueSets(scenario),
    `gro=${gro}`,
    `nic_rx_csum=${nic_rx_csum}`,
    `rx_hash=${hash}`,
    `mtu=${mtu}`,
    "oversize=drop",
  ];
}

function build(recording: Recording, reach: Reach, results: GroResults): Watched {
  const { scenario } = recording;
  if (reach.station === "gro") return buildGro(scenario, results);
  return scenario.sa === undefined ? buildRouter(scenario, results) : buildForward(recording, reach, results);
}

/** GRO, and nothing behind it. */
function buildGro(scenario: Scenario, results: GroResults): Watched {
  const { host, engine, works } = new StageHost(scenario, setsOf(scenario), [results]);
  const log = new PathLog(host, works);
  const end = { process: (skb: Skb): void => log.take(skb) };
  watchEntry(end, (skb) => log.deliver(skb));
  watchEntry(end, (skb) => log.receive(skb));
  return { log, engine, gro: new Gro(host, end, end, scenario.gro_max_size), release: () => {} };
}

/** A router that knows no ESP: the way out is that of path `receive` with `then=forward`. */
function buildRouter(scenario: Scenario, results: GroResults): Watched {
  const sets = [...deviceSets(scenario), ...setsOf(scenario)];
  const { host, engine, works } = new StageHost(scenario, sets, [results]);
  const router = { checksumOffload: fillsChecksums(scenario), hasPolicies: false };
  const egress = buildEgress(host, { config: host.config, tap: null }, router);
  const log = new PathLog(host, works);
  watchEgress(egress, log);
  const { forward } = egress;
  return { log, engine, gro: new Gro(host, forward, forward.listStart, scenario.gro_max_size), release: () => {} };
}

/** A gateway. */
function buildForward(recording: Recording, reach: Reach, results: GroResults): Watched {
  const { scenario } = recording;
  const works = new WorkLedger([results]);
  const engine = new Engine();
  const frames = reach.framesReason === undefined ? openFrames(recording).filter(isOpened) : [];
  const { sa, aead } = associationFor(recording, reach, frames);
  const path = buildForwardPath({
    config: configOf(scenario, setsOf(scenario)),
    engine,
    ledger: works.ledger,
    sa,
    aead,
    tap: null,
    poison: true,
  });
  const others = addAssociations(path, sa, frames);
  const log = new PathLog(path.host, works);
  watchForward(path, others.xfrms, log, reach.station === "driver" ? "driver" : "xfrm-output");
  const release = (): void => {
    path.release();
    others.release();
  };
  return { log, engine, gro: path.gros[0]!, release };
}

/**
 * The first recorded association with the IVs of `frames`; where frames are not compared, one of the same sizes that never
 * seals.
 */
function associationFor(
  recording: Recording,
  reach: Reach,
  frames: readonly OpenedFrame[],
): { sa: SecurityAssociation; aead: Aead | null } {
  const [recorded] = recording.scenario.sa!;
  const used = frames.find((frame) => frame.sa.spi === Number(recorded!.spi))?.sa;
  const sa = used ?? (reach.framesReason === undefined ? associationOf(recorded!) : undefined);
  if (sa === undefined) {
    const sizes = suiteSizes(recording);
    const known = typeof sizes === "string" ? { ivBytes: 8, icvBytes: 16, blockBytes: 4 } : sizes;
    return { sa: new SizedAssociation(known, recorded!), aead: null };
  }
  for (const frame of frames) frame.sa.useIv(frame.sequence, frame.iv);
  return { sa, aead: sa.aead(ENGINES.noble) };
}
