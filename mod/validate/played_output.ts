/**
 * The packets that a recorded host handed to xfrm output, from there on: through the way out of the local sender that every run
 * builds (`replay/send_path.ts`). When and how large they were, the timing of the recording decided; what becomes of them does
 * not depend on it.
 *
 * `input.pcap` has their bytes, `expected_xfrm_output.csv` their shapes. Their heads are those of TCP (linux-datapath 1.10):
 * MAX_TCP_HEADER in front of the payload, which is in pages.
 *
 * @module
 */

import type { Aead } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { REASON } from "../ledger/schema.ts";
import { buildSendPath, type SendPath } from "../replay/send_path.ts";
import { Engine } from "../sim/engine.ts";
import { headerRelease } from "../skb/clone_ops.ts";
import { gather } from "../skb/scatterlist.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { type Napi, NetRx } from "../stages/net_rx.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import { fillBytes, layoutOf, rebuild, type Rebuilt, sizeOf } from "./layout.ts";
import { isOpened, openFrames } from "./opened_frames.ts";
import { RecordedSender } from "./own_rows.ts";
import { PathLog } from "./path_log.ts";
import type { PlayedPath } from "./played_path.ts";
import { SizedAssociation, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import { queueSets } from "./recorded_queue.ts";
import type { RecordedSa, Scenario } from "./scenario.ts";
import { MAX_TCP_HEADER } from "./segment_rows.ts";
import { gsoTypeOf } from "./skb_row.ts";
import { configOf, WorkLedger } from "./stage_host.ts";
import type { TableRow } from "./table.ts";
import { watchSend } from "./watch.ts";

const FILE = "expected_xfrm_output.csv";
const OFFSET_DATA_OFFSET = 12;

/** A packet that entered xfrm output. */
export interface OutputPacket {
  readonly row: TableRow;
  /** The IP packet. */
  readonly bytes: Uint8Array;
}

/**
 * The packets of `input.pcap` with their rows; undefined where these are not as many, or not all of TCP with nothing but headers in
 * the head.
 */
export function outputPackets(recording: Recording): OutputPacket[] | undefined {
  const { scenario, input, tables } = recording;
  const sender = new RecordedSender(recording);
  const rows = tables.get(FILE)?.rows.filter((row) => sender.whyForeign(FILE, row) === undefined) ?? [];
  if (rows.length !== input.length) return undefined;
  const packets = rows.map((row, i) => ({ row, bytes: input[i]!.bytes }));
  return packets.every((packet) => isOfTcp(packet, scenario)) ? packets : undefined;
}

/** Those of the other host, whose bytes are not recorded: headers like theirs; undefined as above. */
function otherPackets(recording: Recording): OutputPacket[] | undefined {
  const packets = otherRows(recording).map((row) => ({ row, bytes: packetLike(row) }));
  return packets.every((packet) => isOfTcp(packet, recording.scenario)) ? packets : undefined;
}

/** The rows of what the other host handed to xfrm output. */
export function otherRows(recording: Recording): TableRow[] {
  const sender = new RecordedSender(recording);
  return recording.tables.get(FILE)?.rows.filter((row) => sender.whyForeign(FILE, row) !== undefined) ?? [];
}

function isOfTcp({ row, bytes }: OutputPacket, { max_tcp_header = MAX_TCP_HEADER }: Scenario): boolean {
  if (bytes.length !== row.integer("len") || bytes.length < ipv6.HEADER_BYTES) return false;
  const headersBytes = ip.headerBytes(bytes, 0) + tcp.HEADER_BYTES;
  const headlen = row.integer("headlen");
  return ip.protocol(bytes, 0) === PROTOCOL_TCP && headlen >= headersBytes && headlen <= max_tcp_header;
}

/** A TCP packet of the length, version and headers that a row says; none where it is of anything else. */
function packetLike(row: TableRow): Uint8Array {
  const [, version, source, destination] = /^(v6 )?tcp\b.* (\d+)>(\d+) seq=/.exec(row.text("ident")) ?? [];
  const ipBytes = version === undefined ? ipv4.HEADER_BYTES : ipv6.HEADER_BYTES;
  const tcpBytes = row.integer("headlen") - ipBytes;
  if (source === undefined || sizeOf(row, "len") < ipBytes + tcpBytes || tcpBytes < tcp.HEADER_BYTES) {
    return new Uint8Array(0);
  }
  const bytes = new Uint8Array(row.integer("len"));
  bytes[0] = version === undefined ? 0x45 : 0x60;
  bytes[version === undefined ? ipv4.OFFSET_PROTOCOL : ipv6.OFFSET_NEXT_HEADER] = PROTOCOL_TCP;
  if (version === undefined) set16(bytes, ipv4.OFFSET_FRAGMENT, ipv4.FLAG_DF);
  ip.setTotalBytes(bytes, 0, bytes.length);
  set16(bytes, ipBytes, Number(source));
  set16(bytes, ipBytes + 2, Number(destination));
  bytes[ipBytes + OFFSET_DATA_OFFSET] = tcpBytes / 4 << 4;
  tcp.setFlags(bytes, ipBytes, tcp.FLAG_ACK);
  return bytes;
}

/**
 * Plays the packets of both hosts, each from xfrm output on, under a suite of these sizes; `seals` where frames are to be
 * compared, which are those of the first.
 */
export function playOutputs(recording: Recording, sizes: SuiteSizes, seals: boolean): PlayedPath {
  const [recorded] = recording.scenario.sa!;
  const own = playOutput(recording, outputPackets(recording)!, sizes, recorded!, seals ? sealingOf(recording) : null);
  const others = otherPackets(recording);
  const back = recording.scenario.sa!.find(({ src, dst }) => src === recorded!.dst && dst === recorded!.src);
  if (others === undefined || back === undefined) return own;
  const { log: otherLog, liveBlocks } = playOutput(recording, others, sizes, back, null);
  return { log: own.log, otherLog, liveBlocks: own.liveBlocks + liveBlocks };
}

function setsOf(scenario: Scenario): string[] {
  return ["path=send", "pace=capture", `mtu=${scenario.mtu}`, ...queueSets(scenario)];
}

function playOutput(
  { scenario }: Recording,
  packets: readonly OutputPacket[],
  sizes: SuiteSizes,
  recorded: RecordedSa,
  sealing: Sealing | null,
): PlayedPath {
  const works = new WorkLedger();
  const engine = new Engine();
  const frames: Uint8Array[] = [];
  const path = buildSendPath({
    config: configOf(scenario, [...setsOf(scenario), `mode=${recorded.mode}`]),
    engine,
    ledger: works.ledger,
    sa: sealing?.sa ?? new SizedAssociation(sizes, recorded),
    aead: sealing?.aead ?? null,
    tap: (skb) => frames.push(packetOf(path, skb)),
    poison: true,
  });
  const log = new PathLog(path.host, works);
  watchSend(path, log);
  const entry = new XfrmEntry(path, engine);
  const maxTcpHeader = scenario.max_tcp_header ?? MAX_TCP_HEADER;
  for (const { row, bytes } of packets) entry.enter(packetBuffer(path, row, bytes, maxTcpHeader));
  path.release();
  log.takeWork();
  log.frames.push(...frames);
  return { log, liveBlocks: path.host.skbs.memory.live };
}

/** An association, and what encrypts under it. */
interface Sealing {
  readonly sa: SecurityAssociation;
  readonly aead: Aead;
}

/** The association of the recorded host, with the IVs and from the number on that its frames have; null where it is not built. */
function sealingOf(recording: Recording): Sealing | null {
  const frames = openFrames(recording).filter(isOpened);
  const [first] = frames;
  if (first === undefined) return null;
  for (const { sa, sequence, iv } of frames) sa.useIv(sequence, iv);
  first.sa.resumeAfter(Math.min(...frames.map(({ sequence }) => sequence)) - 1);
  return { sa: first.sa, aead: first.sa.aead(ENGINES.noble) };
}

function packetOf({ host: { skbs } }: SendPath, skb: Skb): Uint8Array {
  const packet = new Uint8Array(skb.len - ETH_HLEN);
  gather(skbs, skb, ETH_HLEN, packet.length, packet);
  return packet;
}

/** Hands buffers to xfrm output, one by one, each with all that it sets off: a poll of one packet. */
class XfrmEntry implements Napi {
  readonly weight = 2;
  #netRx: NetRx;
  #next: Skb | null = null;

  constructor(readonly path: SendPath, readonly engine: Engine) {
    this.#netRx = new NetRx(path.host);
  }

  enter({ skb, twins }: Rebuilt): void {
    this.#next = skb;
    this.#netRx.schedule(this, this.engine.nowNs);
    this.engine.run();
    for (const twin of twins) this.path.host.skbs.free(twin, REASON.consumed);
  }

  takeOne(): boolean {
    const skb = this.#next;
    this.#next = null;
    if (skb !== null) this.path.xfrm.process(skb);
    return skb !== null;
  }

  endPoll(): boolean {
    return false;
  }
}

/** The buffer of a row. */
function packetBuffer({ host: { skbs } }: SendPath, row: TableRow, bytes: Uint8Array, maxTcpHeader: number): Rebuilt {
  const headlen = sizeOf(row, "headlen");
  const bare = skbs.allocSkb(maxTcpHeader);
  const tailspace = bare.head.endOffset - maxTcpHeader;
  skbs.free(bare, REASON.consumed);
  const built = rebuild(skbs, {
    ...layoutOf(row),
    headroom: maxTcpHeader - headlen,
    headlen,
    tailspace,
    cloned: row.integer("skb_cloned") !== 0,
    headFrag: row.integer("head_frag") !== 0,
    memberHeadroom: 0,
  });
  const { skb, twins } = built;
  // The socket keeps the payload, and lets its clones write headers (1.11).
  twins.forEach(headerRelease);
  skb.hdrLen = maxTcpHeader;
  fillBytes(skbs, skb, bytes);
  skb.payloadBytes = bytes.length - headlen;
  skb.networkHeader = skb.data;
  skb.transportHeader = skb.data + ip.headerBytes(bytes, 0);
  skb.ipSummed = row.integer("ip_summed");
  if (skb.ipSummed === CHECKSUM.partial) skb.checksumOffset = tcp.OFFSET_CHECKSUM;
  const { head } = skb;
  head.hasSharedFrag = row.text("shared_frag") === "1";
  head.gsoSize = row.integer("gso_size");
  head.gsoSegs = row.integer("gso_segs");
  // A socket states the kind of its segments, also of what is no aggregate.
  head.gsoType = gsoTypeOf(row.integer("gso_type"));
  return built;
}
