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
import { LL_RESERVED_SPACE } from "../stages/forward.ts";
import type { Host } from "../stages/host.ts";
import { IpFragmenter } from "../stages/ip_fragment.ts";
import { linearizeForDevice } from "../stages/validate_xmit.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_FRAGMENT } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { differenceOf } from "./bytes.ts";
import type { Comparison } from "./comparison.ts";
import { compareDefragmented, putTogether } from "./defrag_rows.ts";
import { espOutputShape, espOutputTable } from "./esp_output_rows.ts";
import { matchRows } from "./frame_rows.ts";
import { fillBytes, rebuild } from "./layout.ts";
import { type FrameToSeal, isOpened, type OpenedFrame, openFrames } from "./opened_frames.ts";
import { otherFrames } from "./other_frames.ts";
import type { RecordedAssociation } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import { noteBuffer, type SentBuffer } from "./sent_buffers.ts";
import { SentRows } from "./sent_rows.ts";
import { type ResultRow, skbRow } from "./skb_row.ts";
import { StageHost } from "./stage_host.ts";
import type { TableRow } from "./table.ts";

/** Fields that are not compared in a frame, and why. */
export const MASKS = {
  outerId:
    "the id of an outer IPv4 header: without DF, and with it where a local socket lets its packets be fragmented " +
    "(skb->ignore_df), it counts what the host has sent before; behind layer-2 GSO it counts the segments",
  fragmentId: "the identification of IPv6 fragments: Linux draws its start, and hashes addresses",
} as const;

/** What a datagram leaves in front of each of its buffers but the first: room for Ethernet, IP and fragment header. */
const FRAGMENT_HEADROOM = LL_RESERVED_SPACE + ipv6.HEADER_BYTES + ipv6.FRAGMENT_HEADER_BYTES;

/** Where the fragment header of IPv6, behind the IP header, has its identification. */
const FRAGMENT_ID_V6 = ipv6.HEADER_BYTES + 4;

const FRAMES = "output.pcap";

/**
 * Compares all frames, and the shapes in which the driver got them. Returns the buffers of the frames, as far as they were made
 * again.
 */
