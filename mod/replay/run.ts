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
import { ConfigError } from "../config/errors.ts";
import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import type { Aead, EngineName } from "../crypto/aead.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";
import { outboundAssociation, SaDirectory } from "../esp/sa_directory.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
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
import { ClearJudge } from "./clear_judge.ts";
import { FrameJudge, type Judge } from "./frame_judge.ts";
import { FirstPackets } from "./first_packets.ts";
import { FrameSink, type FrameWriter } from "./frame_sink.ts";
import type { SaStatistics } from "./sa_statistics.ts";
import { HashingSource } from "./hashing_source.ts";
import { localityOf, needsSurvey, surveyBusiestSender } from "./locality.ts";
import type { PathParts, PlainParts } from "./forward_path.ts";
import { PLAIN_PLAYERS, type PlayedCapture, type Player, PLAYERS } from "./players.ts";
import { surveyReceiver } from "./receiver_survey.ts";
import { type Reopened, RepeatedReader } from "./repeat.ts";
import type { WorkWatch } from "./work_watch.ts";
import { type PacketCounts, replayWarnings, type RunOutcome, whyUnsealable } from "./warnings.ts";

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
  /** Entries of a file of SAs, one at least; absent: the test SA. */
  readonly associations?: readonly SaEntry[] | undefined;
  /** Counts what becomes of the packets of each SA. */
  readonly statistics?: SaStatistics | undefined;
  /** More folds over the ledger. */
  readonly folds?: readonly Fold[];
  /** Looks at buffers on their way; changes nothing. */
  readonly probe?: BufferProbe;
  /** Packets to read at most; absent: all. */
  readonly maxPackets?: number;
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
  /** The security association; holds its key. Undefined without IPsec. */
  readonly sa: SecurityAssociation | undefined;
  /** That of the way back, where there is one. */
  readonly reverseSa: SecurityAssociation | undefined;
  /** Engine that encrypted; undefined when nothing was. */
  readonly engine: EngineName | undefined;
  /** Sums over the ledger. */
  readonly tally: Tally;
  /** Arrivals and departures. */
  readonly delivery: Delivery;
  /** Busy time of each networking CPU in ns. */
  readonly busyNs: readonly number[];
  /** How many of these CPUs, the last ones, are of the receiving host; 0 where there is but one host. */
  readonly peerCpus: number;
  /** Time during which the window of a connection held its sender up, in ns; 0 where there is none. */
  readonly windowClosedNs: number;
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
export function replay(request: ReplayRequest): Promise<Run> {
  return replayWatched(request);
}

