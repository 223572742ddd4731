/**
 * `expected_esp_rx.csv`, row by row: each skb that entered esp_input is made again and goes through `stages/esp_input.ts`.
 * Branch and bytes copied, those for cutting the trailer off included, must be those that were recorded.
 *
 * Where a row does not say how large the head was, it was the driver's: the frame is received again, and its head is measured.
 * What a host received is the buffer that the other one sent (a veth device hands it over), if that was made again
 * (`sealed_frames.ts`); else its head is not known, and where data was paged, their bytes are left out. Nothing is decrypted, so
 * that suites that are not built take part; the trailer is as long as the recorded inner packet lets it be.
 *
 * @module
 */

import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES } from "../esp/arithmetic.ts";
import { ReplayWindow } from "../esp/replay_window.ts";
import { NAT_TRAVERSAL } from "../esp/sa.ts";
import { isEncapsulatedEsp } from "../esp/udp_encapsulation.ts";
import { REASON } from "../ledger/schema.ts";
import { RxFrame, writeFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { EspInput } from "../stages/esp_input.ts";
import { InboundTable } from "../esp/inbound.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_IPIP, PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { Comparison } from "./comparison.ts";
import { suiteSizes } from "./row_associations.ts";
import { fillBytes, layoutOf, rebuild, type RecordedShape, sizeOf } from "./layout.ts";
import type { LeftOutReason } from "./left_out.ts";
import { RecordedDriver } from "./polls.ts";
import { SizedAssociation, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { RecordedSa } from "./scenario.ts";
import type { SentBuffer } from "./sent_buffers.ts";
import type { ResultRow } from "./skb_row.ts";
import { StageHost, Work } from "./stage_host.ts";
import type { Table, TableRow } from "./table.ts";

const FILE = "expected_esp_rx.csv";
/** Padding of RFC 4303 without TFC. */
const LONGEST_PADDING = 255;
/** Headroom of what a host received, which is not recorded and not copied in these rows: any that headers fit into. */
const HOST_HEADROOM = 128;

/** Compares all rows of the table; `sent` are the buffers that the two hosts sent, as far as they are known. */
export function compareEspInputRows(
  recording: Recording,
  sent: readonly SentBuffer[],
  comparison: Comparison,
): void {
  const table = recording.tables.get(FILE);
  if (table === undefined) return;
  const columns = table.results("stage");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return comparison.leaveOut(FILE, sizes, table.rows.length * columns.length);
  const stage = new InputStage(recording, table, sizes, sent);
  table.rows.forEach((row, index) => {
    if (stage.isInOtherDatagram(row)) {
      // Nothing happens to it here.
      return columns.forEach((column) => comparison.value(FILE, index, column, "", row.text(column)));
    }
    if (row.text("branch") === "") return comparison.leaveOut(FILE, "notEsp", columns.length);
    const buffer = stage.bufferOf(row);
    const ours = stage.input(row, buffer);
    for (const column of columns) {
      const reason = buffer === undefined ? whyLeftOut(table, row, column) : undefined;
      if (reason === undefined) comparison.value(FILE, index, column, ours[column]!, row.text(column));
      else comparison.leaveOut(FILE, reason, 1);
    }
  });
  if (stage.liveBlocks > 0) comparison.fail(`${FILE}: ${stage.liveBlocks} blocks of memory were not freed`);
}

function isInjected({ form }: Table): boolean {
  return form.columns.includes("in_index");
}

function whyLeftOut(table: Table, row: TableRow, column: string): LeftOutReason | undefined {
  if (isInjected(table)) return undefined;
  const isUnknown = column === "tailroom" || (column === "bytes_copied" && row.integer("data_len") > 0);
  return isUnknown ? "hostHead" : undefined;
}

/** ESP input alone. */
class InputStage {
  readonly #stages: StageHost;
  readonly #input: EspInput;
  readonly #sa: SizedAssociation;
  readonly #recorded: RecordedSa;
  readonly #driver: RecordedDriver;
  readonly #window = new ReplayWindow(0);
  #done: Work | null = null;

  constructor(
    readonly recording: Recording,
    readonly table: Table,
    readonly sizes: SuiteSizes,
    readonly sent: readonly SentBuffer[],
  ) {
    const { scenario } = recording;
    this.#stages = new StageHost(scenario);
    const { host } = this.#stages;
    this.#driver = new RecordedDriver(host, scenario);
    this.#recorded = scenario.sa![0]!;
    // What a row says begins with ESP: that it was in UDP is forgotten.
    const { encap: _encap, ...bare } = this.#recorded;
    this.#sa = new SizedAssociation(sizes, bare);
    const end = { process: (skb: Skb): void => host.skbs.free(skb, REASON.consumed) };
    this.#input = new EspInput(host, new InboundTable([], 0), { tunnel: end, transport: end, fromGro: end });
    // The window moves on between the trailer, which esp_input_done2 cuts off, and the inner header, which xfrm_input pulls.
    this.#window.advance = () => this.#done = this.#stages.takeWork();
  }

  get liveBlocks(): number {
    return this.#stages.liveBlocks;
  }

  /** Whether the frame of a row came to the port of encapsulated ESP and is none: IKE, or a keepalive. */
  isInOtherDatagram(row: TableRow): boolean {
    if (this.#recorded.encap === undefined || !isInjected(this.table)) return false;
    const bytes = this.recording.input[row.integer("in_index")]?.bytes;
    if (bytes === undefined) throw row.error("input.pcap has no such frame", "in_index");
    const packet = bytes.subarray(ETH_HLEN);
    const udpAt = this.#outerBytes();
    const port = this.#recorded.encap_dport ?? NAT_TRAVERSAL.destinationPort;
    return ip.protocol(packet, 0) === PROTOCOL_UDP && !isEncapsulatedEsp(packet, udpAt, packet.length, port);
  }

  /** The buffer that a host received in a row: the other one sent it. Undefined where that is not known, or not received so. */
  bufferOf(row: TableRow): SentBuffer | undefined {
    if (isInjected(this.table)) return undefined;
    const number = row.integer("esp_seq");
    const found = this.sent.filter(({ sequence, device }) => sequence === number && device !== row.text("dev"));
    const [buffer] = found;
    const isWhole = found.length === 1 && buffer!.frameBytes >= row.integer("len") &&
      headroomIn(buffer!, row) + row.integer("headlen") <= buffer!.endOffset;
    return isWhole ? buffer : undefined;
  }

  /** The result columns of a row. */
  input(row: TableRow, buffer: SentBuffer | undefined): ResultRow {
    const { host } = this.#stages;
    const { skb, twins } = rebuild(host.skbs, this.#shapeOf(row, buffer));
    const entry = { isNonlinear: skb.isNonlinear, hasFragList: skb.hasFragList };
    const { tailroom } = skb;
    fillBytes(host.skbs, skb, this.#bytesOf(row, buffer));
    skb.networkHeader = skb.data - this.#outerBytes();
    skb.macHeader = skb.networkHeader - ETH_HLEN;
    host.skbs.memory.u8[skb.head.at + skb.networkHeader] = this.#isIpv6() ? 0x60 : 0x45;
    skb.transportHeader = skb.data;
    this.#stages.takeWork();
    this.#done = null;
    this.#input.takeFromGro(skb, { sa: this.#sa, aead: null, window: this.#window });
    const work = this.#done ?? this.#stages.takeWork();
    for (const twin of twins) host.skbs.free(twin, REASON.consumed);
    return { ...inputResult(work, entry), tailroom };
  }

  #isIpv6(): boolean {
    return this.#recorded.src.includes(":");
  }

  #outerBytes(): number {
    return this.#isIpv6() ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
  }

  #shapeOf(row: TableRow, buffer: SentBuffer | undefined): RecordedShape {
    const headlen = sizeOf(row, "headlen");
    return {
      ...layoutOf(row),
      ...(isInjected(this.table) ? this.#driverHead(row, headlen) : hostHead(row, headlen, buffer)),
      headlen,
      cloned: row.integer("skb_cloned") !== 0,
      headFrag: row.integer("head_frag") !== 0,
      memberHeadroom: 0,
    };
  }

  /** Headroom and tail space in the head that the driver made for the frame of a row. */
  #driverHead(row: TableRow, headlen: number): { headroom: number; tailspace: number } {
    const { skbs } = this.#stages.host;
    const index = row.integer("in_index");
    const bytes = this.recording.input[index]?.bytes;
    if (bytes === undefined) throw row.error("input.pcap has no such frame", "in_index");
    const frame = new RxFrame();
    writeFrame(skbs.memory, frame, bytes, 0, bytes.length, bytes.length);
    const skb = this.#driver.receive(index, frame);
    const ethernetBytes = skb.headlen === 0 ? ETH_HLEN : 0;
    const espOffset = bytes.length - ETH_HLEN - row.integer("len");
    const headroom = skb.data + ethernetBytes + espOffset;
    const tailspace = skb.head.endOffset - headroom - headlen;
    skbs.free(skb, REASON.consumed);
    if (espOffset < this.#outerBytes() || tailspace < 0) throw row.error("the frame is not that long", "len");
    return { headroom, tailspace };
  }

  /** An ESP packet in the clear: header, IV, inner packet, padding, and room for the ICV. */
  #bytesOf(row: TableRow, buffer: SentBuffer | undefined): Uint8Array {
    const { ivBytes, icvBytes } = this.sizes;
    const bytes = new Uint8Array(row.integer("len"));
    const innerAt = ESP_HEADER_BYTES + ivBytes;
    const trailerAt = bytes.length - icvBytes - ESP_TRAILER_BYTES;
    if (trailerAt < innerAt) throw row.error("it is too short for ESP", "len");
    const innerBytes = buffer?.protectedBytes ?? this.#innerOf(row)?.length;
    const padding = innerBytes === undefined ? 0 : trailerAt - innerAt - innerBytes;
    bytes[trailerAt] = padding >= 0 && padding <= LONGEST_PADDING ? padding : 0;
    bytes[trailerAt + 1] = nextHeaderOf(row, this.#sa.mode === "tunnel" ? PROTOCOL_IPIP : PROTOCOL_TCP);
    return bytes;
  }

  /** What the packet of a row protects; undefined where that was not recorded. */
  #innerOf(row: TableRow): Uint8Array | undefined {
    if (!isInjected(this.table) || row.text("inner_index") === "") return undefined;
    const inner = this.recording.inner[row.integer("inner_index")]?.bytes;
    if (inner === undefined) throw row.error("inner.pcap has no such packet", "inner_index");
    return this.#sa.mode === "tunnel" ? inner : inner.subarray(ip.headerBytes(inner, 0));
  }
}

/** Headroom and tail space in the head of what a host received: that of the sender where it is known. */
function hostHead(
  row: TableRow,
  headlen: number,
  buffer: SentBuffer | undefined,
): { headroom: number; tailspace: number } {
  if (buffer === undefined) return { headroom: HOST_HEADROOM, tailspace: sizeOf(row, "tailroom") };
  const headroom = headroomIn(buffer, row);
  return { headroom, tailspace: buffer.endOffset - headroom - headlen };
}

/** Bytes in front of the ESP header in the buffer of its frame. */
function headroomIn({ headroom, frameBytes }: SentBuffer, row: TableRow): number {
  return headroom + frameBytes - row.integer("len");
}

/** esp_input returns what it found inside, or a negative error. */
function nextHeaderOf(row: TableRow, usual: number): number {
  const text = row.text("esp_input_ret");
  return text === "" || Number(text) <= 0 ? usual : Number(text) & 0xff;
}

/** A buffer before ESP input opens it. */
export type InputEntry = Pick<Skb, "isNonlinear" | "hasFragList">;

/**
 * The result columns of a buffer that ESP input has opened. The recordings call it `cow` when skb_cow_data was called, also
 * where a frag_list gave it nothing to copy.
 */
export function inputResult(work: Work, { isNonlinear, hasFragList }: InputEntry): ResultRow {
  const isCow = work.isCow || hasFragList;
  return {
    branch: isCow ? "cow" : isNonlinear ? "frags" : "linear",
    cow_ret: isCow ? work.openEntries : "",
    bytes_pulled: work.bytesOf("__pskb_pull_tail"),
    bytes_expand_head: work.bytesOf("pskb_expand_head"),
    bytes_skb_copy: work.bytesOf("skb_copy", "skb_copy_expand"),
    bytes_copied: work.copiedBytes,
  };
}
