/**
 * The frames that ESP made: each recorded skb goes through `stages/esp_output.ts` or `stages/esp_xmit.ts` with the recorded
 * inner packet, sequence number and IV in it, and must leave as the frame in `output.pcap`, to the byte, and in the shape in
 * which the driver got it (`expected_tx.csv`).
 *
 * What a run cannot repeat is masked, see {@linkcode MASKS}.
 *
 * @module
 */

import { ENGINES } from "../crypto/engines.ts";
import { headerBytes as espHeaderRoom } from "../esp/arithmetic.ts";
import { REASON } from "../ledger/schema.ts";
import { push } from "../skb/head_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { EspOutput } from "../stages/esp_output.ts";
import { EspTransform } from "../stages/esp_transform.ts";
import { EspXmit } from "../stages/esp_xmit.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { differenceOf } from "./bytes.ts";
import type { Comparison } from "./comparison.ts";
import { espOutputShape, espOutputTable } from "./esp_output_rows.ts";
import { fillBytes, rebuild } from "./layout.ts";
import type { LeftOutReason } from "./left_out.ts";
import { isIdentOf, isOpened, type OpenedFrame, openFrames } from "./opened_frames.ts";
import type { RecordedAssociation } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import { type ResultRow, skbRow } from "./skb_row.ts";
import { StageHost } from "./stage_host.ts";
import type { TableRow } from "./table.ts";

/** Fields that are not compared in a frame, and why. */
export const MASKS = {
  outerId:
    "the id of an outer IPv4 header: without DF, and with it where a local socket lets its packets be fragmented " +
    "(skb->ignore_df), it counts what the host has sent before; behind layer-2 GSO it counts the segments",
} as const;

const FRAMES = "output.pcap";
const TX = "expected_tx.csv";

/** Compares all frames, and the shapes in which the driver got them. */
export function compareSealedFrames(recording: Recording, comparison: Comparison): void {
  const { path, sa } = recording.scenario;
  if (sa === undefined || (path !== "forward" && path !== "send")) return;
  const sent = new SentRows(recording, comparison);
  const frames = openFrames(recording);
  const rows = matchRows(recording, frames.filter(isOpened));
  const sealer = new Sealer(recording);
  for (const frame of frames) {
    const row = isOpened(frame) ? rows.get(frame) : undefined;
    const reason = isOpened(frame) ? whyLeftOut(recording, row) : frame.leftOut;
    if (reason !== undefined) {
      comparison.leaveOut(FRAMES, reason, 1);
      sent.leaveOut(frame.index, reason);
    } else if (!isOpened(frame)) {
      comparison.value(FRAMES, frame.index, "ICV", frame.failure, "good");
      sent.leaveOut(frame.index, "notEsp");
    } else {
      const skb = sealer.seal(frame, row!);
      comparison.value(
        FRAMES,
        frame.index,
        "bytes",
        ...asText(sealer.bytesOf(skb), frame, isIdMasked(frame, row!, recording)),
      );
      if (recording.scenario.nic_sg === "off") sent.leaveOut(frame.index, "scatterGather");
      else sent.compare(frame.index, sealer.rowOf(skb));
      sealer.free();
    }
  }
  sealer.finish(comparison);
}

function whyLeftOut({ scenario }: Recording, row: TableRow | undefined): LeftOutReason | undefined {
  if (scenario.tfc_pad !== undefined) return "tfc";
  if (scenario.dont_encap_dscp === true) return "headerFlags";
  if (scenario.sa!.some(({ flags = [] }) => flags.some((flag) => flag === "noecn" || flag === "nopmtudisc"))) {
    return "headerFlags";
  }
  return row === undefined ? "noRow" : undefined;
}

/** Which row of `expected.csv` each frame was: the first that fits, in the order of sequence numbers. */
function matchRows(recording: Recording, frames: readonly OpenedFrame[]): Map<OpenedFrame, TableRow> {
  const rows = [...espOutputTable(recording)?.rows ?? []];
  const found = new Map<OpenedFrame, TableRow>();
  for (const frame of frames.toSorted((a, b) => a.sequence - b.sequence)) {
    const protectedBytes = frame.inner.length - frame.headersBytes;
    const at = rows.findIndex((row) => {
      return row.integer("len") === protectedBytes && isIdentOf(frame, row.text("inner"));
    });
    if (at !== -1) found.set(frame, rows.splice(at, 1)[0]!);
  }
  return found;
}

/** Whether {@linkcode MASKS} has the id of this frame. */
function isIdMasked({ packet, sa }: OpenedFrame, row: TableRow, { scenario }: Recording): boolean {
  if (sa.mode !== "tunnel" || sa.outerVersion !== 4) return false;
  const isDatagram = row.text("inner").includes("udp");
  return !ipv4.dontFragment(packet, 0) || isLayer2(row) || (scenario.path === "send" && isDatagram);
}

function isLayer2(row: TableRow): boolean {
  return row.text("via").endsWith("_xmit");
}

/** Both packets as text, the model's with the recorded outer id where that is masked. */
function asText(ours: Uint8Array, { packet }: OpenedFrame, idMasked: boolean): [string, string] {
  if (idMasked && ours.length >= ipv4.HEADER_BYTES) {
    ipv4.setId(ours, 0, ipv4.id(packet, 0));
    ipv4.writeHeaderChecksum(ours, 0);
  }
  const recorded = packet.subarray(0, Math.max(ours.length, ip.totalBytes(packet, 0)));
  return differenceOf(ours, recorded);
}

