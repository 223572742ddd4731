/**
 * The frames of a recording, played: through GRO alone, or through the gateway that every run builds
 * (`replay/forward_path.ts`), with the recorded polls in front and a driver that takes every frame at the end.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { buildForwardPath } from "../replay/forward_path.ts";
import { Engine } from "../sim/engine.ts";
import type { RxFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { Gro } from "../stages/gro.ts";
import { NetRx } from "../stages/net_rx.ts";
import { suiteSizes } from "./esp_output_rows.ts";
import { isOpened, openFrames } from "./opened_frames.ts";
import { GroResults, PathLog } from "./path_log.ts";
import type { Reach } from "./path_reach.ts";
import { asNic, batchesOf, BatchNapi, flushesOf, RecordedDriver } from "./polls.ts";
import { associationOf, SizedAssociation } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import { configOf, StageHost, WorkLedger } from "./stage_host.ts";
import { watchEntry, watchForward } from "./watch.ts";

/** A run, finished. */
export interface PlayedPath {
  readonly log: PathLog;
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
  const { log, gro, engine, release } = reach.station === "gro"
    ? buildGro(scenario, results)
    : buildForward(recording, reach, results);
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
function setsOf({ gro = "on", nic_rx_csum = "on", rx_hash, mtu }: Scenario): string[] {
  const hash = rx_hash === true ? "on" : "off";
  return [`gro=${gro}`, `nic_rx_csum=${nic_rx_csum}`, `rx_hash=${hash}`, `mtu=${mtu}`, "oversize=drop"];
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

/** A gateway. */
function buildForward(recording: Recording, reach: Reach, results: GroResults): Watched {
  const { scenario } = recording;
  const works = new WorkLedger([results]);
  const engine = new Engine();
  const path = buildForwardPath({
    config: configOf(scenario, setsOf(scenario)),
    engine,
    ledger: works.ledger,
    ...associationFor(recording, reach),
    tap: null,
    poison: true,
  });
  const log = new PathLog(path.host, works);
  watchForward(path, log, reach.station === "driver" ? "driver" : "xfrm-output");
  return { log, engine, gro: path.gro, release: () => path.release() };
}

/** The recorded association with the recorded IVs; where frames are not compared, one of the same sizes that never seals. */
function associationFor(recording: Recording, reach: Reach): { sa: SecurityAssociation; aead: Aead | null } {
  const [recorded] = recording.scenario.sa!;
  const sa = reach.framesReason === undefined ? associationOf(recorded!) : undefined;
  if (sa === undefined) {
    const sizes = suiteSizes(recording);
    const known = typeof sizes === "string" ? { ivBytes: 8, icvBytes: 16, blockBytes: 4 } : sizes;
    return { sa: new SizedAssociation(known, recorded!), aead: null };
  }
  for (const frame of openFrames(recording)) if (isOpened(frame)) sa.useIv(frame.sequence, frame.iv);
  return { sa, aead: sa.aead(ENGINES.noble) };
}
