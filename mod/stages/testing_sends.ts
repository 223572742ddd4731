/**
 * The kernel recordings of path send, read and played for the tests: what entered xfrm output, what each packet looked like
 * when ESP made its trailer, what left. Not part of the library.
 *
 * @module
 */

import { parse } from "@std/csv";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { buildPcap, type PlainPacket, readAll } from "../capture/testing.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Config } from "../config/schema.ts";
import { ENGINES } from "../crypto/engines.ts";
import { type SecurityAssociation, testSecurityAssociation } from "../esp/sa.ts";
import { associationOf, type RecordedSa } from "../esp/testing_recorded_sa.ts";
import { Ledger } from "../ledger/ledger.ts";
import { REASON } from "../ledger/schema.ts";
import { Recorder } from "../replay/testing.ts";
import { playSend } from "../replay/players.ts";
import { buildSendPath, type SendPath } from "../replay/send_path.ts";
import { Engine } from "../sim/engine.ts";
import { readFrame } from "../skb/dma.ts";
import { CHECKSUM, GSO_TYPE, type Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as tcp from "../wire/tcp.ts";
import { drop } from "./host.ts";

/** The fields of `scenario.json` that matter here. */
export interface SendSettings {
  readonly name: string;
  readonly path: string;
  readonly queues: boolean;
  readonly esp_module?: boolean;
  readonly mtu: number;
  readonly mode: string | null;
  readonly nic_sg: "on" | "off";
  readonly nic_tso: "on" | "off";
  readonly sa?: readonly RecordedSa[];
  readonly traffic: { readonly proto: string; readonly sizes?: readonly (number | readonly number[])[] };
}

/** One row of a table: text by column. */
export type Row = Readonly<Record<string, string>>;

/** One recording. */
export interface SendRecording {
  readonly settings: SendSettings;
  /** The SA of host A; undefined where packets left as they were. */
  readonly sa: SecurityAssociation | undefined;
  /** The packets of host A as they entered xfrm output, or the driver where there is no SA. */
  readonly input: Uint8Array;
  /** What the recording says of these, and of the packets that ESP made of them, in order. */
  readonly entered: readonly Row[];
  readonly sealed: readonly Row[];
  /** Calls of skb_segment. */
  readonly segmented: readonly Row[];
  /** Frames of host A. */
  readonly output: readonly Uint8Array[];
}

/** What host B answers has this port in front. */
const ANSWER = / 5001>/;
const SOURCE_A = "02:00:00:00:0a:00";

/** Recordings of path send under suites that are known here, below `root`; none where there is no such folder. */
export async function readSends(root: URL): Promise<SendRecording[]> {
  const recordings: SendRecording[] = [];
  for (const name of folderNames(root)) {
    const folder = new URL(`${name}/`, root);
    const settings = JSON.parse(Deno.readTextFileSync(new URL("scenario.json", folder))) as SendSettings;
    if (settings.path !== "send" || settings.queues || whyLeftOut(settings) !== undefined) continue;
    const sa = settings.sa === undefined ? undefined : associationOf(settings.sa[0]!);
    if (sa !== undefined) recordings.push(await readSend(folder, settings, sa));
    else if (settings.sa === undefined) recordings.push(await readPlainSend(folder, settings));
  }
  return recordings;
}

/** Why a recording cannot be played, or undefined. */
function whyLeftOut({ name, nic_sg, nic_tso, sa }: SendSettings): string | undefined {
  if (sa === undefined && nic_tso === "off") return "what sockets sent was cut before it was recorded";
  if (name.includes("tfcpad")) return "TFC padding is not built";
  if (nic_sg === "off") return "nic_sg is not built";
  return name.startsWith("esp-e2e") ? "the last packet is a reset that no socket sent" : undefined;
}

function folderNames(root: URL): string[] {
  try {
    return [...Deno.readDirSync(root)].filter((entry) => entry.isDirectory).map(({ name }) => name).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function readSend(folder: URL, settings: SendSettings, sa: SecurityAssociation): Promise<SendRecording> {
  const frames = await packetsOf(new URL("output.pcap", folder));
  return {
    settings,
    sa,
    input: Deno.readFileSync(new URL("input.pcap", folder)),
    entered: rowsOf(new URL("expected_xfrm_output.csv", folder)).filter(({ ident }) => !ANSWER.test(ident!)),
    sealed: rowsOf(new URL("expected.csv", folder)).filter(({ inner }) => !ANSWER.test(inner!)),
    segmented: rowsOf(new URL("expected_gso.csv", folder)).filter(({ ident }) => !ANSWER.test(ident!)),
    output: frames.map(({ bytes }) => bytes).filter(isOfHostA),
  };
}

/** What left without ESP: buffers as sockets sent them, behind an Ethernet header. */
async function readPlainSend(folder: URL, settings: SendSettings): Promise<SendRecording> {
  const entered = rowsOf(new URL("expected_tx.csv", folder)).filter(({ ident }) => !ANSWER.test(ident!));
  const behindEthernet = (bytes: string): string => `${Number(bytes) - ETH_HLEN}`;
  const frames = await packetsOf(new URL("output.pcap", folder));
  return {
    settings,
    sa: undefined,
    input: buildPcap(
      {},
      frames.filter(({ bytes }) => isOfHostA(bytes)).map(({ bytes }, i) => ({ seconds: i, fraction: 0, bytes })),
    ),
    entered: entered.map((row) => ({
      ...row,
      len: behindEthernet(row["len"]!),
      headlen: behindEthernet(row["headlen"]!),
    })),
    sealed: [],
    segmented: [],
    output: [],
  };
}

function isOfHostA(frame: Uint8Array): boolean {
  return [...frame.subarray(6, 12)].map((byte) => byte.toString(16).padStart(2, "0")).join(":") === SOURCE_A;
}

function rowsOf(table: URL): Row[] {
  try {
    return parse(Deno.readTextFileSync(table), { skipFirstRow: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function packetsOf(file: URL): Promise<PlainPacket[]> {
  return await readAll(await openCapture(sourceOfBytes(Deno.readFileSync(file)), "recording"));
}

/** What the model did with a recording. */
export interface PlayedSend {
  readonly entered: readonly Row[];
  readonly sealed: readonly Row[];
  readonly segmented: readonly Row[];
  readonly output: readonly Uint8Array[];
}

/** The configuration that a recording was made with. */
function configOf({ settings, sa }: SendRecording): Config {
  return resolveConfig({
    preset: settings.esp_module || sa === undefined ? "linux-6.1-module" : "linux-6.1",
    sets: [
      "path=send",
      "pace=capture",
      "nodelay=on",
      `mtu=${settings.mtu}`,
      ...sa === undefined ? [] : [`mode=${sa.mode}`, `ip=${sa.outerVersion}`, `cipher=${sa.suite.name}`],
    ],
  }).config;
}

/** Plays the packets of host A through the whole path, at the times at which they were recorded. */
export async function playSendRecording(recording: SendRecording): Promise<PlayedSend> {
  const events = new Recorder();
  const ledger = new Ledger(() => 0, [events]);
  const engine = new Engine();
  const output: Uint8Array[] = [];
  const scratch = new Uint8Array(1 << 17);
  const sa = recording.sa ?? testSecurityAssociation({ seed: 1 });
  const parts = {
    config: configOf(recording),
    engine,
    ledger,
    sa,
    aead: sa.aead(ENGINES.noble),
    tap: (skb: Skb) => void output.push(scratch.slice(0, readFrame(path.host.skbs, skb, scratch))),
    poison: true,
  };
  const path = buildSendPath(parts);
  if (recording.sa === undefined) leaveOutEsp(path, recording.settings.mtu);
  const watch = new Watch(path, events, ledger);
  actAsRecorded(path);
  const reader = await openCapture(sourceOfBytes(recording.input), "recording");
  const { traffic, release } = playSend(path, parts, { reader, name: "recording", isLocal: () => true, pass: null });
  engine.paused = true;
  while (engine.paused || !engine.run()) traffic.resume(await reader.fill());
  release();
  ledger.finish();
  return { entered: watch.entered, sealed: watch.sealed(), segmented: watch.segmented(), output };
}

/** There is no transform: the MTU is that of the link, and what enters xfrm output has left. */
function leaveOutEsp({ host, xfrm, innerMtu }: SendPath, mtu: number): void {
  Object.assign(innerMtu, { ipv4: mtu, ipv6: mtu });
  xfrm.process = (skb) => drop(host, skb, REASON.bypass);
}

/**
 * The process of the recordings wrote everything at once, and the congestion window decided what went out together: every
 * captured packet is a write here. What was sent stayed in the queue for long: the other side's answer to SYN, which
 * `input.pcap` does not have, is acknowledged, and nothing else.
 */
function actAsRecorded({ host, sender, xfrm }: SendPath): void {
  const put = sender.put.bind(sender);
  sender.put = (packet, nowNs) => {
    packet.endsWrite = true;
    put(packet, nowNs);
  };
  const process = xfrm.process.bind(xfrm);
  xfrm.process = (skb) => {
    const transportAt = skb.head.at + skb.transportHeader;
    const { u8 } = host.skbs.memory;
    const isSyn = skb.checksumOffset === tcp.OFFSET_CHECKSUM && (tcp.flags(u8, transportAt) & tcp.FLAG_SYN) !== 0;
    if (isSyn) sender.acknowledge(skb.flow, tcp.sequence(u8, transportAt) + 1);
    process(skb);
  };
}

/** Looks at buffers where the recordings did. */
class Watch {
  readonly entered: Row[] = [];
  readonly #sealed: { skb: number; row: Record<string, string>; firstEvent: number; lastEvent: number }[] = [];

  constructor(readonly path: SendPath, readonly events: Recorder, readonly ledger: Ledger) {
    const { xfrm, transform } = path;
    const process = xfrm.process.bind(xfrm);
    xfrm.process = (skb) => {
      this.entered.push(enteredRow(path, skb));
      process(skb);
    };
    const makeTrailer = transform.makeTrailer.bind(transform);
    transform.makeTrailer = (skb, offset, nextHeader) => {
      const row = shapeRow(skb, offset);
      const firstEvent = ledger.rowCount;
      const toNewPage = makeTrailer(skb, offset, nextHeader);
      row["after_headlen"] = `${skb.headlen - offset}`;
      row["after_nr_frags"] = `${skb.nrFrags}`;
      this.#sealed.push({ skb: skb.id, row, firstEvent, lastEvent: ledger.rowCount });
      return toNewPage;
    };
  }

  /** Shapes before ESP, what it did and how many bytes it copied. */
  sealed(): Row[] {
    return this.#sealed.map(({ row, firstEvent, lastEvent }) => {
      const rows = this.events.rows.slice(firstEvent, lastEvent);
      const copied = (reason: string): number => {
        return rows.filter((each) => each.event === "copy" && each.reason === reason)
          .reduce((sum, { bytes }) => sum + bytes, 0);
      };
      const tail = rows.find(({ event }) => event === "tail")!;
      row["bytes_pulled"] = `${copied("pull-tail")}`;
      row["bytes_expand_head"] = `${copied("expand-head")}`;
      row["bytes_skb_copy"] = `${copied("skb-copy") + copied("skb-copy-expand")}`;
      row["tailen"] = `${tail.bytes}`;
      // The model calls it in place where skb_cow_data had nothing to copy.
      row["branch"] = row["has_frag_list"] === "1" ? "cow" : branchOf(tail.reason);
      return row;
    });
  }

  /** Segments of each buffer that was cut, and bytes copied. */
  segmented(): Row[] {
    const cuts = Map.groupBy(this.events.of("segment"), ({ into }) => into);
    return [...cuts.values()].map((segments) => ({
      n_segs: `${segments.length}`,
      bytes_copied: `${segments.reduce((sum, { bytes }) => sum + bytes, 0)}`,
    }));
  }
}

function branchOf(reason: string): string {
  if (reason === "fragment") return "pagefrag";
  return reason === "in-place" ? "inplace" : "cow";
}

function layoutOf(skb: Skb): string {
  const frags = `frags=${skb.head.frags.map(({ bytes }) => bytes).join("/")}`;
  const members: string[] = [];
  for (let member = skb.head.fragList; member !== null; member = member.next) {
    const { len, headlen, nrFrags, isCloned, head, tail } = member;
    members.push(`${len}:${headlen}:${nrFrags}:${isCloned ? 1 : 0}:${head.endOffset - tail}`);
  }
  if (members.length > 0) return `${frags};fraglist=${members.join("/")}`;
  return skb.nrFrags > 0 ? frags : "";
}

function enteredRow({ host }: SendPath, skb: Skb): Row {
  const isIpv6 = ip.isIpv6(host.skbs.memory.u8, skb.dataAt);
  const isTcp = skb.checksumOffset === 16;
  return {
    ...plainRow(skb, 0),
    gso_size: `${skb.head.gsoSize}`,
    gso_segs: `${skb.head.gsoSegs}`,
    gso_type: skb.head.gsoType === GSO_TYPE.none ? (isTcp ? "tcp" : "none") : isIpv6 ? "0x10" : "0x1",
    ip_summed: `${skb.ipSummed === CHECKSUM.partial ? 3 : 0}`,
    shared_frag: skb.head.hasSharedFrag ? "1" : "0",
  };
}

/** Columns of every skb, its data counted from `offset` on. */
function plainRow(skb: Skb, offset: number): Record<string, string> {
  let members = 0;
  for (let member = skb.head.fragList; member !== null; member = member.next) members += 1;
  return {
    len: `${skb.len - offset}`,
    data_len: `${skb.dataLen}`,
    headlen: `${skb.headlen - offset}`,
    nr_frags: `${skb.nrFrags}`,
    has_frag_list: skb.hasFragList ? "1" : "0",
    frag_list_n: `${members}`,
    skb_cloned: skb.isCloned ? "1" : "0",
    layout: layoutOf(skb),
  };
}

function shapeRow(skb: Skb, offset: number): Record<string, string> {
  return {
    ...plainRow(skb, offset),
    headroom: `${skb.headroom + offset}`,
    tailspace: `${skb.head.endOffset - skb.tail}`,
  };
}
