/**
 * What a driver got without ESP: each aggregate that was cut between queue and driver is made again, with the bytes of its frames,
 * and goes through `stages/validate_plain.ts`. Its segments must be the frames of `output.pcap`, to the byte, in the shape in
 * which the driver got them (`expected_tx.csv`).
 *
 * What was not cut is what the driver got, so it must come through as it is: the NIC of the scenario can take it.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { gather } from "../skb/scatterlist.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import { Gso } from "../stages/gso.ts";
import { ValidatePlain } from "../stages/validate_plain.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import * as udp from "../wire/udp.ts";
import { differenceOf } from "./bytes.ts";
import type { Comparison } from "./comparison.ts";
import { fillBytes, layoutOf, rebuild, type Rebuilt, sizeOf } from "./layout.ts";
import type { Recording } from "./recording.ts";
import type { Scenario } from "./scenario.ts";
import { aggregateShape, headerBytesOf } from "./segment_rows.ts";
import { SentRows, TX } from "./sent_rows.ts";
import { gsoTypeOf, isFixedId, skbRow } from "./skb_row.ts";
import { StageHost } from "./stage_host.ts";
import type { TableRow } from "./table.ts";

const FRAMES = "output.pcap";
const SEGMENTS = "expected_gso.csv";
/** Headroom of what was not cut, which is not recorded: nothing here depends on it. */
const ANY_HEADROOM = 128;

/** The sending device in the words of the configuration, for the way out without ESP. */
export function deviceSets({ nic_sg = "on", nic_tso = "off", nic_fraglist = "off" }: Scenario): string[] {
  return ["path=receive", "then=forward", `nic_sg=${nic_sg}`, `nic_tso=${nic_tso}`, `nic_fraglist=${nic_fraglist}`];
}

/** Whether the sending device fills in transport checksums. */
export function fillsChecksums({ nic_tx_csum = "on" }: Scenario): boolean {
  return nic_tx_csum === "on";
}

/** Compares all frames of a recording without ESP, and the shapes in which the driver got them. */
export function compareDriverRows(recording: Recording, comparison: Comparison): void {
  const { scenario, output } = recording;
  if (scenario.sa !== undefined || (scenario.path !== "forward" && scenario.path !== "send")) return;
  const sent = [TX, "expected.csv"].map((file) => new SentRows(recording, comparison, file));
  for (const each of sent) for (const other of each.others) each.leaveOut(other, "otherDevice");
  const stage = new DriverStage(recording, sent, comparison);
  for (let frame = 0; frame < output.length;) {
    const row = sent[0]!.of(frame)?.row;
    const aggregate = row === undefined ? undefined : stage.aggregateAt(frame, row);
    if (scenario.queues || row === undefined) {
      const reason = row === undefined ? "noRow" : "queues";
      sent[0]!.leaveFramesOut(FRAMES, reason, 1);
      for (const each of sent) each.leaveOut(each.of(frame), reason);
      frame += 1;
    } else if (aggregate === undefined) {
      stage.pass(frame, row);
      frame += 1;
    } else {
      frame += stage.cut(frame, aggregate);
    }
  }
  stage.finish();
}

/** The stage between queue and driver, alone. */
class DriverStage {
  readonly #stages: StageHost;
  readonly #validate: ValidatePlain;
  /** Calls of skb_segment that are still to come. */
  readonly #calls: TableRow[];

  constructor(readonly recording: Recording, readonly sent: readonly SentRows[], readonly comparison: Comparison) {
    const { scenario, tables } = recording;
    this.#stages = new StageHost(scenario, deviceSets(scenario));
    const { host } = this.#stages;
    this.#validate = new ValidatePlain(host, new Gso(host, 0), fillsChecksums(scenario));
    const calls = tables.get(SEGMENTS)?.rows ?? [];
    this.#calls = calls.filter((row) => row.text("dev") === scenario.tx_device);
  }

  /** The call whose first segment is `frame`: the next one, when it names the same packet and all of its frames are there. */
  aggregateAt(frame: number, row: TableRow): TableRow | undefined {
    const [call] = this.#calls;
    const lengths = call?.integers("seg_len") ?? [];
    const isFirst = lengths.length > 0 && call!.text("ident") === row.text("ident") &&
      lengths.every((bytes, i) => this.recording.output[frame + i]?.bytes.length === bytes);
    return isFirst ? this.#calls.shift() : undefined;
  }

  /** The aggregate of a call is cut into the frames from `first` on. Returns how many these are. */
  cut(first: number, call: TableRow): number {
    const headerBytes = headerBytesOf(call);
    const frames = call.integers("seg_len").map((_, i) => this.recording.output[first + i]!.bytes);
    const bytes = joined(call, frames, headerBytes);
    const built = this.#build(aggregateShape(this.recording.scenario, call, headerBytes), bytes);
    const { head } = built.skb;
    head.gsoSize = call.integer("gso_size");
    if (head.gsoSize <= 0) throw call.error("it is not above 0", "gso_size");
    head.gsoSegs = call.integer("gso_segs");
    head.gsoType = gsoTypeIn(bytes);
    head.gsoFixedId = idsRepeat(frames);
    built.skb.ipSummed = CHECKSUM.partial;
    const segments = this.#validate.segments(built.skb);
    if (segments.length !== frames.length) {
      this.comparison.fail(`${SEGMENTS}: model ${segments.length} segments, recorded ${frames.length}`);
    }
    segments.forEach((segment, i) => {
      if (i < frames.length) this.#compare(first + i, segment);
      this.#stages.host.skbs.free(segment, REASON.consumed);
    });
    for (let i = segments.length; i < frames.length; i++) this.#lack(first + i);
    if (segments.length === 0) built.twins.push(built.skb);
    this.#free(built.twins);
    return frames.length;
  }

