/**
 * One run: a capture and a configuration go in, the folds of its ledger come out.
 *
 * ```ts
 * const run = await replay({ input, resolved: resolveConfig({ preset: "nocopy", sets: [] }), profile });
 * run.tally.sum({ event: "copy" }).bytes;
 * ```
 *
 * @module
 */

import { type CaptureReader, linkTypeName, openCapture } from "../capture/mod.ts";
import { ConfigError } from "../config/errors.ts";
import type { Config } from "../config/schema.ts";
import { ENGINES } from "../crypto/engines.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { reopenCapture } from "./capture_input.ts";
import { surveyCapture } from "./capture_survey.ts";
import { UnplayableError } from "./errors.ts";
import { FirstPackets } from "./first_packets.ts";
import { HashingSource } from "./hashing_source.ts";
import { needsSurvey } from "./locality.ts";
import { Model } from "./model.ts";
import { RepeatedReader } from "./repeat.ts";
import type { ReplayRequest, Run } from "./request.ts";
import { type PacketCounts, whyUnsealable } from "./warnings.ts";
import type { WorkWatch } from "./work_watch.ts";

export type { CaptureInput, OpenInput } from "./capture_input.ts";
export { UnplayableError } from "./errors.ts";
export type { ReplayRequest, Run } from "./request.ts";

/**
 * Replays one capture.
 *
 * @throws {CaptureError} when the capture cannot be read.
 * @throws {UnplayableError} when it holds nothing that the path can play.
 */
export function replay(request: ReplayRequest): Promise<Run> {
  return replayWatched(request);
}

/** As `replay()`; `work` watches the byte work, which is really done then: packets are encrypted. */
export async function replayWatched(request: ReplayRequest, work?: WorkWatch): Promise<Run> {
  const { input, windowBytes } = request;
  const { config } = request.resolved;
  requireEngine(config);
  const survey = await surveyCapture(input, config, windowBytes, request.associations);
  const opened = await input.open();
  let repeated: RepeatedReader | null = null;
  try {
    const source = new HashingSource(opened);
    const whole = await openCapture(source, input.name, windowBytes);
    const reader = firstOf(whole, request.maxPackets);
    if (config.repeat > 1) {
      repeated = new RepeatedReader(reader, config.repeat, async () => {
        const { reader, close } = await reopenCapture(input, windowBytes);
        return { reader: firstOf(reader, request.maxPackets), close };
      });
    }
    const model = new Model(request, reader, repeated, survey, work);
    await model.drive();
    requirePlayable(input.name, reader, model.player.arrivals, config);
    const isCut = reader instanceof FirstPackets && await reader.hasMore();
    const run = model.finish(await source.sha256());
    const cut = `only the first ${request.maxPackets} packets of the capture were taken`;
    return isCut ? { ...run, warnings: [...run.warnings, cut] } : run;
  } finally {
    opened.close();
    repeated?.close();
  }
}

/** How many times a run of this configuration opens its capture, at least; more than 2 count as 2. */
export function timesOpened(config: Config): number {
  return (needsSurvey(config) ? 1 : 0) + Math.min(config.repeat, 2);
}

/** The first packets of a capture, or all of it. */
function firstOf(reader: CaptureReader, packets: number | undefined): CaptureReader {
  return packets === undefined ? reader : new FirstPackets(reader, packets);
}

/** @throws {ConfigError} if the engine that was asked for cannot run here. */
function requireEngine({ engine, mode }: Config): void {
  const why = engine === "auto" || mode === "none" ? undefined : ENGINES[engine].whyUnavailable();
  if (why === undefined) return;
  throw new ConfigError(`Cannot use engine=${engine}: ${why} (auto and noble need nothing)`);
}

/** A capture with packets, none of which the path can play, is refused. */
function requirePlayable(name: string, reader: CaptureReader, counts: PacketCounts, config: Config): void {
  const read = reader.linkTypes.reduce((sum, link) => sum + link.packets, 0);
  if (read === 0 || counts.packets > 0) return;
  if (!reader.linkTypes.some(({ linkType }) => isLinkTypeFollowed(linkType))) {
    const names = reader.linkTypes.map(({ linkType }) => linkTypeName(linkType)).join(", ");
    throw new UnplayableError(`Cannot replay ${name}: its link type is not understood (${names})`);
  }
  if (counts.oddities.unsealable > 0) {
    throw new UnplayableError(`Cannot replay ${name}: ESP takes none of its packets: ${whyUnsealable(config)}`);
  }
  if (counts.oddities.ignored > 0) {
    const why = config.path === "forward" ? "tunnel=local" : `path=${config.path}`;
    const where = config.path === "receive" ? "is addressed to" : "comes from";
    throw new UnplayableError(`Cannot replay ${name}: none of its packets ${where} our host (${why})`);
  }
  throw new UnplayableError(`Cannot replay ${name}: there is no IP packet in it`);
}