export function compareSealedFrames(recording: Recording, comparison: Comparison): SentBuffer[] {
  const { path, sa } = recording.scenario;
  if (sa === undefined || (path !== "forward" && path !== "send")) return [];
  const sent = new SentRows(recording, comparison);
  const frames = openFrames(recording);
  const { rows, rest } = matchRows(espOutputTable(recording)?.rows ?? [], frames.filter(isOpened));
  const sealer = new Sealer(recording);
  const buffers: SentBuffer[] = [];
  for (const frame of frames) {
    const row = isOpened(frame) ? rows.get(frame) : undefined;
    const reason = isOpened(frame) ? (row === undefined ? "noRow" : undefined) : frame.leftOut;
    if (reason !== undefined) {
      sent.leaveFramesOut(FRAMES, reason, frame.parts.length);
      for (const part of frame.parts) sent.leaveOut(sent.of(part), reason);
    } else if (!isOpened(frame)) {
      for (const part of frame.parts) {
        comparison.value(FRAMES, part, "ICV", frame.failure, "good");
        sent.leaveOut(sent.of(part), "notEsp");
      }
    } else {
      const skbs = sealer.seal(frame, row!);
      const idMasked = isIdMasked(frame, row!, recording);
      frame.parts.forEach((part, i) => {
        const recorded = recording.output[part]!.bytes.subarray(ETH_HLEN);
        const ours = skbs[i] === undefined ? new Uint8Array(0) : sealer.bytesOf(skbs[i]);
        comparison.value(FRAMES, part, "bytes", ...asText(ours, recorded, idMasked));
        sent.compare(sent.of(part), skbs[i] === undefined ? {} : sealer.rowOf(skbs[i]));
      });
      if (skbs.length > frame.parts.length) {
        comparison.fail(`${FRAMES} row ${frame.index}: model ${skbs.length} fragments`);
      }
      const isCut = skbs.length > 1;
      const received = isCut ? sealer.putTogether() : skbs[0]!;
      if (received === null) comparison.fail(`${FRAMES} row ${frame.index}: the fragments make no packet`);
      else {
        if (isCut) compareDefragmented(recording, sealer.host, received, frame, comparison);
        noteBuffer(buffers, sent.of(frame.index), frame.sequence, received, row!);
      }
      sealer.free();
    }
  }
  const others = otherFrames(recording, sent.others, rest, [...rows.values()]);
  for (const { frame, row, sent: each } of others) {
    const [skb] = sealer.seal(frame, row);
    sent.compare(each, sealer.rowOf(skb!));
    noteBuffer(buffers, each, frame.sequence, skb!, row);
    sealer.free();
  }
  const made = new Set(others.map((other) => other.sent));
  for (const each of sent.others) if (!made.has(each)) sent.leaveOut(each, "otherDevice");
  sealer.finish(comparison);
  return buffers;
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

/** Both packets as text, the model's with the recorded identifications where these are masked. */
function asText(ours: Uint8Array, packet: Uint8Array, idMasked: boolean): [string, string] {
  if (idMasked && ours.length >= ipv4.HEADER_BYTES) {
    ipv4.setId(ours, 0, ipv4.id(packet, 0));
    ipv4.writeHeaderChecksum(ours, 0);
  }
  if (isFragmentOfIpv6(ours) && isFragmentOfIpv6(packet)) {
    ours.set(packet.subarray(FRAGMENT_ID_V6, FRAGMENT_ID_V6 + 4), FRAGMENT_ID_V6);
  }
  const recorded = packet.subarray(0, Math.max(ours.length, ip.totalBytes(packet, 0)));
  return differenceOf(ours, recorded);
}

function isFragmentOfIpv6(packet: Uint8Array): boolean {
  return packet.length >= FRAGMENT_ID_V6 + 4 && ip.isIpv6(packet, 0) && ip.protocol(packet, 0) === PROTOCOL_FRAGMENT;
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
  readonly #fragmenter: IpFragmenter;
  readonly #sealed: Skb[] = [];
  #twins: readonly Skb[] = [];

  constructor(recording: Recording) {
    this.#stages = new StageHost(recording.scenario);
    this.#fragmenter = new IpFragmenter(this.#stages.host, recording.scenario.mtu);
  }

  /**
   * The frame of `row` with what was inside `frame`, or the fragments that it is cut into; they are freed by `free()`. Their
   * data begin at the Ethernet header.
   */
  seal(frame: FrameToSeal, row: TableRow): readonly Skb[] {
    const { skbs } = this.#stages.host;
    this.#sealed.length = 0;
    const shape = espOutputShape(row);
    const { headersBytes } = frame;
    const own = {
      ...shape,
      headroom: shape.headroom - headersBytes,
      headlen: shape.headlen + headersBytes,
      memberHeadroom: FRAGMENT_HEADROOM,
    };
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
    for (const sealed of this.#sealed) linearizeForDevice(this.#stages.host, sealed);
    return this.#sealed;
  }

  get host(): Host {
    return this.#stages.host;
  }

  /** The fragments become the packet again, as its receiver sees it; null where they do not. */
  putTogether(): Skb | null {
    const whole = putTogether(this.host, this.#sealed);
    this.#sealed.length = 0;
    if (whole !== null) this.#sealed.push(whole);
    return whole;
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
    for (const skb of [...this.#sealed, ...this.#twins]) skbs.free(skb, REASON.consumed);
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

  /** ip_finish_output. */
  #output(skb: Skb): void {
    if (skb.len <= this.#fragmenter.mtu) this.#pushEthernet(skb);
    else this.#fragmenter.fragment(skb, (fragment) => this.#pushEthernet(fragment));
  }

  #pushEthernet(skb: Skb): void {
    push(skb, ETH_HLEN);
    skb.macHeader = skb.data;
    this.#sealed.push(skb);
  }

  #lineOf(sa: RecordedAssociation): Line {
    const known = this.#lines.get(sa);
    if (known !== undefined) return known;
    const { host } = this.#stages;
    const encap = new EspEncap(host, sa);
    const transform = new EspTransform(host, sa, sa.aead(ENGINES.noble));
    const output = new EspOutput(host, { process: (skb) => this.#output(skb) }, encap, transform);
    const line = { encap, transform, output, xmit: new EspXmit(host, encap, transform) };
    this.#lines.set(sa, line);
    return line;
  }
}
