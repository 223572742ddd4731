/**
 * Path forward of the model, built as `replay/forward_path.ts` builds it, with a probe in every stage and the polls of a
 * recording in front.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import { headerBytes, innerMtu, type IpVersion } from "../esp/arithmetic.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { EspOutput } from "../stages/esp_output.ts";
import { espHeaderBytes } from "../stages/esp_transform.ts";
import { EspXmit } from "../stages/esp_xmit.ts";
import { Forward } from "../stages/forward.ts";
import { Gro } from "../stages/gro.ts";
import type { Stage } from "../stages/host.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { Qdisc } from "../stages/qdisc.ts";
import { ValidateXmit } from "../stages/validate_xmit.ts";
import { type InnerMtu, XfrmOutput } from "../stages/xfrm_output.ts";
import * as udp from "../wire/udp.ts";
import { suiteSizes } from "./esp_output_rows.ts";
import { isOpened, openFrames } from "./opened_frames.ts";
import { GroResults, PathLog, WatchedGso, WatchedNic, WatchedTransform } from "./path_log.ts";
import type { Reach } from "./path_reach.ts";
import { Polling, pollsOf } from "./polls.ts";
import { associationOf, SizedAssociation } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import { StageHost } from "./stage_host.ts";

/** Packets that the queue in front of the driver takes: more than any recording has. */
const QUEUE_PACKETS = 1e6;

/** A run, finished. */
export interface PlayedPath {
  readonly log: PathLog;
  /** Blocks of memory that were not given back. */
  readonly liveBlocks: number;
}

/** Plays the frames of a recording as far as `reach` says. */
export function playPath(recording: Recording, reach: Reach): PlayedPath {
  const { scenario } = recording;
  const results = new GroResults();
  const stages = new StageHost(scenario, setsOf(scenario), [results]);
  const { host } = stages;
  const log = new PathLog(stages);
  const line = reach.station === "gro" ? null : buildLine(recording, reach, log);
  const behind = (stage: Stage | undefined): Stage => ({
    process(skb) {
      log.deliver(skb);
      if (stage === undefined) host.skbs.free(skb, REASON.consumed);
      else stage.process(skb);
    },
  });
  const gro = new Gro(host, behind(line?.forward), behind(line?.forward.listStart), scenario.gro_max_size);
  const delivered = recording.tables.get("expected.csv")!;
  const polls = pollsOf(recording, delivered.form.name === "delivered" ? delivered.rows : []);
  const receiver = { gro, received: (index: number, skb: Skb) => log.received(index, skb) };
  new Polling(host, recording, polls, receiver).play(stages.engine);
  log.takeWork();
  line?.release();
  log.inputs.forEach((row, packet) => row["gro_ret"] = results.of(packet));
  return { log, liveBlocks: stages.liveBlocks };
}

/** What the scenario says in the words of the configuration. */
function setsOf({ gro = "on", nic_rx_csum = "on", rx_hash, mtu }: Scenario): string[] {
  const hash = rx_hash === true ? "on" : "off";
  return [`gro=${gro}`, `nic_rx_csum=${nic_rx_csum}`, `rx_hash=${hash}`, `mtu=${mtu}`, "oversize=drop"];
}

/** The stages behind GRO. */
interface Line {
  readonly forward: Forward;
  release(): void;
}

function buildLine(recording: Recording, reach: Reach, log: PathLog): Line {
  const { host, engine } = log.stages;
  const { mtu, sa: recorded } = recording.scenario;
  const { sa, aead } = associationFor(recording, reach);
  const encap = new EspEncap(host, sa);
  const transform = new WatchedTransform(log, host, sa, aead);
  const gso = new WatchedGso(log, host, espHeaderBytes(sa));
  const nic = new WatchedNic(log, host, engine, QUEUE_PACKETS, 1, null);
  const validate = new ValidateXmit(gso, new EspXmit(host, encap, transform));
  const qdisc = new Qdisc(host, nic, QUEUE_PACKETS, validate);
  const ipOutput = new IpOutput(host, qdisc, mtu);
  const espOutput = new EspOutput(host, ipOutput, encap, transform);
  const isEncapsulated = recorded!.some((each) => each.encap !== undefined);
  const inFront = headerBytes(sa.mode, sa.outerVersion, sa.ivBytes) + (isEncapsulated ? udp.HEADER_BYTES : 0);
  const inside = insideOf(mtu, inFront, sa);
  const parts = { gso, encap, espOutput, ipOutput, headerBytes: inFront, innerMtu: inside };
  const goesOn = reach.station === "driver";
  const xfrm = new XfrmOutput(host, parts);
  const watched: Stage = {
    process(skb) {
      log.forward(skb);
      if (goesOn) xfrm.process(skb);
      else host.skbs.free(skb, REASON.consumed);
    },
  };
  return { forward: new Forward(host, watched, inFront, inside.ipv4), release: () => transform.release() };
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

function insideOf(mtu: number, inFront: number, sa: SecurityAssociation): InnerMtu {
  const inside = (version: IpVersion): number => {
    return innerMtu(mtu, sa.mode, version, inFront, sa.blockBytes, sa.icvBytes);
  };
  return { ipv4: inside(4), ipv6: inside(6) };
}
