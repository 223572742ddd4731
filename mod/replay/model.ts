/**
 * Everything that one run is made of, put together from its request: ledger, associations, who looks at what is sent, and the
 * hosts that play (`players.ts`).
 *
 * ```ts
 * const model = new Model(request, reader, null, survey, undefined);
 * await model.drive();
 * const run = model.finish(sha256);
 * ```
 *
 * @module
 */

import type { CaptureReader } from "../capture/mod.ts";
import type { Config } from "../config/schema.ts";
import { priceOf } from "../cost/profile.ts";
import type { Aead, EngineName } from "../crypto/aead.ts";
import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { outboundAssociation, SaDirectory } from "../esp/sa_directory.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
import { Delivery } from "../ledger/delivery.ts";
import { brokenLaws } from "../ledger/laws.ts";
import { Ledger } from "../ledger/ledger.ts";
import { REASON } from "../ledger/schema.ts";
import { Tally } from "../ledger/tally.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { Engine } from "../sim/engine.ts";
import type { Skb } from "../skb/skb.ts";
import { reverseAssociation, testAssociation } from "./associations.ts";
import type { Survey } from "./capture_survey.ts";
import { ClearJudge } from "./clear_judge.ts";
import type { PathParts, PlainParts } from "./forward_path.ts";
import { FrameJudge, type Judge } from "./frame_judge.ts";
import { FrameSink } from "./frame_sink.ts";
import { localityOf } from "./locality.ts";
import { PLAIN_PLAYERS, type PlayedCapture, type Player, PLAYERS } from "./players.ts";
import type { RepeatedReader } from "./repeat.ts";
import type { ReplayRequest, Run } from "./request.ts";
import { replayWarnings, type RunOutcome } from "./warnings.ts";
import type { WorkWatch } from "./work_watch.ts";

/** One run, from its request to its result. */
export class Model {
  /** The hosts, and what comes in. */
  readonly player: Player;
  readonly #engine = new Engine();
  readonly #tally = new Tally();
  readonly #delivery = new Delivery();
  readonly #ledger: Ledger;
  readonly #sa: SecurityAssociation | undefined;
  readonly #reverseSa: SecurityAssociation | undefined;
  readonly #engineName: EngineName | undefined;
  readonly #sink: FrameSink | null;
  /** The associations of a file, where the capture's ESP is of them. */
  readonly #fileAssociations: readonly SaEntry[] | undefined;

  /**
   * `repeated` reads the same capture as `reader`, several times; null for once. `work` watches the byte work, which is really
   * done then.
   */
  constructor(
    readonly request: ReplayRequest,
    readonly reader: CaptureReader,
    readonly repeated: RepeatedReader | null,
    readonly survey: Survey,
    work: WorkWatch | undefined,
  ) {
    const { associations, frames = null, check = false } = request;
    this.#fileAssociations = survey.hasEsp ? associations : undefined;
    const config = this.#configOf();
    this.#ledger = this.#ledgerOf(work);
    this.#sa = associations === undefined || this.#fileAssociations !== undefined || config.mode === "none"
      ? testAssociation(config)
      : outboundAssociation(associations, config.seed, config.mode);
    this.#reverseSa = reverseAssociation(config);
    this.#engineName = nameEngine(config, frames !== null || check || survey.hasEsp || work !== undefined);
    this.#sink = frames !== null || check
      ? new FrameSink(() => reader.t0EpochNs ?? 0n, frames, check ? this.#judgesOf(config) : [])
      : null;
    const [parts, capture] = [this.#partsOf(config), this.#captureOf(config)];
    this.player = this.#sa === undefined
      ? PLAIN_PLAYERS[config.path](parts, capture)
      : PLAYERS[config.path](this.#withEsp(parts, this.#sa), capture);
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

  /** The socket of encapsulated ESP is open where such packets come, and what GRO does about it follows. */
  #configOf(): Config {
    const { config } = this.request.resolved;
    const isEncapsulated = this.#fileAssociations !== undefined && this.survey.hasEncapsulated;
    return isEncapsulated ? { ...config, encap: "udp" } : config;
  }

  #ledgerOf(work: WorkWatch | undefined): Ledger {
    const { profile, statistics, folds = [] } = this.request;
    const price = priceOf(profile);
    const statisticsFolds = statistics === undefined ? [] : [statistics];
    return new Ledger(work?.priced(price) ?? price, [this.#tally, this.#delivery, ...statisticsFolds, ...folds]);
  }

  #partsOf(config: Config): PlainParts {
    const { probe = null, poison = false } = this.request;
    const sink = this.#sink;
    return {
      config,
      engine: this.#engine,
      ledger: this.#ledger,
      tap: sink === null ? null : (skb: Skb, tNs: number) => sink.take(this.player.host.skbs, skb, tNs),
      wireTap: sink === null
        ? null
        : (bytes: Uint8Array, length: number, tNs: number) => sink.takeFrame(bytes, length, tNs),
      probe,
      poison,
    };
  }

  #captureOf(config: Config): PlayedCapture {
    const { reader, repeated, survey, request } = this;
    return {
      reader: repeated ?? reader,
      name: request.input.name,
      // Who has the keys is whom they are for.
      isLocal: this.#fileAssociations !== undefined && config.local === "auto"
        ? () => true
        : localityOf(config, survey.local),
      hasEsp: survey.hasEsp,
      pass: repeated === null ? null : () => repeated.pass,
    };
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

  /** `parts` with what seals and opens. */
  #withEsp(parts: PlainParts, sa: SecurityAssociation): PathParts {
    const { config } = parts;
    const associations = this.#fileAssociations;
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

  /** Lets go of all buffers, and says what came out. */
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

/** Who encrypts; undefined when nobody looks, or there is nothing to encrypt. */
function nameEngine({ mode, engine }: Config, isLookedAt: boolean): EngineName | undefined {
  if (mode === "none") return undefined;
  return engine === "auto" ? (isLookedAt ? fastestEngine() : undefined) : engine;
}
