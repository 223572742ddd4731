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

import { type ByteSource, type CaptureReader, linkTypeName, openCapture } from "../capture/mod.ts";
import type { ResolvedConfig } from "../config/resolve.ts";
import type { Config } from "../config/schema.ts";
import { priceOf, type Profile } from "../cost/profile.ts";
import { ENGINES } from "../crypto/engines.ts";
import type { EngineName } from "../crypto/aead.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";
import { Delivery } from "../ledger/delivery.ts";
import { brokenLaws } from "../ledger/laws.ts";
import { type Fold, Ledger } from "../ledger/ledger.ts";
import { REASON } from "../ledger/schema.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { Tally } from "../ledger/tally.ts";
import { Engine } from "../sim/engine.ts";
import type { Skb } from "../skb/skb.ts";
import type { BufferProbe } from "../stages/host.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { UnplayableError } from "./errors.ts";
import { FrameSink, type FrameWriter } from "./frame_sink.ts";
import { HashingSource } from "./hashing_source.ts";
import { localityOf, needsSurvey, surveyBusiestSender } from "./locality.ts";
import { type Player, PLAYERS } from "./players.ts";
import { surveyReceiver } from "./receiver_survey.ts";
import { type Reopened, RepeatedReader } from "./repeat.ts";
import { type PacketCounts, replayWarnings, type RunOutcome } from "./warnings.ts";

export { UnplayableError } from "./errors.ts";

/** A byte source that holds something open. */
export interface OpenInput extends ByteSource {
  /** Lets go of it. */
  close(): void;
}

/** A capture that can be opened; more than once where a run needs that. */
export interface CaptureInput {
  /** File name without folders, or `stdin`. */
  readonly name: string;
  /** Opens it from its start; throws CaptureError when that fails. */
  open(): Promise<OpenInput>;
}

/** What to run. */
export interface ReplayRequest {
  /** The capture. */
  readonly input: CaptureInput;
  /** The configuration. */
  readonly resolved: ResolvedConfig;
  /** What events cost. */
  readonly profile: Profile;
  /** Takes the frames that NIC 1 sends, when somebody wants them. */
  readonly frames?: FrameWriter;
  /** Open every ESP packet again and hold the laws against the ledger. */
  readonly check?: boolean;
  /** More folds over the ledger. */
  readonly folds?: readonly Fold[];
  /** Looks at buffers on their way; changes nothing. */
  readonly probe?: BufferProbe;
  /** Poison freed memory (tests). */
  readonly poison?: boolean;
  /** Size of the window through which the capture is read (tests: the run does not depend on it). */
  readonly windowBytes?: number;
}

/** What came out of a run. */
export interface Run {
  /** File name of the capture without folders. */
  readonly captureName: string;
  /** SHA-256 of the whole file, in hexadecimal. */
  readonly captureSha256: string;
  /** Stamp of the first packet in ns since 1970-01-01 UTC; undefined when there is none. */
  readonly t0EpochNs: bigint | undefined;
  /** The configuration that was run. */
  readonly resolved: ResolvedConfig;
  /** The prices that were used. */
  readonly profile: Profile;
  /** The security association; holds its key. */
  readonly sa: SecurityAssociation;
  /** Engine that encrypted; undefined when nothing was. */
  readonly engine: EngineName | undefined;
  /** Sums over the ledger. */
  readonly tally: Tally;
  /** Arrivals and departures. */
  readonly delivery: Delivery;
  /** Busy time of each networking CPU in ns. */
  readonly busyNs: readonly number[];
  /** From the first arrival to the last bit out or the end of the last CPU's work, whichever is later, in ns. */
  readonly elapsedNs: number;
  /** What the user should know besides the figures, one sentence each. */
  readonly warnings: readonly string[];
  /** What `check` found wrong, one sentence each. */
  readonly failures: readonly string[];
}

/**
 * Replays one capture.
 *
 * @throws {CaptureError} when the capture cannot be read.
 * @throws {UnplayableError} when it holds nothing that the path can play.
 */
export async function replay(request: ReplayRequest): Promise<Run> {
  const { input, windowBytes } = request;
  const { config } = request.resolved;
  const survey = needsSurvey(config) ? await surveyInput(input, config) : NO_SURVEY;
  const opened = await input.open();
  let repeated: RepeatedReader | null = null;
  try {
    const source = new HashingSource(opened);
    const reader = await openCapture(source, input.name, windowBytes);
    if (config.repeat > 1) repeated = new RepeatedReader(reader, config.repeat, () => reopen(input, windowBytes));
    const model = new Model(request, reader, repeated, survey);
    await model.drive();
    requirePlayable(input.name, reader, model.player.arrivals, config);
    return model.finish(await source.sha256());
  } finally {
    opened.close();
    repeated?.close();
  }
}

/** How many times a run of this configuration opens its capture, at least; more than 2 count as 2. */
export function timesOpened(config: Config): number {
  return (needsSurvey(config) ? 1 : 0) + Math.min(config.repeat, 2);
}

/** What is known of a capture before it is played. */
interface Survey {
  /** Address of our host with `local=auto`; undefined when nobody knows. */
  readonly local: string | undefined;
  readonly hasEsp: boolean;
}

const NO_SURVEY: Survey = { local: undefined, hasEsp: false };