/** What seals under one association. */
interface Line {
  readonly encap: EspEncap;
  readonly transform: EspTransform;
  readonly output: EspOutput;
  readonly xmit: EspXmit;
}

/** Drives single buffers through ESP output. */
class Sealer {
  readonly #stages: StageHost;
  readonly #lines = new Map<RecordedAssociation, Line>();
  #sealed: Skb | null = null;
  #twins: readonly Skb[] = [];

  constructor(recording: Recording) {
    this.#stages = new StageHost(recording.scenario);
  }

  /** The frame of `row` with what was inside `frame`; it is freed by `free()`. Its data begins at the Ethernet header. */
  seal(frame: OpenedFrame, row: TableRow): Skb {
    const { skbs } = this.#stages.host;
    const shape = espOutputShape(row);
    const { headersBytes } = frame;
    const own = { ...shape, headroom: shape.headroom - headersBytes, headlen: shape.headlen + headersBytes };
    if (own.headroom < espHeaderRoom(frame.sa.mode, frame.sa.outerVersion, frame.sa.ivBytes) + ETH_HLEN) {
      throw row.error("it has no room for the headers of ESP and Ethernet", "headroom");
    }
    const { skb, twins } = rebuild(skbs, own);
    fillBytes(skbs, skb, frame.inner);
    skb.networkHeader = skb.data;
    frame.sa.useIv(frame.sequence, frame.iv);
    frame.sa.resumeAfter(frame.sequence - 1);
    this.#twins = twins;
    const line = this.#lineOf(frame.sa);
    if (isLayer2(row)) this.#xmit(line, skb);
    else line.output.process(skb);
    return this.#sealed!;
  }

  /** The IP packet of a sealed frame. */
  bytesOf(skb: Skb): Uint8Array {
    const bytes = new Uint8Array(skb.len - ETH_HLEN);
    gather(this.#stages.host.skbs, skb, ETH_HLEN, bytes.length, bytes);
    return bytes;
  }

  /** The sealed frame in the columns of the recordings. */
  rowOf(skb: Skb): ResultRow {
    return skbRow(this.#stages.host.skbs.memory.u8, skb);
  }

  free(): void {
    const { skbs } = this.#stages.host;
    for (const skb of [this.#sealed!, ...this.#twins]) skbs.free(skb, REASON.consumed);
  }

  finish(comparison: Comparison): void {
    for (const { transform } of this.#lines.values()) transform.release();
    const { liveBlocks } = this.#stages;
    if (liveBlocks > 0) comparison.fail(`${FRAMES}: ${liveBlocks} blocks of memory were not freed`);
  }

  /** At layer 2 the headers, Ethernet's too, are in front before the trailer is made. */
  #xmit({ encap, xmit }: Line, skb: Skb): void {
    encap.find(skb);
    const { nextHeader } = encap;
    encap.push(skb, encap.sa.nextSequence());
    skb.espProtocol = nextHeader;
    this.#pushEthernet(skb);
    xmit.xmit(skb);
  }

  #pushEthernet(skb: Skb): void {
    push(skb, ETH_HLEN);
    skb.macHeader = skb.data;
    this.#sealed = skb;
  }

  #lineOf(sa: RecordedAssociation): Line {
    const known = this.#lines.get(sa);
    if (known !== undefined) return known;
    const { host } = this.#stages;
    const encap = new EspEncap(host, sa);
    const transform = new EspTransform(host, sa, sa.aead(ENGINES.noble));
    const output = new EspOutput(host, { process: (skb) => this.#pushEthernet(skb) }, encap, transform);
    const line = { encap, transform, output, xmit: new EspXmit(host, encap, transform) };
    this.#lines.set(sa, line);
    return line;
  }
}

/** The rows of `expected_tx.csv`: those of the recorded device that the driver took are the frames of `output.pcap`. */
class SentRows {
  readonly #indexes: number[] = [];
  readonly #rows: readonly TableRow[];
  readonly #columns: readonly string[];

  constructor(recording: Recording, readonly comparison: Comparison) {
    const table = recording.tables.get(TX);
    this.#rows = table?.rows ?? [];
    this.#columns = table?.results("stage") ?? [];
    this.#rows.forEach((row, index) => {
      if (row.integer("rc") !== 0) comparison.leaveOut(TX, "refused", this.#columns.length);
      else if (row.text("dev") !== recording.scenario.tx_device) {
        comparison.leaveOut(TX, "otherDevice", this.#columns.length);
      } else this.#indexes.push(index);
    });
    const frames = recording.output.length;
    if (table !== undefined && this.#indexes.length !== frames) {
      throw table.error(`it has ${this.#indexes.length} frames of the device where ${FRAMES} has ${frames}`, {});
    }
  }

  leaveOut(frame: number, reason: LeftOutReason): void {
    if (this.#indexes[frame] !== undefined) this.comparison.leaveOut(TX, reason, this.#columns.length);
  }

  compare(frame: number, ours: ResultRow): void {
    const index = this.#indexes[frame];
    if (index === undefined) return;
    for (const column of this.#columns) {
      this.comparison.value(TX, index, column, ours[column]!, this.#rows[index]!.text(column));
    }
  }
}
