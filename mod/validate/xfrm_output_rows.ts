/**
 * Xfrm output, packet by packet: whether it reallocates a head to make room for the headers of ESP, how many bytes that
 * copies, and how much headroom ESP finds then.
 *
 * `expected_xfrm_output.csv` does not say the headroom. It follows from what comes later: without a copy it is what
 * esp_output_head found (`expected.csv`), with one it is what pskb_expand_head copied (`expected_copies.csv`) less the linear
 * bytes. Packets that layer 2 encrypts are looked at where xfrm output copied: without a copy they may be segments, whose
 * headroom says nothing of the aggregate that xfrm output saw.
 *
 * @module
 */

import { type EspMode, headerBytes } from "../esp/arithmetic.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { EspEncap } from "../stages/esp_encap.ts";
import { Gso } from "../stages/gso.ts";
import { XfrmOutput } from "../stages/xfrm_output.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as udp from "../wire/udp.ts";
import type { Comparison } from "./comparison.ts";
import { espOutputShape, espOutputTable } from "./esp_output_rows.ts";
import { rebuild } from "./layout.ts";
import { associationsOf } from "./row_associations.ts";
import type { Recording } from "./recording.ts";
import { type StageCopies, StageHost, Work } from "./stage_host.ts";
import type { TableRow } from "./table.ts";

/** What the values are called: no table has them as they are. */
const LABEL = "xfrm output in front of expected.csv";
const COPIES = "expected_copies.csv";

/** Compares every packet that ESP took over from xfrm output. Returns what was copied. */
export function compareXfrmOutputRows(recording: Recording, comparison: Comparison): StageCopies {
  const total = new Work();
  const table = espOutputTable(recording);
  if (table === undefined) return total;
  const associations = associationsOf(recording, table.rows);
  if (typeof associations === "string") return associations;
  const stages = new Map([...new Set(associations.values())].map((sa) => [sa, new XfrmStage(recording, sa)]));
  const copied = copiesByRow(recording, table.rows);
  table.rows.forEach((row, index) => {
    const bytes = copied.get(row) ?? 0;
    const stage = stages.get(associations.get(row)!);
    if (stage === undefined || (bytes === 0 && !isLayer3(row))) return;
    const { headroom, work } = stage.output(row, bytes);
    comparison.value(LABEL, index, "headroom", headroom, row.integer("headroom") - stage.ipHeaderBytes(row));
    comparison.value(LABEL, index, "pskb_expand_head", work.copiedBytes, bytes);
    total.add(work);
  });
  for (const { liveBlocks } of stages.values()) {
    if (liveBlocks > 0) comparison.fail(`${LABEL}: ${liveBlocks} blocks of memory were not freed`);
  }
  return table.rows.every((row) => associations.has(row)) ? total : "suitesMixed";
}

function isLayer3(row: TableRow): boolean {
  return row.text("via").endsWith("_output");
}

/** Whether a row of `expected_copies.csv` is a head that xfrm output itself reallocated. */
export function isOfXfrmOutput(copy: TableRow): boolean {
  return copy.text("what") === "pskb_expand_head" && /(^|>)xfrm_output(_gso[^>]*)?$/.test(copy.text("context"));
}

/** What xfrm output copied of the packet of each row of `expected.csv`: the next one of that length. */
function copiesByRow({ tables }: Recording, rows: readonly TableRow[]): Map<TableRow, number> {
  const bytes = new Map<TableRow, number>();
  for (const copy of tables.get(COPIES)?.rows ?? []) {
    if (!isOfXfrmOutput(copy)) continue;
    const next = rows.find((row) => !bytes.has(row) && isLater(row, copy) && isAsLong(row, copy));
    if (next === undefined) throw copy.error("no row of expected.csv follows that could be of this packet", "bytes");
    bytes.set(next, copy.integer("bytes"));
  }
  return bytes;
}

function isLater(row: TableRow, copy: TableRow): boolean {
  return row.text("i") === "" || copy.text("i") === "" || row.integer("i") > copy.integer("i");
}

function isAsLong(row: TableRow, copy: TableRow): boolean {
  const bytes = copy.integer("len") - row.integer("len");
  return bytes === 0 || bytes === ipv4.HEADER_BYTES || bytes === ipv6.HEADER_BYTES;
}

/** Xfrm output alone. */
class XfrmStage {
  readonly #stages: StageHost;
  readonly #xfrm: XfrmOutput;
  readonly #mode: EspMode;
  #taken: Skb | null = null;

  constructor({ scenario }: Recording, sa: SecurityAssociation) {
    this.#stages = new StageHost(scenario, ["gso=xfrm"]);
    const { host } = this.#stages;
    this.#mode = sa.mode;
    const encapsulationBytes = scenario.sa![0]!.encap === undefined ? 0 : udp.HEADER_BYTES;
    this.#xfrm = new XfrmOutput(host, {
      gso: new Gso(host, 0),
      encap: new EspEncap(host, sa),
      espOutput: { process: (skb) => this.#taken = skb },
      ipOutput: { process: (skb) => this.#taken = skb },
      headerBytes: headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, encapsulationBytes),
      innerMtu: { ipv4: Infinity, ipv6: Infinity },
    });
  }

  get liveBlocks(): number {
    return this.#stages.liveBlocks;
  }

  /** Bytes between the data that xfrm output sees and the first byte to encrypt. */
  ipHeaderBytes(row: TableRow): number {
    if (this.#mode === "tunnel") return 0;
    return row.text("via").startsWith("esp6") ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
  }

  /** The packet of a row, whose head was reallocated with a copy of `copied` bytes, 0 if it was not. */
  output(row: TableRow, copied: number): { headroom: number; work: Work } {
    const { skbs } = this.#stages.host;
    const shape = espOutputShape(row);
    const headersBytes = this.ipHeaderBytes(row);
    const headlen = shape.headlen + headersBytes;
    const headroom = copied === 0 ? shape.headroom - headersBytes : copied - headlen;
    if (headroom < 0) throw row.error("it is less than the headers in front of the data", "headroom");
    const { skb, twins } = rebuild(skbs, { ...shape, headroom, headlen });
    this.#stages.takeWork();
    this.#xfrm.process(skb);
    const work = this.#stages.takeWork();
    const result = { headroom: this.#taken!.headroom, work };
    for (const each of [this.#taken!, ...twins]) skbs.free(each, REASON.consumed);
    return result;
  }
}