async function surveyInput(input: CaptureInput, { path }: Config): Promise<Survey> {
  const { reader, close } = await reopen(input);
  try {
    if (path !== "receive") return { ...NO_SURVEY, local: await surveyBusiestSender(reader) };
    const { hasEsp, busiestReceiver } = await surveyReceiver(reader);
    return { local: busiestReceiver, hasEsp };
  } finally {
    close();
  }
}

async function reopen(input: CaptureInput, windowBytes?: number): Promise<Reopened> {
  const opened = await input.open();
  const close = (): void => opened.close();
  try {
    return { reader: await openCapture(opened, input.name, windowBytes), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** Everything that one run is made of. */
class Model {
  readonly player: Player;
  readonly #engine = new Engine();
  readonly #tally = new Tally();
  readonly #delivery = new Delivery();
  readonly #ledger: Ledger;
  readonly #sa: SecurityAssociation;
  readonly #engineName: EngineName | undefined;
  readonly #sink: FrameSink | null;

  /** `repeated` reads the same capture as `reader`, several times; null for once. */
  constructor(
    readonly request: ReplayRequest,
    readonly reader: CaptureReader,
    readonly repeated: RepeatedReader | null,
    survey: Survey,
  ) {
    const { config } = request.resolved;
    const { frames = null, check = false, folds = [], probe = null, poison = false } = request;
    this.#ledger = new Ledger(priceOf(request.profile), [this.#tally, this.#delivery, ...folds]);
    this.#sa = testSecurityAssociation(config);
    const looked = frames !== null || check;
    this.#engineName = config.engine === "auto" ? (looked ? "noble" : undefined) : config.engine;
    const aead = this.#engineName === undefined ? null : this.#sa.aead(ENGINES[this.#engineName]);
    const opener = config.engine === "skip" ? null : this.#sa.aead(ENGINES[this.#engineName ?? "noble"]);
    const isSealed = config.path !== "receive";
    const judge = check && aead !== null && this.#engineName !== "skip" && isSealed ? aead : null;
    this.#sink = looked ? new FrameSink(() => reader.t0EpochNs ?? 0n, frames, judge, this.#sa) : null;
    const parts = {
      config,
      engine: this.#engine,
      ledger: this.#ledger,
      sa: this.#sa,
      aead,
      opener,
      tap: this.#sink === null ? null : (skb: Skb, tNs: number) => this.#sink!.take(this.player.host.skbs, skb, tNs),
      probe,
      poison,
    };
    this.player = PLAYERS[config.path](parts, {
      reader: repeated ?? reader,
      name: request.input.name,
      isLocal: localityOf(config, survey.local),
      hasEsp: survey.hasEsp,
      pass: repeated === null ? null : () => repeated.pass,
    });
  }

  /** Runs until everything that arrived has left, reading the capture as it goes. */
  async drive(): Promise<void> {
    this.#engine.paused = true;
    const reader = this.repeated ?? this.reader;
    while (this.#engine.paused || !this.#engine.run()) this.player.traffic.resume(await reader.fill());
  }

  #outcome(): RunOutcome {
    const tooLarge = this.#tally.sum({ event: "drop", reason: REASON.pmtu }).count;
    return { delivery: this.#delivery, tooLarge };
  }

  finish(captureSha256: string): Run {
    const { resolved, profile, check = false, input } = this.request;
    const { host } = this.player;
    this.player.release();
    this.#ledger.finish();
    this.#sink?.finish();
    const elapsedNs = Math.max(this.#delivery.lastSendNs, host.cpu.nowNs);
    const busyPs = host.cpu.busyNs * PS_PER_NS + host.cpu.busyPs;
    const broken = brokenLaws(this.#tally, {
      heldPackets: this.player.heldPackets(),
      queuedPackets: this.player.queuedPackets(),
      busyPs,
      elapsedNs: elapsedNs + 1,
      cpus: 1,
      liveBlocks: host.skbs.memory.live,
    }).map((law) => `the model broke a law, ${law}`);
    const failures = [...broken, ...this.#sink?.failures ?? []];
    return {
      captureName: input.name,
      captureSha256,
      t0EpochNs: this.reader.t0EpochNs,
      resolved,
      profile,
      sa: this.#sa,
      engine: this.#engineName,
      tally: this.#tally,
      delivery: this.#delivery,
      busyNs: [busyPs / PS_PER_NS],
      elapsedNs,
      warnings: replayWarnings(this.reader, this.player.arrivals, this.#outcome(), resolved, check ? [] : broken),
      failures,
    };
  }
}

/** A capture with packets, none of which the path can play, is refused. */
function requirePlayable(name: string, reader: CaptureReader, counts: PacketCounts, config: Config): void {
  const read = reader.linkTypes.reduce((sum, link) => sum + link.packets, 0);
  if (read === 0 || counts.packets > 0) return;
  if (!reader.linkTypes.some(({ linkType }) => isLinkTypeFollowed(linkType))) {
    const names = reader.linkTypes.map(({ linkType }) => linkTypeName(linkType)).join(", ");
    throw new UnplayableError(`Cannot replay ${name}: its link type is not understood (${names})`);
  }
  if (counts.oddities.ignored > 0) {
    const why = config.path === "forward" ? "tunnel=local" : `path=${config.path}`;
    const where = config.path === "receive" ? "is addressed to" : "comes from";
    throw new UnplayableError(`Cannot replay ${name}: none of its packets ${where} our host (${why})`);
  }
  throw new UnplayableError(`Cannot replay ${name}: there is no IP packet in it`);
}
