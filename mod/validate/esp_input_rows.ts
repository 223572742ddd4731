/**
 * `expected_esp_rx.csv`, row by row: each skb that entered esp_input is made again and goes through `stages/esp_input.ts`.
 * Branch and bytes copied, those for cutting the trailer off included, must be those that were recorded.
 *
 * Where a row does not say how large the head was, it was the driver's: the frame is received again, and its head is measured.
 * Of packets that a host received the head is not known: where data was paged, their bytes are left out. Nothing is decrypted,
 * so that suites that are not built take part; the trailer is as long as the recorded inner packet lets it be.
 *
 * @module
 */

import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES } from "../esp/arithmetic.ts";
import { ReplayWindow } from "../esp/replay_window.ts";
import { REASON } from "../ledger/schema.ts";
import { RxFrame, writeFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { EspInput } from "../stages/esp_input.ts";
import { InboundTable } from "../esp/inbound.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_IPIP, PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import type { Comparison } from "./comparison.ts";
import { suiteSizes } from "./esp_output_rows.ts";
import { fillBytes, layoutOf, rebuild, type RecordedShape, sizeOf } from "./layout.ts";
import type { LeftOutReason } from "./left_out.ts";
import { RecordedDriver } from "./polls.ts";
import { SizedAssociation, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { RecordedSa } from "./scenario.ts";
import type { ResultRow } from "./skb_row.ts";
import { StageHost, Work } from "./stage_host.ts";
import type { Table, TableRow } from "./table.ts";

const FILE = "expected_esp_rx.csv";
/** Padding of RFC 4303 without TFC. */
const LONGEST_PADDING = 255;
/** Headroom of what a host received, which is not recorded and not copied in these rows: any that headers fit into. */
const HOST_HEADROOM = 128;

/** Compares all rows of the table. */
export function compareEspInputRows(recording: Recording, comparison: Comparison): void {
  const table = recording.tables.get(FILE);
  if (table === undefined) return;
  const columns = table.results("stage");
  const sizes = suiteSizes(recording);
  if (typeof sizes === "string") return comparison.leaveOut(FILE, sizes, table.rows.length * columns.length);
  const stage = new InputStage(recording, table, sizes);
  table.rows.forEach((row, index) => {
    if (row.text("branch") === "") return comparison.leaveOut(FILE, "notEsp", columns.length);
    const ours = stage.input(row);
    for (const column of columns) {
      const reason = whyLeftOut(table, row, column);
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
  const isUnknown = !isInjected(table) && column === "bytes_copied" && row.integer("data_len") > 0;
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

  constructor(readonly recording: Recording, readonly table: Table, readonly sizes: SuiteSizes) {
    const { scenario } = recording;
    this.#stages = new StageHost(scenario);
    const { host } = this.#stages;
    this.#driver = new RecordedDriver(host, scenario);
    this.#recorded = scenario.sa![0]!;
    this.#sa = new SizedAssociation(sizes, this.#recorded);
    const end = { process: (skb: Skb): void => host.skbs.free(skb, REASON.consumed) };
    this.#input = new EspInput(host, new InboundTable([], 0), { tunnel: end, transport: end, fromGro: end });
    // The window moves on between the trailer, which esp_input_done2 cuts off, and the inner header, which xfrm_input pulls.
    this.#window.advance = () => this.#done = this.#stages.takeWork();
  }

  get liveBlocks(): number {
    return this.#stages.liveBlocks;
  }

  /** The result columns of a row. */
  input(row: TableRow): ResultRow {
    const { host } = this.#stages;
    const { skb, twins } = rebuild(host.skbs, this.#shapeOf(row));
    const entry = { isNonlinear: skb.isNonlinear, hasFragList: skb.hasFragList };
    fillBytes(host.skbs, skb, this.#bytesOf(row));
    skb.networkHeader = skb.data - this.#outerBytes();
    skb.macHeader = skb.networkHeader - ETH_HLEN;
    host.skbs.memory.u8[skb.head.at + skb.networkHeader] = this.#isIpv6() ? 0x60 : 0x45;
    skb.transportHeader = skb.data;
    this.#stages.takeWork();
    this.#done = null;
    this.#input.takeFromGro(skb, { sa: this.#sa, aead: null, window: this.#window });
    const work = this.#done ?? this.#stages.takeWork();
    for (const twin of twins) host.skbs.free(twin, REASON.consumed);
    return inputResult(work, entry);
  }

  #isIpv6(): boolean {
    return this.#recorded.src.includes(":");
  }

  #outerBytes(): number {
    return this.#isIpv6() ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
  }

  #shapeOf(row: TableRow): RecordedShape {
    const headlen = sizeOf(row, "headlen");
    return {
      ...layoutOf(row),
      ...(isInjected(this.table)
        ? this.#driverHead(row, headlen)
        : { headroom: HOST_HEADROOM, tailspace: sizeOf(row, "tailroom") }),
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
  #bytesOf(row: TableRow): Uint8Array {
    const { ivBytes, icvBytes } = this.sizes;
    const bytes = new Uint8Array(row.integer("len"));
    const innerAt = ESP_HEADER_BYTES + ivBytes;
    const trailerAt = bytes.length - icvBytes - ESP_TRAILER_BYTES;
    if (trailerAt < innerAt) throw row.error("it is too short for ESP", "len");
    const inner = this.#innerOf(row);
    const padding = inner === undefined ? 0 : trailerAt - innerAt - inner.length;
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