/** As `replay()`; `work` watches the byte work, which is really done then: packets are encrypted. */
export async function replayWatched(request: ReplayRequest, work?: WorkWatch): Promise<Run> {
  const { input, windowBytes } = request;
  const { config } = request.resolved;
  requireEngine(config);
  const survey = needsSurvey(config) ? await surveyInput(input, config, windowBytes, request.associations) : NO_SURVEY;
  const opened = await input.open();
  let repeated: RepeatedReader | null = null;
  try {
    const source = new HashingSource(opened);
    const whole = await openCapture(source, input.name, windowBytes);
    const reader = firstOf(whole, request.maxPackets);
    if (config.repeat > 1) {
      repeated = new RepeatedReader(reader, config.repeat, async () => {
        const { reader, close } = await reopen(input, windowBytes);
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

/** @throws {ConfigError} if the engine that was asked for cannot run here. */
function requireEngine({ engine, mode }: Config): void {
  const why = engine === "auto" || mode === "none" ? undefined : ENGINES[engine].whyUnavailable();
  if (why === undefined) return;
  throw new ConfigError(`Cannot use engine=${engine}: ${why} (auto and noble need nothing)`);
}

/** The SA that packets are sealed under where no file has others; undefined without IPsec. */
export function testAssociation(config: Config, isReverse = false): SecurityAssociation | undefined {
  const { mode } = config;
  return mode === "none" ? undefined : testSecurityAssociation({ ...config, mode, isReverse });
}

/** The SA of the way back; undefined on a path without one, and without IPsec. */
export function reverseAssociation(config: Config): SecurityAssociation | undefined {
  return config.path === "host-to-host" ? testAssociation(config, true) : undefined;
}

/** What is known of a capture before it is played. */
interface Survey {
  /** Address of our host with `local=auto`; undefined when nobody knows. */
  readonly local: string | undefined;
  readonly hasEsp: boolean;
  /** Some of it comes in UDP. */
  readonly hasEncapsulated: boolean;
}

const NO_SURVEY: Survey = { local: undefined, hasEsp: false, hasEncapsulated: false };

async function surveyInput(
  input: CaptureInput,
  { path, encap }: Config,
  windowBytes?: number,
  associations?: readonly SaEntry[],
): Promise<Survey> {
  const { reader, close } = await reopen(input, windowBytes);
  try {
    if (path !== "receive") return { ...NO_SURVEY, local: await surveyBusiestSender(reader) };
    const { hasEsp, hasEncapsulated, busiestReceiver } = await surveyReceiver(reader, encap, associations);
    return { local: busiestReceiver, hasEsp, hasEncapsulated };
  } finally {
    close();
  }
}

/** The first packets of a capture, or all of it. */
function firstOf(reader: CaptureReader, packets: number | undefined): CaptureReader {
  return packets === undefined ? reader : new FirstPackets(reader, packets);
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
  readonly #sa: SecurityAssociation | undefined;
  readonly #reverseSa: SecurityAssociation | undefined;
  readonly #engineName: EngineName | undefined;
  readonly #sink: FrameSink | null;

  /** `repeated` reads the same capture as `reader`, several times; null for once. */
  constructor(
    readonly request: ReplayRequest,
    readonly reader: CaptureReader,
    readonly repeated: RepeatedReader | null,
    readonly survey: Survey,
    work: WorkWatch | undefined,
  ) {
    const { associations, statistics } = request;
    const isOfFile = associations !== undefined && survey.hasEsp;
    // The socket of encapsulated ESP is open where such packets come, and what GRO does about it follows.
    const config: Config = isOfFile && survey.hasEncapsulated
      ? { ...request.resolved.config, encap: "udp" }
      : request.resolved.config;
    const { frames = null, check = false, folds = [], probe = null, poison = false } = request;
    const statisticsFolds = statistics === undefined ? [] : [statistics];
    const price = priceOf(request.profile);
    this.#ledger = new Ledger(work?.priced(price) ?? price, [
      this.#tally,
      this.#delivery,
      ...statisticsFolds,
      ...folds,
    ]);
    this.#sa = associations === undefined || isOfFile || config.mode === "none"
      ? testAssociation(config)
      : outboundAssociation(associations, config.seed, config.mode);
    this.#reverseSa = reverseAssociation(config);
    this.#engineName = this.#nameEngine(config, frames !== null || check || survey.hasEsp || work !== undefined);
    this.#sink = frames !== null || check
      ? new FrameSink(() => reader.t0EpochNs ?? 0n, frames, check ? this.#judgesOf(config) : [])
      : null;
    const parts: PlainParts = {
      config,
      engine: this.#engine,
      ledger: this.#ledger,
      tap: this.#sink === null ? null : (skb: Skb, tNs: number) => this.#sink!.take(this.player.host.skbs, skb, tNs),
      wireTap: this.#sink === null
        ? null
        : (bytes: Uint8Array, length: number, tNs: number) => this.#sink!.takeFrame(bytes, length, tNs),
      probe,
      poison,
    };
    const capture: PlayedCapture = {
      reader: repeated ?? reader,
      name: request.input.name,
      // Who has the keys is whom they are for.
      isLocal: isOfFile && config.local === "auto" ? () => true : localityOf(config, survey.local),
      hasEsp: survey.hasEsp,
      pass: repeated === null ? null : () => repeated.pass,
    };
    this.player = this.#sa === undefined
      ? PLAIN_PLAYERS[config.path](parts, capture)
      : PLAYERS[config.path](this.#withEsp(parts, this.#sa, isOfFile ? associations : undefined), capture);
    for (const { skbs: { memory } } of [this.player.host, this.player.peer ?? []].flat()) {
      memory.watch = work?.watch(memory) ?? null;
    }
  }

  /** Runs until everything that arrived has left, reading the capture as it goes. */
  async drive(): Promise<void> {
    this.#engine.paused = true;
    const reader = this.repeated ?? this.reader;
    while (this.#engine.paused || !this.#engine.run()) this.player.traffic.resume(await reader.fill());
  }

  /** Who encrypts; undefined when nobody looks, or there is nothing to encrypt. */
  #nameEngine({ mode, engine }: Config, isLookedAt: boolean): EngineName | undefined {
    if (mode === "none") return undefined;
    return engine === "auto" ? (isLookedAt ? fastestEngine() : undefined) : engine;
  }

  /** Who looks at what is sent: one for each SA, or at clear frames. */
  #judgesOf({ path, mode, mtu }: Config): Judge[] {
    if (mode === "none") return [new ClearJudge(mtu, path === "send" || path === "host-to-host")];
    const name = this.#engineName;
    if (path === "receive" || name === undefined || name === "skip") return [];
    return [this.#sa, this.#reverseSa].flatMap((sa) => {
      return sa === undefined ? [] : [new FrameJudge(sa, sa.aead(ENGINES[name]))];
    });
  }

  /** `parts` with what seals and opens; `associations` are those of a file that the capture's ESP is of. */
  #withEsp(parts: PlainParts, sa: SecurityAssociation, associations: readonly SaEntry[] | undefined): PathParts {
    const { config } = parts;
    const { statistics, resolved: { provenance } } = this.request;
    const opener = config.engine === "skip" ? null : sa.aead(ENGINES[this.#engineName ?? fastestEngine()]);
    const directory = associations !== undefined && opener !== null
      ? new SaDirectory(associations, ENGINES[this.#engineName!], {
        seed: config.seed,
        windowSize: config.replay_window,
        isWindowChosen: !/^(default|preset )/.test(provenance.replay_window),
      })
      : undefined;
    const reverse = this.#reverseSa;
    const back = reverse === undefined ? {} : { reverse: { sa: reverse, aead: this.#aeadOf(reverse) } };
    return { ...parts, sa, aead: this.#aeadOf(sa), opener, directory, statistics, ...back };
  }

  /** What encrypts under `sa`; null when nobody looks. */
  #aeadOf(sa: SecurityAssociation): Aead | null {
    return this.#engineName === undefined ? null : sa.aead(ENGINES[this.#engineName]);
  }

  #outcome(): RunOutcome {
    const dropped = (reason: number): number => this.#tally.sum({ event: "drop", reason }).count;
    const [tooLarge, sentBefore] = [dropped(REASON.pmtu), dropped(REASON.capturedAgain)];
    return { delivery: this.#delivery, tooLarge, sentBefore, hasAssociations: this.request.associations !== undefined };
  }

  /**
   * A receiver must open what was sealed for it here. What comes from another host of the run was judged there: a receiver of
   * extended sequence numbers takes one behind its window for one of the next round, and finds its ICV wrong.
   */
  #rejected(): string[] {
    if (this.request.resolved.config.path !== "receive") return [];
    const { rows } = this.#tally.sum({ event: "reject", reason: REASON.wrongIcv });
    return rows === 0 || this.survey.hasEsp ? [] : [`${rows} ESP packets cannot be opened again: their ICV is wrong`];
  }

  finish(captureSha256: string): Run {
    const { resolved, profile, check = false, input } = this.request;
    const { host, peer, windowClosedNs } = this.player;
    this.player.release();
    this.#ledger.finish();
    this.#sink?.finish();
    const peerCpus = peer?.cpus.all ?? [];
    const cpus = [...host.cpus.all, ...peerCpus];
    const elapsedNs = Math.max(this.#delivery.lastSendNs, ...cpus.map(({ nowNs }) => nowNs));
    const busyPs = cpus.map((cpu) => cpu.busyNs * PS_PER_NS + cpu.busyPs);
    const broken = brokenLaws(this.#tally, {
      heldPackets: this.player.heldPackets(),
      queuedPackets: this.player.queuedPackets(),
      busyPs,
      elapsedNs: elapsedNs + 1,
      liveBlocks: host.skbs.memory.live + (peer?.skbs.memory.live ?? 0),
    }).map((law) => `the model broke a law, ${law}`);
    const failures = [...broken, ...this.#sink?.failures ?? [], ...this.#rejected()];
    return {
      captureName: input.name,
      captureSha256,
      t0EpochNs: this.reader.t0EpochNs,
      resolved,
      profile,
      sa: this.#sa,
      reverseSa: this.#reverseSa,
      engine: this.#engineName,
      tally: this.#tally,
      delivery: this.#delivery,
      busyNs: busyPs.map((ps) => ps / PS_PER_NS),
      peerCpus: peerCpus.length,
      windowClosedNs: windowClosedNs?.() ?? 0,
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