  /** What the driver got uncut comes through as it is. */
  pass(frame: number, row: TableRow): void {
    const { bytes } = this.recording.output[frame]!;
    if (bytes.length !== row.integer("len")) throw row.error("the frame of output.pcap is not that long", "len");
    const headlen = sizeOf(row, "headlen");
    const cloned = row.integer("skb_cloned") !== 0;
    const shape = { ...layoutOf(row), headroom: ANY_HEADROOM, headlen, tailspace: 0, cloned };
    const built = this.#build({ ...shape, headFrag: row.integer("head_frag") !== 0, memberHeadroom: 0 }, bytes);
    const { head } = built.skb;
    head.gsoSize = row.integer("gso_size");
    head.gsoSegs = row.integer("gso_segs");
    head.gsoType = head.gsoSize === 0 ? GSO_TYPE.none : gsoTypeOf(row.integer("gso_type"));
    head.gsoFixedId = isFixedId(row.integer("gso_type"));
    built.skb.ipSummed = row.integer("ip_summed");
    const segments = this.#validate.segments(built.skb);
    if (segments.length === 0) {
      this.#compare(frame, built.skb);
      built.twins.push(built.skb);
    } else {
      this.comparison.fail(`${FRAMES} row ${frame}: model ${segments.length} segments, recorded one frame`);
      this.#lack(frame);
    }
    this.#free([...segments, ...built.twins]);
  }

  /** Everything must have been given back. */
  finish(): void {
    const { liveBlocks } = this.#stages;
    if (liveBlocks > 0) this.comparison.fail(`${FRAMES}: ${liveBlocks} blocks of memory were not freed`);
  }

  #build(shape: Parameters<typeof rebuild>[1], bytes: Uint8Array): { skb: Skb; twins: Skb[] } {
    const { skbs } = this.#stages.host;
    const { skb, twins }: Rebuilt = rebuild(skbs, shape);
    fillBytes(skbs, skb, bytes);
    skb.macHeader = skb.data;
    skb.networkHeader = skb.data + ETH_HLEN;
    skb.transportHeader = skb.networkHeader + ip.headerBytes(bytes, ETH_HLEN);
    const isUdp = ip.protocol(bytes, ETH_HLEN) === PROTOCOL_UDP;
    skb.checksumOffset = isUdp ? udp.OFFSET_CHECKSUM : tcp.OFFSET_CHECKSUM;
    return { skb, twins: [...twins] };
  }

  #compare(frame: number, skb: Skb): void {
    const { skbs } = this.#stages.host;
    this.#validate.finish(skb);
    const ours = new Uint8Array(skb.len);
    gather(skbs, skb, 0, ours.length, ours);
    const recorded = this.recording.output[frame]!.bytes;
    const difference = differenceOf(ours.subarray(ETH_HLEN), recorded.subarray(ETH_HLEN));
    this.comparison.value(FRAMES, frame, "bytes", ...difference);
    const row = skbRow(skbs.memory.u8, skb);
    for (const each of this.sent) each.compare(each.of(frame), row);
  }

  /** A frame that the model does not have. */
  #lack(frame: number): void {
    this.comparison.value(FRAMES, frame, "bytes", "nothing", "a frame");
    for (const each of this.sent) each.compare(each.of(frame), {});
  }

  #free(buffers: readonly Skb[]): void {
    for (const skb of buffers) this.#stages.host.skbs.free(skb, REASON.consumed);
  }
}

/** The aggregate that `frames` were: headers of the first, the payload of all. */
function joined(call: TableRow, frames: readonly Uint8Array[], headerBytes: number): Uint8Array {
  const transportAt = ETH_HLEN + ip.headerBytes(frames[0]!, ETH_HLEN);
  const isTcp = ip.protocol(frames[0]!, ETH_HLEN) === PROTOCOL_TCP;
  if (headerBytes < transportAt + (isTcp ? tcp.HEADER_BYTES : udp.HEADER_BYTES)) {
    throw call.error("the headers do not fit into it", "seg_len");
  }
  const bytes = new Uint8Array(headerBytes + call.integer("len"));
  bytes.set(frames[0]!.subarray(0, headerBytes), 0);
  let at = headerBytes;
  for (const frame of frames) {
    bytes.set(frame.subarray(headerBytes), at);
    at += frame.length - headerBytes;
  }
  ip.setTotalBytes(bytes, ETH_HLEN, bytes.length - ETH_HLEN);
  // FIN and PSH are on the last segment alone.
  if (isTcp) tcp.setFlags(bytes, transportAt, tcp.flags(bytes, transportAt) | tcp.flags(frames.at(-1)!, transportAt));
  return bytes;
}

function gsoTypeIn(bytes: Uint8Array): number {
  if (ip.protocol(bytes, ETH_HLEN) === PROTOCOL_UDP) return GSO_TYPE.udpL4;
  return ip.isIpv6(bytes, ETH_HLEN) ? GSO_TYPE.tcpV6 : GSO_TYPE.tcpV4;
}

/** Whether the segments of an aggregate keep its id (SKB_GSO_TCP_FIXEDID). */
function idsRepeat([first, second]: readonly Uint8Array[]): boolean {
  if (second === undefined || ip.isIpv6(first!, ETH_HLEN)) return false;
  return ipv4.id(first!, ETH_HLEN) === ipv4.id(second, ETH_HLEN);
}
