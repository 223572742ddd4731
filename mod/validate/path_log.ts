/**
 * What the whole path of the model makes of a recording's frames, in the columns of the recording's tables.
 *
 * The stages are those of every run; each of them is watched where a probe sat in the kernel: on entry of a function, and
 * where it returns.
 *
 * @module
 */

import type { EventBlock, Fold } from "../ledger/ledger.ts";
import { EVENT, REASON, REASONS } from "../ledger/schema.ts";
import { payloadLength } from "../skb/members.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { EspTransform } from "../stages/esp_transform.ts";
import { Gso } from "../stages/gso.ts";
import { TxNic } from "../stages/tx_nic.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { trailerResult } from "./esp_output_rows.ts";
import { rangesOf, type ResultRow, skbRow } from "./skb_row.ts";
import { type StageHost, Work } from "./stage_host.ts";

/** Copies of it are an inline memcpy that no probe sees. */
const UNSEEN = REASONS[REASON.segmentLinear]!.kernelFunction;

/** The rows of one run, by table. */
export class PathLog {
  /** `expected_inputs.csv`. */
  readonly inputs: Record<string, string | number>[] = [];
  /** `expected.csv` of path gro, `expected_gro.csv` of path forward. */
  readonly delivered: ResultRow[] = [];
  /** `expected_xfrm_output.csv`. */
  readonly forwarded: ResultRow[] = [];
  /** `expected.csv` of ESP output. */
  readonly trailers: ResultRow[] = [];
  /** `expected_gso.csv`. */
  readonly segmented: ResultRow[] = [];
  /** `expected_tx.csv`. */
  readonly sent: ResultRow[] = [];
  /** The IP packets of `output.pcap`. */
  readonly frames: Uint8Array[] = [];
  /** All copies. */
  readonly work: Work = new Work();

  constructor(readonly stages: StageHost) {}

  /** The bytes of the arena. */
  get u8(): Uint8Array {
    return this.stages.host.skbs.memory.u8;
  }

  /** The work since this was last called; it is counted in `work` too. */
  takeWork(): Work {
    const work = this.stages.takeWork();
    this.work.add(work);
    return work;
  }

  /** A frame as the driver hands it to GRO: lengths without the Ethernet header. */
  received(index: number, skb: Skb): void {
    const isInPages = skb.headlen === 0;
    this.inputs[index] = {
      entry: isInPages ? "napi_gro_frags" : "napi_gro_receive",
      len: skb.len - (isInPages ? ETH_HLEN : 0),
      headlen: skb.headlen,
      nr_frags: skb.nrFrags,
      head_frag: Number(skb.headFrag),
      ip_summed: skb.ipSummed,
    };
  }

  /** A buffer that GRO sends up. */
  deliver(skb: Skb): void {
    const members = skb.members ?? [skb.packet];
    this.delivered.push({
      first_input: members[0]!,
      n_inputs: members.length,
      inputs: rangesOf(members),
      ...skbRow(this.u8, skb),
    });
  }

  /** A packet that enters xfrm output. */
  forward(skb: Skb): void {
    this.forwarded.push(skbRow(this.u8, skb));
  }

  /** A frame that the driver takes. */
  send(skb: Skb): void {
    this.sent.push(skbRow(this.u8, skb));
    const packet = new Uint8Array(skb.len - ETH_HLEN);
    gather(this.stages.host.skbs, skb, ETH_HLEN, packet.length, packet);
    this.frames.push(packet);
  }
}

/** Says what napi_gro_receive returned for each packet, from the ledger. */
export class GroResults implements Fold {
  readonly #results = new Map<number, string>();
  readonly #packetOf = new Map<number, number>();

  add({ rows, event, reason, packet, skb }: EventBlock): void {
    for (let row = 0; row < rows; row++) {
      if (event[row] === EVENT.visit && packet[row]! >= 0) this.#packetOf.set(skb[row]!, packet[row]!);
      if (event[row] === EVENT.merge) {
        this.#results.set(packet[row]!, reason[row] === REASON.fragList ? "MERGED" : "MERGED_FREE");
      }
      if (event[row] === EVENT.flush) this.#results.set(this.#packetOf.get(skb[row]!)!, "HELD");
    }
  }

  /** The result of a packet. */
  of(packet: number): string {
    return this.#results.get(packet) ?? "NORMAL";
  }
}

/** ESP output, watched where esp_output_head is entered and left: sizes count from the first byte to encrypt. */
export class WatchedTransform extends EspTransform {
  constructor(readonly log: PathLog, ...parameters: ConstructorParameters<typeof EspTransform>) {
    super(...parameters);
  }

  override makeTrailer(skb: Skb, offset: number, nextHeader: number): boolean {
    this.log.takeWork();
    const protectedBytes = skb.len - offset;
    const before = {
      ...skbRow(this.log.u8, skb),
      len: protectedBytes,
      headlen: skb.headlen - offset,
      headroom: skb.headroom + offset,
      tailroom: skb.tailroom,
      tailspace: skb.head.endOffset - skb.tail,
    };
    const entry = { offset, protectedBytes, dataLen: skb.dataLen };
    const toNewPage = super.makeTrailer(skb, offset, nextHeader);
    const work = this.log.takeWork();
    this.log.trailers.push({ ...before, ...trailerResult(entry, this.sa.icvBytes, skb, work, toNewPage) });
    return toNewPage;
  }
}

/** Segmentation, watched where skb_segment is entered and left: sizes count from the payload. */
export class WatchedGso extends Gso {
  constructor(readonly log: PathLog, ...parameters: ConstructorParameters<typeof Gso>) {
    super(...parameters);
  }

  override segment(skb: Skb, emit: (segment: Skb) => void): void {
    const { log } = this;
    log.takeWork();
    const payloadBytes = payloadLength(skb);
    const before = { ...skbRow(log.u8, skb), len: payloadBytes, headlen: payloadBytes - skb.dataLen };
    const segments: ResultRow[] = [];
    super.segment(skb, (segment) => {
      segments.push({
        ...skbRow(log.u8, segment),
        tailspace: segment.head.endOffset - segment.tail,
      });
      emit(segment);
    });
    const work = log.takeWork();
    const list = (column: string): string => segments.map((row) => row[column]!).join("/");
    log.segmented.push({
      ...before,
      n_segs: segments.length,
      seg_len: list("len"),
      seg_data_len: list("data_len"),
      seg_nr_frags: list("nr_frags"),
      seg_tailspace: list("tailspace"),
      seg_ip_summed: list("ip_summed"),
      bytes_copied: work.copiedBytes - work.bytesOf(UNSEEN),
    });
  }
}

/** A driver that takes every frame at once, as that of the recordings did. */
export class WatchedNic extends TxNic {
  constructor(readonly log: PathLog, ...parameters: ConstructorParameters<typeof TxNic>) {
    super(...parameters);
  }

  override transmit(skb: Skb): boolean {
    this.log.send(skb);
    this.host.skbs.free(skb, REASON.sent);
    return true;
  }
}
