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
import { priceOf, type Profile } from "../cost/profile.ts";
import { ENGINES } from "../crypto/engines.ts";
import type { EngineName } from "../crypto/aead.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";
import { Delivery } from "../ledger/delivery.ts";
import { brokenLaws } from "../ledger/laws.ts";
import { type Fold, Ledger } from "../ledger/ledger.ts";
import { PS_PER_NS } from "../ledger/units.ts";
import { Tally } from "../ledger/tally.ts";
import { Engine } from "../sim/engine.ts";
import type { BufferProbe } from "../stages/host.ts";
import { isLinkTypeFollowed } from "../wire/link_layer.ts";
import { buildForwardPath, type ForwardPath } from "./forward_path.ts";
import { FrameSink, type FrameWriter } from "./frame_sink.ts";
import { HashingSource } from "./hashing_source.ts";
import { localityOf, needsSurvey, surveyBusiestSender } from "./locality.ts";
import { Traffic } from "./traffic.ts";
import { replayWarnings } from "./warnings.ts";

/** The capture can be read, but the path can play nothing of it. */
export class UnplayableError extends Error {
  /** Name of the class. */
  override name = "UnplayableError";
}

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
  const { input } = request;
  const { config } = request.resolved;
  const survey = needsSurvey(config) ? await surveyInput(input) : undefined;
  const opened = await input.open();
  try {
    const source = new HashingSource(opened);
    const reader = await openCapture(source, input.name);
    const model = new Model(request, reader, survey);
    await model.drive();
    requirePlayable(input.name, reader, model.traffic);
    return model.finish(await source.sha256());
  } finally {
    opened.close();
  }

  async function surveyInput(input: CaptureInput): Promise<number | undefined> {
    const opened = await input.open();
    try {
      return await surveyBusiestSender(await openCapture(opened, input.name));
    } finally {
      opened.close();
    }
  }
}

/** Everything that one run is made of. */
class Model {
  readonly traffic: Traffic;
  readonly #engine = new Engine();
  readonly #tally = new Tally();
  readonly #delivery = new Delivery();
  readonly #ledger: Ledger;
  readonly #path: ForwardPath;
  readonly #sa: SecurityAssociation;
  readonly #engineName: EngineName | undefined;
  readonly #sink: FrameSink | null;

  constructor(readonly request: ReplayRequest, readonly reader: CaptureReader, survey: number | undefined) {
    const { config } = request.resolved;
    const { frames = null, check = false, folds = [], probe = null, poison = false } = request;
    this.#ledger = new Ledger(priceOf(request.profile), [this.#tally, this.#delivery, ...folds]);
    this.#sa = testSecurityAssociation(config.seed);
    const looked = frames !== null || check;
    this.#engineName = config.engine === "auto" ? (looked ? "noble" : undefined) : config.engine;
    const aead = this.#engineName === undefined ? null : this.#sa.aead(ENGINES[this.#engineName]);
    const judge = check && aead !== null && this.#engineName !== "skip" ? aead : null;
    this.#sink = looked ? new FrameSink(() => reader.t0EpochNs ?? 0n, frames, judge, this.#sa) : null;
    this.#path = buildForwardPath({
      config,
      engine: this.#engine,
      ledger: this.#ledger,
      sa: this.#sa,
      aead,
      tap: this.#sink === null ? null : (skb, tNs) => this.#sink!.take(this.#path.host.skbs, skb, tNs),
      probe,
      poison,
    });
    const { host, ring } = this.#path;
    const ports = { engine: this.#engine, ledger: this.#ledger, memory: host.skbs.memory, ring, gate: host.gate };
    this.traffic = new Traffic(reader, ports, {
      isLocal: localityOf(config, survey),
      mtu: config.mtu,
      verifyChecksums: config.gro === "on" && config.nic_rx_csum === "on",
    });
  }

  /** Runs until everything that arrived has left, reading the capture as it goes. */
  async drive(): Promise<void> {
    this.#engine.paused = true;
    while (this.#engine.paused || !this.#engine.run()) this.traffic.resume(await this.reader.fill());
  }

  finish(captureSha256: string): Run {
    const { resolved, profile, check = false, input } = this.request;
    const { host, gro, qdisc, ring } = this.#path;
    this.#path.release();
    this.#ledger.finish();
    this.#sink?.finish();
    const elapsedNs = Math.max(this.#delivery.lastSendNs, host.cpu.nowNs);
    const busyPs = host.cpu.busyNs * PS_PER_NS + host.cpu.busyPs;
    const broken = brokenLaws(this.#tally, {
      heldPackets: gro.heldPackets + ring.length + qdisc.length,
      queuedPackets: qdisc.length,
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
      warnings: replayWarnings(this.reader, this.traffic, this.#delivery, resolved, check ? [] : broken),
      failures,
    };
  }
}

/** A capture with packets, none of which the path can play, is refused. */
function requirePlayable(name: string, reader: CaptureReader, traffic: Traffic): void {
  const read = reader.linkTypes.reduce((sum, link) => sum + link.packets, 0);
  if (read === 0 || traffic.packets > 0) return;
  if (!reader.linkTypes.some(({ linkType }) => isLinkTypeFollowed(linkType))) {
    const names = reader.linkTypes.map(({ linkType }) => linkTypeName(linkType)).join(", ");
    throw new UnplayableError(`Cannot replay ${name}: its link type is not understood (${names})`);
  }
  if (traffic.oddities.ignored > 0) {
    throw new UnplayableError(`Cannot replay ${name}: none of its packets comes from our host (tunnel=local)`);
  }
  const { ipv6 } = traffic.oddities;
  const why = ipv6 > 0 ? ` (it holds ${ipv6} IPv6 packets)` : "";
  throw new UnplayableError(`Cannot replay ${name}: there is no IPv4 packet in it${why}`);
}
